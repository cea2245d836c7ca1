//! The flash that this firmware runs from. While it is erased or written nothing can be read from it, so what does that is in RAM or the boot ROM.
//! From the journal on, it is mapped where programs are run in place; a page in which something was written is mapped anew, which the chips do not
//! need, but emulators that copy pages when they are mapped.

use edge_device::memory_map::ESP32 as MAP;
use edge_device::server::ProgramFlash;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write};

use crate::chip;
use crate::watchdog;

const WRITE_BYTES: usize = MAP.write_bytes as usize;
const ERASE_BYTES: usize = MAP.erase_bytes as usize;

/// What the memory management unit maps at a time.
const PAGE_BYTES: u32 = 64 << 10;

const SECTORS_OF_PAGE: u32 = PAGE_BYTES / MAP.erase_bytes;

/// The first byte that is mapped.
const MAPPED: u32 = MAP.layout.journal[0].offset;
const _: () = assert!(MAPPED.is_multiple_of(PAGE_BYTES) && MAP.flash_bytes.is_multiple_of(PAGE_BYTES));

/// Bytes that are written at a time, from RAM: what a request brings, so that the cache is emptied once for it.
const PIECE: usize = 1024;

/// The flash, whole.
pub struct Flash(());

impl Flash {
    /// Maps it.
    ///
    /// # Safety
    /// There must be one only, and nothing that it is made to erase or write may be code of this firmware.
    pub unsafe fn new() -> Self {
        // SAFETY: no interrupt comes, the other core sleeps, and the function is in RAM.
        unsafe { map() };
        Self(())
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, bytes.len())?;
        watchdog::feed();
        let mapped = self.mapped(offset, bytes.len() as u32);
        if mapped.len() != bytes.len() {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        bytes.copy_from_slice(mapped);
        Ok(())
    }

    fn capacity(&self) -> usize {
        MAP.flash_bytes as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = WRITE_BYTES;
    const ERASE_SIZE: usize = ERASE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        check_erase(self, from, to)?;
        for offset in (from..to).step_by(ERASE_BYTES) {
            watchdog::feed();
            // SAFETY: as for `map`; a whole sector.
            done(unsafe { erase(offset / MAP.erase_bytes) })?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len())?;
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            // None crosses the end of a page.
            let room = (PAGE_BYTES - offset % PAGE_BYTES) as usize;
            let (bytes, after) = rest.split_at(room.min(PIECE).min(rest.len()));
            rest = after;
            // They may themselves be in flash.
            let mut words = [0_u32; PIECE / 4];
            words.iter_mut().zip(bytes.as_chunks().0).for_each(|(word, &bytes)| *word = u32::from_le_bytes(bytes));
            watchdog::feed();
            // SAFETY: as for `map`; there are as many words.
            done(unsafe { write(offset, words.as_ptr(), bytes.len() as u32) })?;
            offset += bytes.len() as u32;
        }
        Ok(())
    }
}

impl ProgramFlash<'static> for Flash {
    fn mapped(&self, offset: u32, length: u32) -> &'static [u8] {
        let end = offset.checked_add(length).filter(|&end| offset >= MAPPED && end <= MAP.flash_bytes);
        // SAFETY: it is mapped for as long as the chip runs. Slots never erase nor write the one whose image they handed out.
        end.map_or(&[], |_| unsafe { core::slice::from_raw_parts((chip::WINDOW + offset) as *const u8, length as usize) })
    }
}

/// What the boot ROM's functions return.
fn done(result: i32) -> Result<(), NorFlashErrorKind> {
    if result == 0 { Ok(()) } else { Err(NorFlashErrorKind::Other) }
}

/// # Safety
/// Nothing else may run.
#[unsafe(link_section = ".iram.map")]
#[inline(never)]
unsafe extern "C" fn map() {
    // SAFETY: this is in RAM; the firmware itself is mapped elsewhere.
    unsafe {
        let cache = chip::stop_cache();
        let mut page = MAPPED / PAGE_BYTES;
        while page < MAP.flash_bytes / PAGE_BYTES {
            chip::map(page);
            page += 1;
        }
        chip::start_cache(cache);
    }
}

/// # Safety
/// Nothing else may run.
#[unsafe(link_section = ".iram.erase")]
#[inline(never)]
unsafe extern "C" fn erase(sector: u32) -> i32 {
    // SAFETY: this is in RAM.
    unsafe {
        let cache = chip::stop_cache();
        let result = chip::erase_sector(sector);
        chip::map(sector / SECTORS_OF_PAGE);
        chip::start_cache(cache);
        result
    }
}

/// # Safety
/// Nothing else may run; there must be as many bytes, in RAM.
#[unsafe(link_section = ".iram.write")]
#[inline(never)]
unsafe extern "C" fn write(offset: u32, words: *const u32, bytes: u32) -> i32 {
    // SAFETY: this is in RAM.
    unsafe {
        let cache = chip::stop_cache();
        let result = chip::program(offset, words, bytes);
        chip::map(offset / PAGE_BYTES);
        chip::start_cache(cache);
        result
    }
}
