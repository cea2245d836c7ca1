//! The second core, which computes half of what convolutions and dense layers put out.
//!
//! Between halves it waits in RAM: flash cannot be read while the first core writes it. No emulator here has two cores, so nothing has
//! run this yet.

use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m::asm::{sev, wfe};
use edge_runtime::Fork;

use crate::chip::hal::multicore::{Multicore, Stack};
use crate::chip::hal::pac::{PPB, PSM, SIO};
use crate::chip::hal::sio::SioFifo;

/// A half that waits.
type Half<'h> = &'h mut (dyn FnMut() + Send);

static STACK: Stack<1024> = Stack::new();

/// Whether the second core takes halves.
static READY: AtomicBool = AtomicBool::new(false);

/// Starts the second core; where it does not answer, the first one does everything.
pub fn start(psm: &mut PSM, ppb: &mut PPB, fifo: &mut SioFifo) {
    let Some(stack) = STACK.take() else { return };
    let mut both = Multicore::new(psm, ppb, fifo);
    let Some(second) = both.cores().get_mut(1) else { return };
    READY.store(second.spawn(stack, work).is_ok(), Ordering::Release);
}

/// What the second core does.
fn work() {
    loop {
        let half = receive() as *mut Half<'_>;
        // SAFETY: the first core has sent the place of a half that only this core uses until it has answered.
        unsafe { (*half)() };
        send(0);
    }
}

/// Both cores.
pub struct Pair;

impl Fork for Pair {
    const DIVIDES: bool = true;

    fn both(first: &mut (dyn FnMut() + Send), mut second: &mut (dyn FnMut() + Send)) {
        if !READY.load(Ordering::Acquire) {
            first();
            return second();
        }
        // It lives until the second core has answered.
        send(&raw mut second as u32);
        first();
        receive();
    }
}

/// Hands a word to the other core.
fn send(word: u32) {
    // SAFETY: each core has registers of its own there; of the mailboxes, nothing else uses any after the start.
    let sio = unsafe { &*SIO::PTR };
    while sio.fifo_st().read().rdy().bit_is_clear() {}
    cortex_m::asm::dmb();
    // SAFETY: any word may be written.
    unsafe { sio.fifo_wr().write(|w| w.bits(word)) };
    sev();
}

/// Waits for a word of the other core.
#[unsafe(link_section = ".data.second_core")]
#[inline(never)]
fn receive() -> u32 {
    // SAFETY: as above.
    let sio = unsafe { &*SIO::PTR };
    while sio.fifo_st().read().vld().bit_is_clear() {
        wfe();
    }
    let word = sio.fifo_rd().read().bits();
    cortex_m::asm::dmb();
    word
}
