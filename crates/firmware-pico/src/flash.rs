//! The flash that this firmware runs from. While it is erased or written nothing can be read from it, so what does that is in RAM, the boot
//! ROM does the work, and interrupts wait.

use edge_device::server::ProgramFlash;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write};

use crate::chip::hal::rom_data;
use crate::chip::{MAP, XIP_SETUP};
use crate::watchdog;

const WRITE_BYTES: usize = MAP.write_bytes as usize;
const ERASE_BYTES: usize = MAP.erase_bytes as usize;

/// The flash's command that erases 64 KiB, which the boot ROM uses where it fits; it never does.
const BLOCK_BYTES: u32 = 64 << 10;
const BLOCK_ERASE: u8 = 0xd8;

/// The flash, whole.
pub struct Flash(());

impl Flash {
    /// # Safety
    /// There must be one only, and nothing that it is made to erase or write may be code of this firmware.
    pub const unsafe fn new() -> Self {
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
        bytes.copy_from_slice(self.mapped(offset, bytes.len() as u32));
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
            run(Job { what: ERASE, offset, bytes: core::ptr::null() });
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len())?;
        for (offset, bytes) in (offset..).step_by(WRITE_BYTES).zip(bytes.chunks_exact(WRITE_BYTES)) {
            // They may themselves be in flash.
            let mut page = [0; WRITE_BYTES];
            page.copy_from_slice(bytes);
            run(Job { what: WRITE, offset, bytes: page.as_ptr() });
        }
        Ok(())
    }
}

impl ProgramFlash<'static> for Flash {
    fn mapped(&self, offset: u32, length: u32) -> &'static [u8] {
        let end = offset.checked_add(length).filter(|&end| end <= MAP.flash_bytes);
        // SAFETY: flash is mapped for as long as the chip runs. Slots never erase nor write the one whose image they handed out.
        end.map_or(&[], |_| unsafe { core::slice::from_raw_parts((MAP.base + offset) as *const u8, length as usize) })
    }
}

const ERASE: u32 = 0;
const WRITE: u32 = 1;
#[cfg(feature = "rp2040")]
const READ_ID: u32 = 2;

/// What to do while flash cannot be read. Plain numbers: the table of a `match` might lie in flash.
#[repr(C)]
struct Job {
    what: u32,
    offset: u32,
    /// A page, of `WRITE`; room for [`ID_BYTES`], of `READ_ID`.
    bytes: *const u8,
}

/// Functions of the boot ROM, looked up while flash can still be read, and a copy of the one that sets up execution from flash.
#[repr(C)]
struct Functions {
    connect: unsafe extern "C" fn(),
    exit_xip: unsafe extern "C" fn(),
    erase: unsafe extern "C" fn(u32, usize, u32, u8),
    write: unsafe extern "C" fn(u32, *const u8, usize),
    flush_cache: unsafe extern "C" fn(),
    xip_setup: [u32; XIP_SETUP.1],
}

fn run(job: Job) {
    let mut functions = Functions {
        connect: rom_data::connect_internal_flash::ptr(),
        exit_xip: rom_data::flash_exit_xip::ptr(),
        erase: rom_data::flash_range_erase::ptr(),
        write: rom_data::flash_range_program::ptr(),
        flush_cache: rom_data::flash_flush_cache::ptr(),
        xip_setup: [0; XIP_SETUP.1],
    };
    // SAFETY: there lie as many words that can be read.
    functions.xip_setup.iter_mut().enumerate().for_each(|(index, word)| *word = unsafe { XIP_SETUP.0.add(index).read() });
    watchdog::feed();
    // SAFETY: no interrupt comes, the other core sleeps, no DMA runs, and the function is in RAM, as is all that it is given.
    critical_section::with(|_| unsafe { in_ram(&functions, &job) });
    watchdog::feed();
}

/// # Safety
/// Nothing else may run that reads flash. Offsets must be those of whole sectors or pages.
#[unsafe(link_section = ".data.in_ram")]
#[inline(never)]
unsafe extern "C" fn in_ram(functions: &Functions, job: &Job) {
    // SAFETY: the order is that of the data sheet (RP2040, 2.8.3.1.3).
    unsafe {
        (functions.connect)();
        (functions.exit_xip)();
        if job.what == ERASE {
            (functions.erase)(job.offset, ERASE_BYTES, BLOCK_BYTES, BLOCK_ERASE);
        } else if job.what == WRITE {
            (functions.write)(job.offset, job.bytes, WRITE_BYTES);
        } else {
            #[cfg(feature = "rp2040")]
            id::read(job.bytes.cast_mut());
        }
        (functions.flush_cache)();
        // The lowest bit: Thumb code.
        let xip_setup: unsafe extern "C" fn() = core::mem::transmute(functions.xip_setup.as_ptr().cast::<u8>().wrapping_add(1));
        xip_setup();
    }
}

/// What the flash chip's maker has numbered it with.
#[cfg(feature = "rp2040")]
pub fn unique_id() -> [u8; 8] {
    let mut answer = [0; id::BYTES];
    run(Job { what: READ_ID, offset: 0, bytes: answer.as_mut_ptr() });
    answer.last_chunk().copied().unwrap_or_default()
}

#[cfg(feature = "rp2040")]
mod id {
    /// A command, four bytes that mean nothing, and the number.
    pub(super) const BYTES: usize = 13;
    const COMMAND: u32 = 0x4b;

    /// Drives the flash's select pin: RP2040 data sheet, GPIO_QSPI_SS_CTRL, OUTOVER.
    const SELECT: *mut u32 = 0x4001_800c as *mut u32;
    const SELECT_MASK: u32 = 3 << 8;
    const LOW: u32 = 2 << 8;
    const HIGH: u32 = 3 << 8;
    /// The serial interface to the flash: status with "receive queue not empty", data.
    const STATUS: *const u32 = 0x1800_0028 as *const u32;
    const RECEIVED: u32 = 1 << 3;
    const DATA: *mut u32 = 0x1800_0060 as *mut u32;

    /// # Safety
    /// The flash must be in command mode, and there must be room for [`BYTES`].
    #[inline(always)]
    pub(super) unsafe fn read(bytes: *mut u8) {
        // SAFETY: as the caller promises; the registers are there.
        unsafe {
            SELECT.write_volatile(SELECT.read_volatile() & !SELECT_MASK | LOW);
            let mut index = 0;
            while index < BYTES {
                DATA.write_volatile(if index == 0 { COMMAND } else { 0 });
                while STATUS.read_volatile() & RECEIVED == 0 {}
                bytes.add(index).write_volatile(DATA.read_volatile() as u8);
                index += 1;
            }
            SELECT.write_volatile(SELECT.read_volatile() & !SELECT_MASK | HIGH);
        }
    }
}
