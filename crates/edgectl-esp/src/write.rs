//! Writing a plan, and finding out that it is there.
//!
//! The chip computes digests of what it holds, so only what differs is sent: pieces of 64 KiB, several in a run. A run that was sent is
//! compared at once; where anything fails, the loader is found again and the region is begun anew, which goes on where it stopped. At the
//! end all regions are compared once more, since a flash that is smaller than it says writes one over the other. Where digests do not help,
//! the flash is read back; where that does not either, it is said that nothing was verified.

use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use espflash::command::Command;
use flate2::Compression;
use flate2::write::{ZlibDecoder, ZlibEncoder};
use md5::{Digest, Md5};

use crate::chip::Chip;
use crate::error::{EspError, State};
use crate::loader::LoaderError;
use crate::plan::{Plan, Region};
use crate::session::Session;
use crate::table::SECTOR_BYTES;

/// What is compared, and sent again, by itself.
const PIECE: usize = 64 << 10;
/// Pieces that are sent together: more compress better.
const RUN: usize = 16;
/// What the stub takes at once, compressed.
const STUB_BLOCK: usize = 16 << 10;
/// What the ROM takes at once.
const ROM_BLOCK: usize = 1 << 10;
/// How often something may fail for a region.
const ATTEMPTS: u32 = 4;

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlashEvent<'p> {
    /// Bytes that are there, of all.
    Advanced {
        /// So far.
        done: u64,
        /// Of all parts.
        total: u64,
    },
    /// A part was there already.
    Skipped(&'p str),
    /// A part is there, by the chip's own digest.
    Verified(&'p str),
    /// Something failed, and is tried again.
    Again {
        /// Which part.
        name: &'p str,
        /// What failed.
        why: String,
    },
}

/// What has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of flash that were sent: not what was there already.
    pub sent_bytes: u64,
    /// Whether all of it was compared with what the chip holds.
    pub verified: bool,
}

/// Writes a plan. Told again after any failure, it goes on where it was.
///
/// # Errors
/// [`EspError`], with the state that the board is in.
pub fn write(session: &mut Session, plan: &Plan, stop: &AtomicBool, events: &mut dyn FnMut(FlashEvent<'_>)) -> Result<Written, EspError> {
    let mut work = Work {
        chip: session.facts().chip,
        readable: !session.facts().security.download_only,
        digests: true,
        session,
        stop,
        events,
        done: 0,
        reached: 0,
        total: plan.bytes(),
        sent: 0,
        state: State::Untouched,
        spare: true,
    };
    let result = work.all(plan);
    let state = work.state;
    result.map_err(|error| error.with_state(state))?;
    Ok(Written { sent_bytes: work.sent, verified: work.readable })
}

/// Why a region is not there yet.
enum Failure {
    /// The line or the loader.
    Loader(&'static str, LoaderError),
    /// What was sent is not what is there.
    Differs(Range<usize>),
    /// Somebody wants to stop.
    Stopped,
    /// No chip, another one, or one that is gone.
    Session(EspError),
}

struct Work<'w> {
    session: &'w mut Session,
    chip: Chip,
    stop: &'w AtomicBool,
    events: &'w mut dyn FnMut(FlashEvent<'_>),
    /// Whether what is in flash can be compared with anything.
    readable: bool,
    /// Whether the chip's digests can be believed.
    digests: bool,
    /// Of all regions before the one at work.
    done: u64,
    /// With what is there of that one.
    reached: u64,
    total: u64,
    sent: u64,
    state: State,
    /// Whether the region at work is one that nothing is started from.
    spare: bool,
}

impl Work<'_> {
    fn all(&mut self, plan: &Plan) -> Result<(), EspError> {
        let mut sent = vec![];
        for (region, spare) in &plan.regions {
            self.spare = *spare;
            let before = self.sent;
            self.region(region)?;
            self.done += region.bytes.len() as u64;
            self.advance(0);
            let event = match (self.sent > before, self.readable) {
                (true, true) => FlashEvent::Verified(&region.name),
                (true, false) => continue,
                (false, _) => FlashEvent::Skipped(&region.name),
            };
            sent.push(region);
            (self.events)(event);
        }
        // One region may have changed another only where any was written, and where there are two.
        if self.sent > 0 && self.readable && plan.regions.len() > 1 {
            for (region, _) in &plan.regions {
                self.compare_again(region)?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, within: usize) {
        self.reached = self.done + within as u64;
        (self.events)(FlashEvent::Advanced { done: self.reached, total: self.total });
    }

    /// Brings a region, however often something fails.
    fn region(&mut self, region: &Region) -> Result<(), EspError> {
        let mut failures = 0;
        loop {
            let failure = match self.bring(region) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            failures += 1;
            let again = failures < ATTEMPTS;
            let error = match failure {
                Failure::Stopped => {
                    return Err(EspError::Interrupted { done: self.reached, total: self.total, state: self.state });
                }
                Failure::Session(error) => return Err(error),
                Failure::Differs(range) => {
                    let (offset, bytes) = (region.offset + range.start as u32, range.len() as u32);
                    EspError::Differs { name: region.name.clone(), offset, bytes, attempts: failures, state: self.state }
                }
                Failure::Loader(what, error) => self.session.error(what, Some(error)),
            };
            if !again {
                return Err(error);
            }
            (self.events)(FlashEvent::Again { name: &region.name, why: error.to_string() });
            self.session.recover()?;
        }
    }

    /// Sends what differs, and compares it.
    fn bring(&mut self, region: &Region) -> Result<(), Failure> {
        for run in self.missing(region)? {
            self.send(region, run.clone())?;
            if self.readable && !self.holds(region, run.clone())? {
                return Err(Failure::Differs(run));
            }
        }
        Ok(())
    }

    /// The runs of pieces that differ.
    fn missing(&mut self, region: &Region) -> Result<Vec<Range<usize>>, Failure> {
        let length = region.bytes.len();
        if self.readable && self.has_digest(region, 0..length)? == Some(true) {
            return Ok(vec![]);
        }
        let mut runs: Vec<Range<usize>> = vec![];
        for begin in (0..length).step_by(PIECE) {
            let piece = begin..(begin + PIECE).min(length);
            // Of a region of one piece it is known.
            if length > PIECE && self.readable && self.has_digest(region, piece.clone())? == Some(true) {
                continue;
            }
            match runs.last_mut() {
                Some(run) if run.end == piece.start && run.len() < RUN * PIECE => run.end = piece.end,
                _ => runs.push(piece),
            }
        }
        Ok(runs)
    }

    /// Whether the chip's digest is that of a part of a region; `None` where its digests are not to be believed.
    fn has_digest(&mut self, region: &Region, range: Range<usize>) -> Result<Option<bool>, Failure> {
        if !self.digests {
            return Ok(None);
        }
        let expected = region.bytes.get(range.clone()).unwrap_or_default();
        let (offset, length) = (region.offset + range.start as u32, range.len());
        let patience = self.session.patience.for_flash(length);
        for attempt in 0..2 {
            match self.loader()?.md5(offset, length as u32, patience) {
                Ok(found) => return Ok(Some(found == Md5::digest(expected).as_slice())),
                Err(LoaderError::Line(error)) => return Err(Failure::Loader("compare", LoaderError::Line(error))),
                Err(error) => {
                    // The second time it is not the line, if the loader answers otherwise.
                    let quick = self.session.patience.answer.min(std::time::Duration::from_millis(300));
                    let stub = self.loader()?.stub;
                    if self.loader()?.sync(quick).ok() != Some(stub) {
                        return Err(Failure::Loader("compare", error));
                    }
                    if attempt == 1 {
                        self.digests = false;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether a part of a region is there: by its digest, or where that says no, by its bytes.
    fn holds(&mut self, region: &Region, range: Range<usize>) -> Result<bool, Failure> {
        if self.has_digest(region, range.clone())? == Some(true) {
            return Ok(true);
        }
        let expected = region.bytes.get(range.clone()).unwrap_or_default();
        let (offset, length) = (region.offset + range.start as u32, range.len());
        let patience = self.session.patience.for_flash(length);
        match self.loader()?.read_flash(offset, length as u32, patience) {
            Ok(found) if found == expected => {
                self.digests = false;
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(_) if self.digests => Ok(false),
            Err(LoaderError::Line(error)) => Err(Failure::Loader("read back", LoaderError::Line(error))),
            Err(_) => {
                // Neither digests nor bytes: nothing more is known than that it was sent.
                self.readable = false;
                Ok(true)
            }
        }
    }

    fn loader(&mut self) -> Result<&mut crate::loader::Loader, Failure> {
        self.session.loader().map_err(Failure::Session)
    }

    /// Sends a part of a region, whatever is there now.
    fn send(&mut self, region: &Region, range: Range<usize>) -> Result<(), Failure> {
        let bytes = region.bytes.get(range.clone()).unwrap_or_default();
        let offset = region.offset + range.start as u32;
        self.state = match (self.spare, self.state) {
            (true, State::Untouched | State::AsBefore) => State::AsBefore,
            _ => State::Incomplete,
        };
        let patience = self.session.patience;
        let stub = self.loader()?.stub;
        let compressed = if stub { deflated(bytes) } else { None };
        let data = compressed.as_deref().unwrap_or(bytes);
        let block_bytes = if stub { STUB_BLOCK } else { ROM_BLOCK };
        let blocks = data.len().div_ceil(block_bytes);
        let (block_size, erased) = (block_bytes as u32, (bytes.len() as u32).next_multiple_of(SECTOR_BYTES));
        // The fifth word of the command is for encryption; the ESP32 has none.
        let extended = self.chip != Chip::Esp32;
        let begin = match compressed {
            Some(_) => {
                let size = bytes.len() as u32;
                Command::FlashDeflBegin { size, blocks: blocks as u32, block_size, offset, supports_encryption: extended && !stub }
            }
            None => Command::FlashBegin { size: erased, blocks: blocks as u32, block_size, offset, supports_encryption: extended },
        };
        // The ROM erases all of it now, the stub as it goes.
        let erased = if stub { patience.answer } else { patience.for_flash(bytes.len()) };
        self.loader()?.command(begin, 0, erased).map_err(|error| Failure::Loader("erase", error))?;
        let mut inflated = Inflated::default();
        for (sequence, block) in data.chunks(block_bytes).enumerate() {
            if self.stop.load(Ordering::SeqCst) {
                return Err(Failure::Stopped);
            }
            let sequence = sequence as u32;
            let command = match compressed {
                Some(_) => Command::FlashDeflData { data: block, pad_to: 0, pad_byte: 0xFF, sequence },
                None => Command::FlashData { data: block, pad_to: block_bytes, pad_byte: 0xFF, sequence },
            };
            let written = if compressed.is_some() { inflated.by(block) } else { block.len() };
            let patience = patience.for_flash(written);
            self.loader()?.command(command, 0, patience).map_err(|error| Failure::Loader("write", error))?;
            let part = (sequence as usize + 1) * bytes.len() / blocks;
            self.advance(range.start + part);
        }
        self.sent += bytes.len() as u64;
        Ok(())
    }

    /// Compares a region that was there once more.
    fn compare_again(&mut self, region: &Region) -> Result<(), EspError> {
        let mut failures = 0;
        loop {
            match self.holds(region, 0..region.bytes.len()) {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let (name, bytes) = (region.name.clone(), region.bytes.len() as u32);
                    self.state = State::Incomplete;
                    return Err(EspError::Differs { name, offset: region.offset, bytes, attempts: 1, state: self.state });
                }
                Err(Failure::Loader(what, error)) => {
                    failures += 1;
                    if failures >= ATTEMPTS {
                        return Err(self.session.error(what, Some(error)));
                    }
                    self.session.recover()?;
                }
                Err(Failure::Session(error)) => return Err(error),
                Err(Failure::Differs(_) | Failure::Stopped) => {}
            }
        }
    }
}

/// How much flash each block of compressed data is: the time that it takes.
struct Inflated(ZlibDecoder<Vec<u8>>);

impl Default for Inflated {
    fn default() -> Inflated {
        Inflated(ZlibDecoder::new(vec![]))
    }
}

impl Inflated {
    fn by(&mut self, block: &[u8]) -> usize {
        // What was just compressed can be inflated.
        let inflated = self.0.write_all(block).and_then(|()| self.0.flush());
        let length = self.0.get_ref().len();
        self.0.get_mut().clear();
        if inflated.is_ok() { length } else { RUN * PIECE }
    }
}

/// Compressed, where that makes it shorter.
fn deflated(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len()), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|compressed| compressed.len() < bytes.len())
}
