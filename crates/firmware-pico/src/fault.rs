//! What ends a run by itself, kept in RAM that a reset leaves alone.

use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use edge_device::fault::{FaultKind, FaultRecord};

use crate::chip::hal::reset;

#[unsafe(link_section = ".uninit.FAULT")]
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

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    // SAFETY: whoever had it does not run any more.
    unsafe { record() }.panic(info);
    reset()
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    // SAFETY: whoever had it does not run any more.
    unsafe { record() }.set(FaultKind::HardFault, frame.pc(), frame.lr(), format_args!(""));
    reset()
}
