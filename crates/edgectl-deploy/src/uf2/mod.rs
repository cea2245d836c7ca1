//! Boards whose boot loader shows itself as a volume: one file is copied there, and the board starts again with what was in it.
//!
//! A volume cannot be read back, and it is gone as soon as the last block has arrived. So what was written counts as deployed only when the
//! board has come back on its serial port and has proven it there; otherwise the outcome is [`Outcome::NotVerified`].

mod format;
mod volume;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use edge_device::memory_map::{MemoryMap, PICO, PICO2};

pub use format::{BLOCK, Chip, Family, PAYLOAD, Segment, Uf2Error, parse, write};

use crate::board::line::{POLL, Port, boards};
use crate::board::{BoardError, Deployment, Prepared};
use crate::error::DeployError;
use crate::event::{Event, Step};
use crate::receipt::{Outcome, Receipt};
use crate::release::Release;
use crate::target::Target;
use crate::transport::{Options, Transport};
use volume::Volume;

/// How long a board may take from the last block until its serial port is there.
const RETURN: Duration = Duration::from_secs(15);
const STEPS: [Step; 6] = [Step::Connect, Step::Probe, Step::Stage, Step::Restart, Step::Health, Step::Commit];

/// Chips and where their flash has what.
const CHIPS: [(Family, MemoryMap); 2] = [(Family::Rp2040, PICO), (Family::Rp2350, PICO2)];

/// The chip and the memory map of a family.
pub fn chip(family: Family) -> (Chip, MemoryMap) {
    let map = CHIPS.iter().find(|(known, _)| *known == family).map_or(PICO, |(_, map)| *map);
    (Chip { family, base: map.base, flash_bytes: map.flash_bytes, sector_bytes: map.erase_bytes }, map)
}

/// The file with a model's image for the first slot, and with a firmware before it where there is one.
///
/// # Errors
/// [`Uf2Error::Segment`] where one of them is too long for its place.
pub fn file(family: Family, firmware: Option<&[u8]>, image: &[u8]) -> Result<Vec<u8>, Uf2Error> {
    let (chip, map) = chip(family);
    let [slot, _] = map.layout.slots;
    let bound = |bytes: &[u8], offset, most: u32, expected| match bytes.len() as u64 <= u64::from(most) {
        true => Ok(()),
        false => Err(Uf2Error::Segment { offset, length: bytes.len(), expected }),
    };
    let mut segments = vec![];
    if let Some(firmware) = firmware {
        bound(firmware, 0, map.firmware_bytes, "a firmware that ends before the slots")?;
        segments.push(Segment { offset: 0, bytes: firmware });
    }
    bound(image, slot.offset, slot.bytes, "an image no longer than a slot")?;
    segments.push(Segment { offset: slot.offset, bytes: image });
    write(&chip, &segments)
}

/// `uf2:PATH`, `uf2:auto`, either with `+serial:PORT`: where the board answers when it is back.
#[derive(Debug)]
struct Uf2 {
    target: Target,
    /// `None`: the only volume.
    path: Option<PathBuf>,
    port: Option<Port>,
}

/// The transport of a target, where it is a UF2 volume.
pub fn open(target: &Target) -> Option<Box<dyn Transport>> {
    let Target::Uf2(text) = target else { return None };
    let (path, port) = match text.split_once("+serial:") {
        Some((path, port)) => (path, Some(Port::parse(port))),
        None => (text.as_str(), None),
    };
    let path = (path != "auto").then(|| path.into());
    Some(Box::new(Uf2 { target: target.clone(), path, port }))
}

impl Transport for Uf2 {
    fn deploy(&mut self, release: &Release, options: &Options, events: &mut dyn FnMut(Event)) -> Result<Receipt, DeployError> {
        let target = self.target.clone();
        let mut deployment = Deployment { target: &target, release, options, events };
        Ok(self.run(&mut deployment)?)
    }
}

impl Uf2 {
    fn run(&mut self, deployment: &mut Deployment<'_>) -> Result<Receipt, BoardError> {
        deployment.tell(Event::Planned { steps: STEPS.into(), bytes: 0 });
        deployment.started(Step::Connect);
        let volume = match &self.path {
            Some(path) => Volume::open(path)?,
            None => Volume::only()?,
        };
        deployment.done(Step::Connect);

        deployment.started(Step::Probe);
        let family = volume.family();
        let prepared = Prepared::new(deployment.release, family.chip())?;
        let firmware = prepared.firmware.as_deref().ok_or(BoardError::Role { role: "firmware" })?;
        let bytes = file(family, Some(firmware), &prepared.image)?;
        // The same rules for what was just made as for what comes from anywhere.
        parse(&bytes, &chip(family).0)?;
        deployment.done(Step::Probe);

        let before: BTreeSet<String> = boards().into_iter().map(|board| board.number).collect();
        deployment.started(Step::Stage);
        let total = bytes.len() as u64;
        volume.write(&bytes, &mut |done| deployment.tell(Event::Advanced { step: Step::Stage, done, total }))?;
        deployment.done(Step::Stage);

        deployment.started(Step::Restart);
        let outcome = if volume.wait_gone(RETURN) {
            match self.port.clone().or_else(|| returned(&before)) {
                Some(mut port) => {
                    deployment.done(Step::Restart);
                    let patience = RETURN + deployment.options.deadline;
                    match deployment.prove(&mut port, &prepared, patience) {
                        Ok(outcome) => outcome,
                        Err(error @ (BoardError::Client(_) | BoardError::Open { .. } | BoardError::NoBoard { .. })) => {
                            Outcome::NotVerified { reason: in_words(&error) }
                        }
                        Err(error) => return Err(error),
                    }
                }
                None => Outcome::NotVerified { reason: format!("no new board has appeared within {} s", RETURN.as_secs()) },
            }
        } else {
            let reason = "the volume is still there: the boot loader has not taken the file as complete".into();
            Outcome::NotVerified { reason }
        };
        Ok(deployment.receipt(None, total, outcome))
    }
}

/// The board that was not there before.
fn returned(before: &BTreeSet<String>) -> Option<Port> {
    let begin = Instant::now();
    while begin.elapsed() < RETURN {
        let mut new = boards().into_iter().filter(|board| !before.contains(&board.number));
        if let Some(board) = new.next() {
            return Some(Port::Board(board.number));
        }
        std::thread::sleep(POLL);
    }
    None
}

fn in_words(error: &BoardError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
