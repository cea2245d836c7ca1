//! The USB port that these chips have built in, a serial one, beside JTAG. It needs no set-up.

use crate::chip;
use crate::register::Register;

// SAFETY: registers of the USB port.
const FIFO: Register = unsafe { Register::at(chip::USB) };
// SAFETY: as above.
const CONTROL: Register = unsafe { Register::at(chip::USB + 4) };
const SEND: u32 = 1 << 0;
const MAY_WRITE: u32 = 1 << 1;
const HAS_RECEIVED: u32 = 1 << 2;

/// Bytes of a packet.
const PACKET: usize = 64;

/// A byte that has come.
pub fn read() -> Option<u8> {
    (CONTROL.read() & HAS_RECEIVED != 0).then(|| FIFO.read() as u8)
}

/// Sends packet by packet. Where the host does not take one before `patience` is at an end, the rest is dropped.
pub fn write(bytes: &[u8], mut patience: impl FnMut() -> bool) {
    for packet in bytes.chunks(PACKET) {
        while CONTROL.read() & MAY_WRITE == 0 {
            if !patience() {
                return;
            }
        }
        packet.iter().for_each(|&byte| FIFO.write(byte.into()));
        CONTROL.write(SEND);
    }
}
