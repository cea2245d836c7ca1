//! ESP32 boards at a serial port.
//!
//! A board on which our firmware runs gets the model from it, as every board does (`over_line`): that needs no reset lines, keeps the image
//! that runs until the new one has proven itself, and goes back by itself. The loader in the chip's ROM is for all else: boards without our
//! firmware, or with one that cannot execute the program. Then everything is compared and what differs is written, in an order that leaves
//! the board as it was for as long as possible:
//!
//! ```text
//! model          into the slot that does not hold the newest confirmed image; the firmware finds it there and runs it on trial
//! application    into the place that is not started, where it is not there already
//! boot loader, partition table       hardly ever differ; where they do, the board is new to us and nothing is worth keeping
//! otadata        chooses the application, where that is another one now
//! ```
//!
//! Then the board is started, and judged as every board is. Where nobody answers it is said that all is there and nothing was proven.

use std::time::Duration;

use edge_device::client::{Client, Identity};
use edge_device::memory_map::ESP32;
use edge_device::slots::{Slots, State};
use edgectl_esp::ota::OtaData;
use edgectl_esp::plan::Rules;
use edgectl_esp::table::TABLE_OFFSET;
use edgectl_esp::{Chip, EspError, FlashEvent, Partition, PartitionTable, Patience, Plan, Region, Session, Where, session, write};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

use super::line::{Place, Port};
use super::prepared::{bytes, target};
use super::{BoardError, Deployment, Prepared};
use crate::event::{Event, Step};
use crate::hex;
use crate::receipt::{Outcome, Receipt};
use crate::release::ReleaseTarget;

/// Until a firmware has answered that was not just reset, three times this.
const GREETING: Duration = Duration::from_millis(250);
/// Until a firmware is there that was just written: it has to find the model and prove it first.
const START: Duration = Duration::from_secs(10);
/// Speed of the line once the stub runs, as esptool's.
const BAUD: u32 = 460_800;

const STEPS: [Step; 7] = [Step::Connect, Step::Probe, Step::Stage, Step::Verify, Step::Restart, Step::Health, Step::Commit];

/// Who is at the line.
enum Found {
    /// Our firmware, and it can execute the program.
    Firmware,
    /// A chip that waits in its loader, or a firmware that cannot execute the program.
    Loader,
    /// Nobody who answers.
    Nobody,
}

impl Deployment<'_> {
    /// Brings the release to the board at a serial port, of whatever kind.
    pub(crate) fn at_serial_port(&mut self, place: &mut Place) -> Result<Receipt, BoardError> {
        let chips = self.chips_with_firmware();
        if chips.is_empty() || matches!(place.port, Port::Tcp(_)) {
            return self.over_line(&mut place.port);
        }
        let path = place.port.path()?;
        if place.by_loader {
            return self.by_loader(&path, place, &chips);
        }
        match self.who(&path) {
            Found::Firmware => match &place.mac {
                Some(mac) => self.over_line_to(&path, &mac.clone()),
                None => self.over_line(&mut Port::Path(path)),
            },
            Found::Loader => self.by_loader(&path, place, &chips),
            // A firmware may only be slow.
            Found::Nobody => match self.by_loader(&path, place, &chips) {
                Err(error @ BoardError::Esp(EspError::NoLoader { .. })) => self.over_line(&mut Port::Path(path)).map_err(|_| error),
                ended => ended,
            },
        }
    }

    /// The chips that the release has a firmware for.
    fn chips_with_firmware(&self) -> Vec<Chip> {
        let targets = self.release.targets.iter().filter(|target| !target.linux && !target.parts.is_empty());
        targets.filter_map(|target| Chip::from_name(&target.soc)).collect()
    }

    fn who(&mut self, path: &str) -> Found {
        if session::waits(path) {
            return Found::Loader;
        }
        let Ok(line) = Port::Path(path.into()).open(None, Duration::ZERO) else { return Found::Nobody };
        let Ok(identity) = Client::new(line, GREETING).hello() else { return Found::Nobody };
        let fits = Prepared::new(self.release, &identity.chip).and_then(|prepared| prepared.fits(&identity));
        match fits {
            Err(BoardError::Abi { .. } | BoardError::Operators { .. }) => Found::Loader,
            // All else is as wrong with another firmware, and is said there.
            _ => Found::Firmware,
        }
    }

    /// The same, of a board with this address only.
    fn over_line_to(&mut self, path: &str, mac: &str) -> Result<Receipt, BoardError> {
        let mut port = Port::Path(path.into());
        let mut client = Client::new(port.open(None, Duration::ZERO)?, GREETING);
        let identity = client.hello()?;
        drop(client);
        check_address(&identity, mac)?;
        self.over_line(&mut port)
    }

    /// Writes what differs through the chip's loader, starts the board and has it prove what it holds.
    fn by_loader(&mut self, path: &str, place: &Place, chips: &[Chip]) -> Result<Receipt, BoardError> {
        self.tell(Event::Planned { steps: STEPS.into(), bytes: 0 });
        self.started(Step::Connect);
        let mut session = self.open(path, place, chips)?;
        self.done(Step::Connect);

        self.started(Step::Probe);
        let chip = session.facts().chip;
        let prepared = Prepared::new(self.release, chip.name())?;
        let contents = self.contents(target(self.release, chip.name())?)?;
        let (plan, previous) = self.plan(&mut session, &prepared, contents)?;
        self.done(Step::Probe);

        self.started(Step::Stage);
        let events = &mut *self.events;
        let stop = self.options.stop.clone();
        let written = write::write(&mut session, &plan, &stop, &mut |event| events(in_general(event)))?;
        self.done(Step::Stage);
        if written.verified {
            self.tell(Event::Verified { what: format!("{} bytes of flash", plan.bytes()) });
        }

        self.started(Step::Restart);
        session.reset()?;
        self.done(Step::Restart);
        let proven = self.prove(&mut Port::Path(path.into()), &prepared, START + self.options.timeout.min(START));
        let outcome = match proven {
            Ok(Outcome::Committed { proof }) if written.sent_bytes == 0 => Outcome::Unchanged { proof },
            Ok(outcome) => outcome,
            Err(BoardError::Client(_) | BoardError::Open { .. }) if written.verified => Outcome::NotVerified {
                reason: "all is in flash, by the chip's own digests; but no firmware answers that could prove the model".into(),
            },
            Err(BoardError::Client(_) | BoardError::Open { .. }) => {
                Outcome::NotVerified { reason: "written, not verified: the chip cannot be read back, and no firmware answers".into() }
            }
            Err(error) => return Err(error),
        };
        Ok(self.receipt(previous, written.sent_bytes, outcome))
    }

    /// Finds the chip in its loader; it must be one of those that the release is for.
    fn open(&mut self, path: &str, place: &Place, chips: &[Chip]) -> Result<Session, BoardError> {
        let patience = Patience { answer: self.options.timeout.min(Patience::default().answer), ..Patience::default() };
        let baud = Some(place.baud.unwrap_or(BAUD));
        let place = |chip| Where { port: path.into(), chip, mac: place.mac.clone(), baud };
        let first = chips.first().copied().ok_or(BoardError::Role { role: "firmware" })?;
        match Session::open(place(first), patience) {
            Err(EspError::Chip { found, expected }) => match Chip::from_name(&found).filter(|found| chips.contains(found)) {
                Some(other) => Ok(Session::open(place(other), patience)?),
                None if chips.len() == 1 => Err(EspError::Chip { found, expected }.into()),
                None => target(self.release, &found).map(|_| ()).and(Err(BoardError::Role { role: "firmware" })),
            },
            opened => Ok(opened?),
        }
    }

    /// What the release has for the flash.
    fn contents(&self, target: &ReleaseTarget) -> Result<Contents, BoardError> {
        let mut parts = vec![];
        for &(index, offset) in &target.parts {
            let file = self.release.files.get(index).ok_or(BoardError::Role { role: "firmware" })?;
            let offset = u32::try_from(offset).map_err(|_| BoardError::Image)?;
            parts.push(Region { name: file.path.clone(), offset, bytes: bytes(file)? });
        }
        let table = parts.iter().find(|part| part.offset == TABLE_OFFSET).ok_or(BoardError::Role { role: "partition table" })?;
        let table = PartitionTable::from_bytes(&table.bytes).map_err(EspError::from)?;
        Ok(Contents { table, flash_bytes: u32::try_from(target.flash_bytes).unwrap_or(u32::MAX), parts })
    }

    /// What is to be written, in which order; and what runs now, where that is known.
    fn plan(&mut self, session: &mut Session, prepared: &Prepared, contents: Contents) -> Result<(Plan, Option<String>), BoardError> {
        let Contents { table, flash_bytes, parts } = contents;
        let readable = !session.facts().security.download_only;
        // A board that is divided like this one has something worth keeping.
        let divided = Region { name: "partition table".into(), offset: TABLE_OFFSET, bytes: table.to_bytes() };
        let known = readable && session.holds(&divided)?;
        let mut previous = None;
        let mut regions = vec![];
        if has_slots(&table) {
            let [first, second] = ESP32.layout.slots;
            let mut slot = first;
            if known {
                let journal = Journal::read(session)?;
                let slots = Slots::open(journal, ESP32.layout).map_err(|_| BoardError::Image)?;
                let record = *slots.record();
                if prepared.security_version < record.floor {
                    return Err(BoardError::Rollback { floor: record.floor, found: prepared.security_version });
                }
                let [a, b] = record.slots;
                let newest = [(a, second), (b, first)].into_iter().filter(|(slot, _)| slot.state == State::Confirmed);
                let newest = newest.max_by_key(|(slot, _)| slot.age);
                // The one that holds it already is not written again.
                slot = match newest {
                    Some((runs, _)) if runs.digest == prepared.digest => {
                        if runs == a {
                            first
                        } else {
                            second
                        }
                    }
                    Some((runs, other)) => {
                        previous = Some(format!("image {}", hex(&runs.digest)));
                        other
                    }
                    None => first,
                };
            }
            let region = Region { name: "model".into(), offset: slot.offset, bytes: prepared.image.clone() };
            if region.bytes.len() > slot.bytes as usize {
                return Err(BoardError::Slot { needed: region.bytes.len() as u64, available: slot.bytes.into() });
            }
            regions.push((region, known));
            if !known {
                // What lay here before is no record of ours.
                let [journal, _] = ESP32.layout.journal;
                let blank = vec![0xFF; 2 * journal.bytes as usize];
                regions.push((Region { name: "record".into(), offset: journal.offset, bytes: blank }, false));
            }
        }
        let choice = self.application(session, &table, known, parts, &mut regions)?;
        regions.extend(choice);
        let rules = Rules { table: &table, flash_bytes, allow_unverified: self.options.allow_unverified };
        Ok((Plan::new(regions, session.facts(), &rules)?, previous))
    }

    /// Adds application, table and boot loader; what has to choose the application then, and comes last.
    fn application(
        &mut self,
        session: &mut Session,
        table: &PartitionTable,
        known: bool,
        parts: Vec<Region>,
        regions: &mut Vec<(Region, bool)>,
    ) -> Result<Option<(Region, bool)>, BoardError> {
        let records = table.partitions().iter().find(|partition| partition.is_ota_data());
        let mut places: Vec<&Partition> = table.partitions().iter().filter(|partition| partition.ota_number().is_some()).collect();
        places.sort_by_key(|partition| partition.ota_number());
        let count = places.len() as u32;
        let first = table.first_app().map(|partition| partition.offset);
        let (mut rest, mut choice) = (vec![], None);
        for mut part in parts {
            if Some(part.offset) != first {
                // The program, where the table is a user's, is data like any other; the rest is what everything starts from.
                let is_data = table.partitions().iter().any(|partition| partition.offset == part.offset);
                if is_data {
                    regions.push((part, false))
                } else {
                    rest.push((part, false))
                }
                continue;
            }
            part.name = "application".into();
            let mut spare = false;
            match records {
                Some(records) if known && count > 1 => {
                    let data = OtaData::parse(&session.read(records.offset, records.bytes)?);
                    let now = data.chosen(count).unwrap_or(0);
                    let otherwise = part.offset;
                    let place = |number: u32| places.get(number as usize).map_or(otherwise, |partition| partition.offset);
                    part.offset = place(now);
                    if !session.holds(&part)? {
                        let next = (now + 1) % count;
                        part.offset = place(next);
                        let (at, bytes) = data.choose(next, count);
                        // One of two sectors: until it is whole, the other one counts.
                        choice = Some((Region { name: "otadata".into(), offset: records.offset + at, bytes }, true));
                        spare = true;
                    }
                }
                // Nothing chosen: the first.
                Some(records) => {
                    let bytes = vec![0xFF; records.bytes as usize];
                    rest.push((Region { name: "otadata".into(), offset: records.offset, bytes }, false));
                }
                None => {}
            }
            regions.push((part, spare));
        }
        // Whatever starts the rest is last.
        rest.sort_by_key(|(part, _)| std::cmp::Reverse(part.offset));
        regions.extend(rest);
        Ok(choice)
    }
}

/// That a board which answers has this address (lower-case, with colons): an ESP32's number begins with it.
///
/// # Errors
/// [`EspError::Mac`] where it has another one.
pub(super) fn check_address(identity: &Identity, mac: &str) -> Result<(), BoardError> {
    let found = session::with_colons(&hex(identity.board.get(..6).unwrap_or_default()));
    match found == mac {
        true => Ok(()),
        false => Err(EspError::Mac { found, expected: mac.into() }.into()),
    }
}

/// What a release has for a flash.
struct Contents {
    table: PartitionTable,
    flash_bytes: u32,
    parts: Vec<Region>,
}

/// Whether a table has record and slots where our firmware looks for them.
fn has_slots(table: &PartitionTable) -> bool {
    let [first, second] = ESP32.layout.slots;
    let [journal, _] = ESP32.layout.journal;
    let places = [("record", journal), ("model_0", first), ("model_1", second)];
    places.into_iter().all(|(name, region)| table.find(name).is_some_and(|partition| partition.offset == region.offset))
}

fn in_general(event: FlashEvent<'_>) -> Event {
    match event {
        FlashEvent::Advanced { done, total } => Event::Advanced { step: Step::Stage, done, total },
        FlashEvent::Skipped(name) => Event::Skipped { step: Step::Stage, reason: format!("{name} is there already") },
        FlashEvent::Verified(name) => Event::Verified { what: name.into() },
        FlashEvent::Again { name, why } => Event::Note { text: format!("{name}: {why}; trying again") },
        _ => Event::Note { text: format!("{event:?}") },
    }
}

/// The journal as it was read, for who understands it.
struct Journal {
    offset: u32,
    bytes: Vec<u8>,
}

impl Journal {
    fn read(session: &mut Session) -> Result<Journal, BoardError> {
        let [first, second] = ESP32.layout.journal;
        Ok(Journal { offset: first.offset, bytes: session.read(first.offset, first.bytes + second.bytes)? })
    }
}

impl ErrorType for Journal {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Journal {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let at = offset.checked_sub(self.offset).map(|at| at as usize).ok_or(NorFlashErrorKind::OutOfBounds)?;
        let found = self.bytes.get(at..).and_then(|found| found.get(..bytes.len())).ok_or(NorFlashErrorKind::OutOfBounds)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.offset as usize + self.bytes.len()
    }
}

impl NorFlash for Journal {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), Self::Error> {
        Err(NorFlashErrorKind::Other)
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), Self::Error> {
        Err(NorFlashErrorKind::Other)
    }
}
