//! Boards with a microcontroller that speak the protocol of `edge-device`.
//!
//! ```text
//! Connect   open the line, ask the board who it is            nothing has changed
//! Probe     is it one of the bundle's, and does all of it fit
//! Stage     send the image to the slot that does not run; a re-run goes on where it stopped
//! Switch    activate it: it runs once, on trial
//! Restart   reset, and wait until the same board is back
//! Health    the board's own self-test, then the golden vectors once more from here
//! Commit    confirm the slot
//! Revert    reject it, reset: the board is back at the image before
//! ```
//!
//! Until Commit the board goes back by itself at its next reset, so that nothing is lost when the cable is pulled.

mod error;
pub(crate) mod esp;
pub(crate) mod line;
mod loan;
mod prepared;

use std::time::{Duration, Instant};

use edge_device::client::{Client, ClientError, Identity, PROMPT};
use edge_device::image::Digest;
use edge_device::message::{Refusal, Status};
use edge_device::slots::{Slot, State, Verdict};
use edge_format::{AlignedBytes, Golden, Program};

pub use error::BoardError;
pub use line::Line;
pub use loan::lend;
pub(crate) use prepared::Prepared;

use crate::event::{Event, Step};
use crate::hex;
use crate::receipt::{Outcome, Receipt};
use crate::release::Release;
use crate::target::Target;
use crate::transport::Options;
use line::Port;

/// How long a board may take to be back after a reset, before its own self-test counts.
const RESTART: Duration = Duration::from_secs(10);

const STEPS: [Step; 7] = [Step::Connect, Step::Probe, Step::Stage, Step::Switch, Step::Restart, Step::Health, Step::Commit];

/// A deployment on its way to a board.
pub(crate) struct Deployment<'d> {
    pub(crate) target: &'d Target,
    pub(crate) release: &'d Release,
    pub(crate) options: &'d Options,
    pub(crate) events: &'d mut dyn FnMut(Event),
}

impl Deployment<'_> {
    /// Brings the release to the board at a port.
    pub(crate) fn over_line(&mut self, port: &mut Port) -> Result<Receipt, BoardError> {
        self.tell(Event::Planned { steps: STEPS.into(), bytes: 0 });
        self.started(Step::Connect);
        let (mut client, identity) = connect(port, None, self.options)?;
        self.done(Step::Connect);

        self.started(Step::Probe);
        let prepared = Prepared::new(self.release, &identity.chip)?;
        prepared.fits(&identity)?;
        let (status, slots) = (client.status()?, client.slots()?);
        if prepared.security_version < status.floor {
            return Err(BoardError::Rollback { floor: status.floor, found: prepared.security_version });
        }
        let running = running(&status, &slots);
        let previous = running.filter(|slot| slot.digest != prepared.digest).map(|slot| format!("image {}", hex(&slot.digest)));
        self.done(Step::Probe);
        if let Some(slot) = running.filter(|slot| slot.digest == prepared.digest) {
            return self.prove_running(port, client, &identity, &prepared, slot);
        }

        self.started(Step::Stage);
        let mut last = 0;
        client.send_image(&prepared.image, |done, total| {
            last = total;
            (self.events)(Event::Advanced { step: Step::Stage, done: done.into(), total: total.into() });
        })?;
        self.done(Step::Stage);

        self.started(Step::Switch);
        in_session(&mut client, |client| client.activate(&prepared.digest))?;
        self.done(Step::Switch);
        self.started(Step::Restart);
        let client = start_trial(port, client, &identity, &prepared.digest, self.options)?;
        self.done(Step::Restart);
        let outcome = self.judge(port, client, &identity, &prepared).map_err(BoardError::after_switch)?;
        Ok(self.receipt(previous, u64::from(last), outcome))
    }

    /// The image runs already: of an earlier deployment that was interrupted, or of one that ended well.
    fn prove_running(
        &mut self,
        port: &mut Port,
        client: Client<Line>,
        identity: &Identity,
        prepared: &Prepared,
        slot: Slot,
    ) -> Result<Receipt, BoardError> {
        let reason = "the board runs this image already".to_owned();
        self.tell(Event::Skipped { step: Step::Stage, reason });
        let was_confirmed = slot.state == State::Confirmed;
        let outcome = self.judge(port, client, identity, prepared).map_err(BoardError::after_switch)?;
        let outcome = match outcome {
            Outcome::Committed { proof } if was_confirmed => Outcome::Unchanged { proof },
            outcome => outcome,
        };
        Ok(self.receipt(None, 0, outcome))
    }

    /// Asks a board that was written by other means what it runs, and has it prove it.
    pub(crate) fn prove(&mut self, port: &mut Port, prepared: &Prepared, patience: Duration) -> Result<Outcome, BoardError> {
        let line = port.open(None, patience)?;
        let (client, identity) = greet(line, patience, self.options)?;
        prepared.fits(&identity)?;
        self.judge(port, client, &identity, prepared)
    }

    /// Whether the board runs the image and computes what it must; confirms it, or goes back.
    fn judge(
        &mut self,
        port: &mut Port,
        mut client: Client<Line>,
        identity: &Identity,
        prepared: &Prepared,
    ) -> Result<Outcome, BoardError> {
        self.started(Step::Health);
        let (status, slots) = (client.status()?, client.slots()?);
        let running = running(&status, &slots);
        let Some(running) = running.filter(|slot| slot.digest == prepared.digest) else {
            let ours = slots.iter().find(|slot| slot.digest == prepared.digest);
            let reason = match (ours, status.self_test.failure) {
                (_, Some(failure)) => format!("the board's self-test: {failure}"),
                // What the board has found is gone with the image; arithmetic is the same here, to the byte.
                (Some(slot), None) if slot.verdict == Verdict::SelfTest => match prepared.self_test()? {
                    Some(failure) => format!("the board's self-test failed; here: {failure}"),
                    None => "the board's self-test failed, and passes here".into(),
                },
                (Some(slot), None) => format!("the board does not run the image: {}", slot.verdict),
                (None, None) => "the board does not hold the image".into(),
            };
            return Ok(Outcome::Reverted { reason });
        };
        let found = client.model()?.digest;
        if found != prepared.program_digest {
            return Err(BoardError::Program { expected: hex(&prepared.program_digest), found: hex(&found) });
        }
        if let Some(reason) = self.replay(&mut client, prepared)? {
            return self.revert(port, client, identity, prepared, reason);
        }
        self.tell(Event::Verified { what: format!("{} golden vectors", prepared.vectors) });
        self.done(Step::Health);

        self.started(Step::Commit);
        if running.state != State::Confirmed {
            in_session(&mut client, |client| client.confirm(&prepared.digest))?;
            let confirmed = |slot: &Slot| slot.digest == prepared.digest && slot.state == State::Confirmed;
            if !client.slots()?.iter().any(confirmed) {
                return Err(BoardError::NotConfirmed);
            }
        }
        self.done(Step::Commit);
        let Identity { board, firmware, .. } = identity;
        let (vectors, program) = (prepared.vectors, hex(&prepared.program_digest));
        let proof = format!("board {} ({firmware}): {vectors} of {vectors} golden vectors, program {program}", hex(board));
        Ok(Outcome::Committed { proof })
    }

    /// Runs the golden vectors on the board; where a byte differs, which one.
    fn replay(&mut self, client: &mut Client<Line>, prepared: &Prepared) -> Result<Option<String>, BoardError> {
        let program = AlignedBytes::from(&prepared.program[..]);
        let program = Program::parse(&program)?;
        let golden = Golden::parse(&prepared.golden, &program)?;
        let lengths = |io: edge_format::Io<'_>| program.tensor(io.tensor).map_or(0, |tensor| tensor.byte_length);
        for (number, vector) in golden.vectors().enumerate() {
            self.tell(Event::Advanced { step: Step::Health, done: number as u64, total: golden.count().into() });
            let mut inputs = vector.inputs;
            for (index, length) in (0..).zip(program.inputs().map(lengths)) {
                let (bytes, rest) = inputs.split_at_checked(length as usize).unwrap_or((inputs, &[]));
                client.write_input(index, bytes)?;
                inputs = rest;
            }
            client.invoke(false, self.options.deadline)?;
            let mut expected = vector.outputs;
            for (index, length) in (0..).zip(program.outputs().map(lengths)) {
                let found = client.read_output(index, length)?;
                let (bytes, rest) = expected.split_at_checked(length as usize).unwrap_or((expected, &[]));
                if let Some((byte, (expected, found))) = bytes.iter().zip(&found).enumerate().find(|(_, (a, b))| a != b) {
                    let at = format!("golden vector {number}, output {index}, byte {byte}");
                    return Ok(Some(format!("{at}: expected {expected:02x}, found {found:02x}")));
                }
                expected = rest;
            }
        }
        Ok(None)
    }

    /// Takes the image back.
    fn revert(
        &mut self,
        port: &mut Port,
        mut client: Client<Line>,
        identity: &Identity,
        prepared: &Prepared,
        reason: String,
    ) -> Result<Outcome, BoardError> {
        self.started(Step::Revert);
        in_session(&mut client, |client| client.reject(&prepared.digest))?;
        self.started(Step::Restart);
        let mut client = restart(port, client, identity, self.options)?;
        self.done(Step::Restart);
        let (status, slots) = (client.status()?, client.slots()?);
        let running = running(&status, &slots);
        if running.is_some_and(|slot| slot.digest == prepared.digest) {
            return Err(BoardError::NotReverted { reason });
        }
        self.done(Step::Revert);
        let now = running.map_or("no image runs now".to_owned(), |slot| format!("image {} runs again", hex(&slot.digest)));
        Ok(Outcome::Reverted { reason: format!("{reason}; {now}") })
    }

    pub(crate) fn receipt(&self, previous: Option<String>, bytes: u64, outcome: Outcome) -> Receipt {
        Receipt::new(self.target, [&self.release.digest, &self.release.version], previous, bytes, outcome)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        (self.events)(event);
    }

    pub(crate) fn started(&mut self, step: Step) {
        self.tell(Event::Started { step });
    }

    pub(crate) fn done(&mut self, step: Step) {
        self.tell(Event::Done { step });
    }
}

/// Opens the line and asks who is there; after a reset, it must be the same board.
fn connect(port: &mut Port, before: Option<&Identity>, options: &Options) -> Result<(Client<Line>, Identity), BoardError> {
    let patience = if before.is_some() { RESTART + options.deadline } else { options.timeout };
    let begin = Instant::now();
    loop {
        let left = patience.saturating_sub(begin.elapsed());
        let line = port.open(before.map(|identity| identity.board), left)?;
        match greet(line, left, options) {
            Ok((client, identity)) => match before.filter(|before| before.board != identity.board) {
                Some(before) => return Err(BoardError::AnotherBoard { expected: hex(&before.board), found: hex(&identity.board) }),
                None => return Ok((client, identity)),
            },
            // A USB port goes away with the reset, and comes back.
            Err(ClientError::Line(_)) if before.is_some() && begin.elapsed() < patience => std::thread::sleep(line::POLL),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Resets the board and waits until it is back.
fn restart(port: &mut Port, mut client: Client<Line>, identity: &Identity, options: &Options) -> Result<Client<Line>, BoardError> {
    client.reset()?;
    client.into_link().hear_out();
    let (client, _) = connect(port, Some(identity), options).map_err(BoardError::after_switch)?;
    Ok(client)
}

/// Restarts a board on which an image was activated, until it has been started on trial.
fn start_trial(
    port: &mut Port,
    mut client: Client<Line>,
    identity: &Identity,
    image: &Digest,
    options: &Options,
) -> Result<Client<Line>, BoardError> {
    // A reset that gets lost on the way has no answer that would be missed.
    for _ in 0..3 {
        client = restart(port, client, identity, options)?;
        let waits = |slot: &Slot| slot.digest == *image && slot.state == State::Trial && slot.boots == 0;
        if !client.slots().map_err(|error| BoardError::after_switch(error.into()))?.iter().any(waits) {
            break;
        }
    }
    Ok(client)
}

/// What the slot holds that runs.
fn running(status: &Status, slots: &[Slot]) -> Option<Slot> {
    status.running.and_then(|index| slots.get(usize::from(index))).copied()
}

/// Waits until a board answers. Afterwards it may take longer than while it is awaited: what gets lost then is lost on a bad line only.
fn greet(line: Line, patience: Duration, options: &Options) -> Result<(Client<Line>, Identity), ClientError> {
    let mut client = Client::new(line, PROMPT);
    client.wait(patience)?;
    let mut client = Client::new(client.into_link(), PROMPT.max(options.timeout / 3));
    let identity = client.hello()?;
    Ok((client, identity))
}

/// Asks for something that names the conversation. A greeting that was sent twice, as on a slow line, has begun another one: then once more.
fn in_session(client: &mut Client<Line>, ask: impl Fn(&mut Client<Line>) -> Result<(), ClientError>) -> Result<(), ClientError> {
    match ask(client) {
        Err(ClientError::Refused { refusal: Refusal::Session, .. }) => {
            client.hello()?;
            ask(client)
        }
        answer => answer,
    }
}

/// The digest of an image, as it stands in its header.
pub(crate) fn image_digest(image: &[u8]) -> Digest {
    image.get(8..40).and_then(|digest| digest.try_into().ok()).unwrap_or_default()
}
