//! Two places for images in flash, and which of them runs.
//!
//! A slot holds one [image](crate::image). Images arrive in the slot that is not running, piece by piece, are verified where they lie, and
//! then started on trial: once. Whoever confirms it makes it permanent; if nobody does before the next reset, or if its self-test fails,
//! the device goes back to the newest confirmed image by itself. Every step is one record of the [journal](crate::journal), so that
//! power may fail before, during and after it: what runs then is the old image or the new one, whole.
//!
//! ```text
//!             begin              all erased           finish: digest right         activate
//! any but ──────────▶ Erasing ──────────────▶ Receiving ──────────────▶ Written ──────────────▶ Trial
//! running                                         │ digest wrong                     ┌────────────┘ reset: boots = 1, self-test
//!                                                 ▼                                  ├─ confirmed ──▶ Confirmed
//!                                              Rejected ◀────────────────────────────┴─ self-test fails, reset, host rejects
//! ```
//!
//! An image without a record was put there through the chip's own boot loader, by somebody who holds the board. It is taken in on the
//! next reset and runs on trial like any other, but its self-test alone confirms it, and it is started twice before it is given up: whoever
//! put it there may have pulled the plug too early.
//!
//! The security floor is the highest security version that was ever *confirmed*: an image below it is neither received nor run. It rises
//! with the confirmation, in the same record, so that a failed trial leaves it alone.

use embedded_storage::nor_flash::{NorFlash, NorFlashError};
use sha2::{Digest as _, Sha256};

use crate::image::{COVERED, Digest, HEADER_BYTES, Header};
use crate::journal::{Journal, MAX_WRITE_BYTES, Record, SLOTS, blank, erase};
pub use crate::slot::{Layout, Progress, Region, Slot, SlotError, State, Verdict};

/// How often what was found in flash is started on trial.
const FOUND_BOOTS: u8 = 2;

/// The slots of a device.
#[derive(Debug)]
pub struct Slots<F> {
    flash: F,
    layout: Layout,
    journal: Journal,
    record: Record,
    running: Option<u8>,
    /// Whether a slot has had its turn since the reset.
    tried: [bool; SLOTS],
    /// Of the image that arrives; known since `begin`.
    progress: Option<Progress>,
}

impl<F: NorFlash> Slots<F> {
    /// Reads what is known. Nothing is written.
    ///
    /// # Errors
    /// [`SlotError::Flash`].
    pub fn open(mut flash: F, layout: Layout) -> Result<Self, SlotError> {
        let (journal, record) = Journal::open(&mut flash, layout.journal).map_err(flash_error)?;
        Ok(Self { flash, layout, journal, record, running: None, tried: [false; SLOTS], progress: None })
    }

    /// What is known.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The slot whose image runs, and what is known of it.
    pub fn running(&self) -> Option<(u8, Slot)> {
        self.running.and_then(|index| Some((index, *self.record.slots.get(usize::from(index))?)))
    }

    /// The flash.
    pub fn flash(&self) -> &F {
        &self.flash
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Where a slot lies.
    pub fn region(&self, slot: u8) -> Region {
        self.layout.slots.get(usize::from(slot)).copied().unwrap_or_default()
    }

    /// After a reset, takes in what was put into flash without a record.
    ///
    /// # Errors
    /// [`SlotError::Flash`].
    pub fn take_in(&mut self) -> Result<(), SlotError> {
        for index in 0..SLOTS as u8 {
            let Some(header) = self.header(index)? else { continue };
            if self.slot(index).digest == header.digest {
                continue;
            }
            let (state, verdict) = if header.security_version < self.record.floor {
                (State::Rejected, Verdict::Rollback)
            } else if self.holds(index, &header)? {
                (State::Trial, Verdict::None)
            } else {
                // Half of an image, which may be all that is left of a good one: what is known of that may not be lost.
                continue;
            };
            let age = self.next_age();
            self.set(index, Slot { verdict, age, found: true, ..Slot::new(state, &header) })?;
        }
        Ok(())
    }

    /// The image to run: the newest on trial that was not started yet, else the newest confirmed one, its digest verified. One that was
    /// started on trial and not confirmed is rejected. Each slot has one turn: where the image fails its self-test, [`Slots::fail`] says
    /// so, and this finds the next.
    ///
    /// # Errors
    /// [`SlotError::Flash`].
    pub fn choose(&mut self) -> Result<Option<(u8, Header)>, SlotError> {
        self.running = None;
        loop {
            let next = (0..SLOTS as u8)
                .filter(|&index| !self.tried.get(usize::from(index)).copied().unwrap_or(true))
                .map(|index| (index, self.slot(index)))
                .filter(|(_, slot)| matches!(slot.state, State::Trial | State::Confirmed))
                .max_by_key(|(_, slot)| (slot.state == State::Trial, slot.age));
            let Some((index, slot)) = next else { return Ok(None) };
            if let Some(tried) = self.tried.get_mut(usize::from(index)) {
                *tried = true;
            }
            let trial = slot.state == State::Trial;
            if trial && slot.boots >= if slot.found { FOUND_BOOTS } else { 1 } {
                self.reject_slot(index, Verdict::Unconfirmed)?;
                continue;
            }
            let header = self.header(index)?.filter(|header| header.digest == slot.digest);
            let header = match header {
                Some(header) if self.holds(index, &header)? => header,
                // Of a confirmed one nothing is written: it may be a bad supply that reads wrongly.
                _ if trial => {
                    self.reject_slot(index, Verdict::Damaged)?;
                    continue;
                }
                _ => continue,
            };
            if header.security_version < self.record.floor {
                if trial {
                    self.reject_slot(index, Verdict::Rollback)?;
                }
                continue;
            }
            if trial {
                self.set(index, Slot { boots: slot.boots + 1, ..slot })?;
            }
            self.running = Some(index);
            return Ok(Some((index, header)));
        }
    }

    /// The self-test of the image that runs has passed: of one that was found in flash, nobody else will say that it is good.
    ///
    /// # Errors
    /// [`SlotError::Flash`].
    pub fn pass(&mut self) -> Result<(), SlotError> {
        match self.running() {
            Some((_, slot)) if slot.found && slot.state == State::Trial => self.confirm(&slot.digest),
            _ => Ok(()),
        }
    }

    /// The image that runs has failed its self-test: it does not run any more, and if it was on trial, it is rejected. Then
    /// [`Slots::choose`] finds another.
    ///
    /// # Errors
    /// [`SlotError::Flash`].
    pub fn fail(&mut self) -> Result<(), SlotError> {
        match self.running() {
            Some((index, slot)) if slot.state == State::Trial => {
                self.running = None;
                self.reject_slot(index, Verdict::SelfTest)
            }
            _ => {
                self.running = None;
                Ok(())
            }
        }
    }

    /// Makes a slot ready for an image, or tells how far it has arrived if it was begun before.
    ///
    /// # Errors
    /// [`SlotError`], before anything is erased.
    pub fn begin(&mut self, length: u32, digest: &Digest, security_version: u32) -> Result<Progress, SlotError> {
        let index = self.free_slot()?;
        let region = self.region(index);
        if length <= HEADER_BYTES as u32 || length > region.bytes {
            return Err(SlotError::Length { found: length, limit: region.bytes });
        }
        self.expect_floor(security_version)?;
        let wanted = Slot { state: State::Receiving, security_version, length, digest: *digest, ..Slot::default() };
        let found = self.slot(index);
        if found == wanted {
            return match self.progress.filter(|progress| progress.slot == index) {
                Some(progress) => Ok(progress),
                None => self.resume(index, length),
            };
        }
        if found.state == State::Written && found.digest == *digest && found.length == length {
            return Ok(self.at(index, length));
        }
        // The digest of what lies there, lest it be taken for something that was put there through the boot loader.
        let digest = self.header(index)?.map_or(found.digest, |header| header.digest);
        self.progress = None;
        self.set(index, Slot { state: State::Erasing, digest, ..Slot::default() })?;
        let erased = length.next_multiple_of(region.erase_bytes);
        erase(&mut self.flash, region, erased).map_err(flash_error)?;
        self.set(index, wanted)?;
        Ok(self.at(index, 0))
    }

    /// Writes the next piece of the image: a multiple of the flash's writable unit, unless it is the last. What is there already is
    /// not written again.
    ///
    /// # Errors
    /// [`SlotError`].
    pub fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<Progress, SlotError> {
        let (progress, slot) = self.arriving()?;
        let refused = Err(SlotError::Piece { received: progress.received, unit: F::WRITE_SIZE as u16 });
        let Some(end) = u32::try_from(bytes.len()).ok().and_then(|length| offset.checked_add(length)) else { return refused };
        if end <= progress.received {
            return Ok(progress);
        }
        let whole = end == slot.length || bytes.len().is_multiple_of(F::WRITE_SIZE);
        if offset != progress.received || end > slot.length || !whole {
            return refused;
        }
        let at = self.region(progress.slot).offset + offset;
        let (units, last) = bytes.split_at_checked(bytes.len() / F::WRITE_SIZE * F::WRITE_SIZE).unwrap_or((bytes, &[]));
        // Should this fail half-way, what is there is found out by `resume`.
        self.progress = None;
        if !units.is_empty() {
            self.flash.write(at, units).map_err(flash_error)?;
        }
        if !last.is_empty() {
            let mut unit = [0xff; MAX_WRITE_BYTES];
            unit.iter_mut().zip(last).for_each(|(byte, &value)| *byte = value);
            self.flash.write(at + units.len() as u32, unit.get(..F::WRITE_SIZE).unwrap_or_default()).map_err(flash_error)?;
        }
        Ok(self.at(progress.slot, end))
    }

    /// Verifies the image where it lies: the slot that it is in, and its header.
    ///
    /// # Errors
    /// [`SlotError`]. What is whole but wrong is rejected.
    pub fn finish(&mut self) -> Result<(u8, Header), SlotError> {
        let (progress, slot) = self.arriving()?;
        if progress.received < slot.length {
            return Err(SlotError::Piece { received: progress.received, unit: F::WRITE_SIZE as u16 });
        }
        let announced =
            |header: &Header| (header.digest, header.length, header.security_version) == (slot.digest, slot.length, slot.security_version);
        let header = match self.header(progress.slot)?.filter(announced) {
            Some(header) if self.holds(progress.slot, &header)? => header,
            _ => {
                self.progress = None;
                self.reject_slot(progress.slot, Verdict::Damaged)?;
                return Err(SlotError::Digest);
            }
        };
        if slot.state != State::Written {
            self.set(progress.slot, Slot { state: State::Written, ..slot })?;
        }
        Ok((progress.slot, header))
    }

    /// Has an image started on trial after the next reset.
    ///
    /// # Errors
    /// [`SlotError::NoSuchImage`], [`SlotError::Rollback`], [`SlotError::Flash`].
    pub fn activate(&mut self, digest: &Digest) -> Result<(), SlotError> {
        let runs = self.running().filter(|(_, slot)| slot.digest == *digest && matches!(slot.state, State::Trial | State::Confirmed));
        let (index, slot) = match runs {
            Some(_) => return Ok(()),
            None => self.find(digest, |slot| match slot.state {
                State::Written | State::Trial | State::Confirmed => true,
                State::Rejected => slot.verdict != Verdict::Damaged,
                State::Empty | State::Erasing | State::Receiving => false,
            })?,
        };
        if slot.state == State::Trial && slot.boots == 0 {
            return Ok(());
        }
        self.expect_floor(slot.security_version)?;
        let age = self.next_age();
        self.set(index, Slot { state: State::Trial, verdict: Verdict::None, boots: 0, found: false, age, ..slot })
    }

    /// Makes the running image permanent, and its security version the floor.
    ///
    /// # Errors
    /// [`SlotError::NoSuchImage`] where another runs, [`SlotError::Flash`].
    pub fn confirm(&mut self, digest: &Digest) -> Result<(), SlotError> {
        let (index, slot) = self.running().filter(|(_, slot)| slot.digest == *digest).ok_or(SlotError::NoSuchImage)?;
        match slot.state {
            State::Confirmed => Ok(()),
            State::Trial => {
                let mut record = self.record;
                record.floor = record.floor.max(slot.security_version);
                if let Some(place) = record.slots.get_mut(usize::from(index)) {
                    *place = Slot { state: State::Confirmed, ..slot };
                }
                self.append(record)
            }
            _ => Err(SlotError::NoSuchImage),
        }
    }

    /// Never runs an image again after the next reset, unless it is activated again.
    ///
    /// # Errors
    /// [`SlotError::NoSuchImage`], [`SlotError::Flash`].
    pub fn reject(&mut self, digest: &Digest) -> Result<(), SlotError> {
        let whole = |slot: &Slot| matches!(slot.state, State::Written | State::Trial | State::Confirmed | State::Rejected);
        let (index, slot) = match self.running().filter(|(_, slot)| slot.digest == *digest) {
            Some(running) => running,
            None => self.find(digest, whole)?,
        };
        if slot.state == State::Rejected { Ok(()) } else { self.reject_slot(index, Verdict::Host) }
    }

    /// The header of what lies in a slot; `None` where there is none.
    ///
    /// # Errors
    /// [`SlotError::Flash`].
    pub fn header(&mut self, slot: u8) -> Result<Option<Header>, SlotError> {
        let region = self.region(slot);
        let mut bytes = [0; HEADER_BYTES];
        self.flash.read(region.offset, &mut bytes).map_err(flash_error)?;
        Ok(Header::parse(&bytes, region.bytes))
    }

    /// The slot that an image may be written to: the one that does not run.
    fn free_slot(&self) -> Result<u8, SlotError> {
        match self.running() {
            Some((index, slot)) if slot.state == State::Confirmed => Ok(1 - index),
            Some(_) => Err(SlotError::OnTrial),
            // None runs: the one that is worth less.
            None => {
                let worth = |index: u8| {
                    let slot = self.slot(index);
                    let arriving = matches!(slot.state, State::Receiving | State::Erasing);
                    (!arriving, matches!(slot.state, State::Confirmed | State::Trial), slot.age)
                };
                Ok(u8::from(worth(1) < worth(0)))
            }
        }
    }

    /// Finds out how far an image had arrived before a reset. Pieces came in order, so that everything before the last erasable unit that
    /// is not blank is whole; that unit may be torn, and is erased.
    fn resume(&mut self, index: u8, length: u32) -> Result<Progress, SlotError> {
        let region = self.region(index);
        let mut at = length.next_multiple_of(region.erase_bytes);
        while at > 0 {
            at -= region.erase_bytes;
            if !blank(&mut self.flash, region.offset + at, region.erase_bytes).map_err(flash_error)? {
                let unit = Region { offset: region.offset + at, ..region };
                erase(&mut self.flash, unit, region.erase_bytes).map_err(flash_error)?;
                break;
            }
        }
        Ok(self.at(index, at))
    }

    fn at(&mut self, slot: u8, received: u32) -> Progress {
        let progress = Progress { slot, received };
        self.progress = Some(progress);
        progress
    }

    /// The image that arrives, or that has just arrived.
    fn arriving(&self) -> Result<(Progress, Slot), SlotError> {
        let progress = self.progress.ok_or(SlotError::NotReceiving)?;
        let slot = self.slot(progress.slot);
        let receiving = matches!(slot.state, State::Receiving | State::Written);
        if receiving { Ok((progress, slot)) } else { Err(SlotError::NotReceiving) }
    }

    /// Whether the image's digests are right.
    fn holds(&mut self, slot: u8, header: &Header) -> Result<bool, SlotError> {
        let region = self.region(slot);
        Ok(self.digest(region.offset + COVERED as u32, header.length - COVERED as u32)? == header.digest)
    }

    fn digest(&mut self, offset: u32, length: u32) -> Result<Digest, SlotError> {
        let mut hash = Sha256::new();
        let mut bytes = [0; MAX_WRITE_BYTES];
        let mut at = 0;
        while at < length {
            let step = (length - at).min(MAX_WRITE_BYTES as u32) as usize;
            // Whole readable units; an image's length is a multiple of four.
            let read = bytes.get_mut(..step.next_multiple_of(F::READ_SIZE)).unwrap_or_default();
            self.flash.read(offset + at, read).map_err(flash_error)?;
            hash.update(read.get(..step).unwrap_or_default());
            at += step as u32;
        }
        Ok(hash.finalize().into())
    }

    fn expect_floor(&self, found: u32) -> Result<(), SlotError> {
        let floor = self.record.floor;
        if found < floor { Err(SlotError::Rollback { floor, found }) } else { Ok(()) }
    }

    /// The newest image of a digest for which this holds.
    fn find(&self, digest: &Digest, holds: impl Fn(&Slot) -> bool) -> Result<(u8, Slot), SlotError> {
        let slots = (0..SLOTS as u8).map(|index| (index, self.slot(index)));
        let found = slots.filter(|(_, slot)| slot.digest == *digest && holds(slot));
        found.max_by_key(|(_, slot)| slot.age).ok_or(SlotError::NoSuchImage)
    }

    fn next_age(&self) -> u32 {
        self.record.slots.iter().map(|slot| slot.age).max().unwrap_or_default().saturating_add(1)
    }

    fn slot(&self, index: u8) -> Slot {
        self.record.slots.get(usize::from(index)).copied().unwrap_or_default()
    }

    fn reject_slot(&mut self, index: u8, verdict: Verdict) -> Result<(), SlotError> {
        self.set(index, Slot { state: State::Rejected, verdict, ..self.slot(index) })
    }

    fn set(&mut self, index: u8, slot: Slot) -> Result<(), SlotError> {
        let mut record = self.record;
        if let Some(place) = record.slots.get_mut(usize::from(index)) {
            *place = slot;
        }
        self.append(record)
    }

    fn append(&mut self, record: Record) -> Result<(), SlotError> {
        let record = Record { number: self.record.number.saturating_add(1), ..record };
        self.journal.append(&mut self.flash, &record).map_err(flash_error)?;
        self.record = record;
        Ok(())
    }
}

fn flash_error(_: impl NorFlashError) -> SlotError {
    SlotError::Flash
}
