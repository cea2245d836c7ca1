//! What ends a run by itself, kept in memory of the always-on domain, which a reset leaves alone.

use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use edge_device::fault::{FaultKind, FaultRecord};

use crate::chip;

#[unsafe(link_section = ".fault")]
static mut RECORD: MaybeUninit<FaultRecord> = MaybeUninit::uninit();

/// The record.
///
/// # Safety
/// What was handed out before may not be used any more.
pub unsafe fn record() -> &'static mut FaultRecord {
    let record = &raw mut RECORD;
    // SAFETY: it is made of integers, of which any bits are some; nothing else has it, as the caller promises.
    unsafe { (*record).assume_init_mut() }
}

/// Starts again from the beginning.
pub fn reset() -> ! {
    chip::before_reset();
    // SAFETY: everything ends.
    unsafe { chip::rom::software_reset() };
    loop {
        core::hint::spin_loop();
    }
}

/// An exception of the processor: its number, where the code was and from where it was called.
pub extern "C" fn trapped(cause: u32, pc: u32, lr: u32) -> ! {
    // SAFETY: whoever had it does not run any more.
    unsafe { record() }.set(FaultKind::HardFault, pc, lr, format_args!("cause {cause}"));
    reset()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // SAFETY: whoever had it does not run any more.
    unsafe { record() }.panic(info);
    reset()
}
