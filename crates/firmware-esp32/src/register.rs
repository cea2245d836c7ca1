//! A register of the chip.

/// A word at an address, of which reads and writes have effects.
#[derive(Clone, Copy)]
pub struct Register(*mut u32);

impl Register {
    /// # Safety
    /// There must be a register at the address for as long as the chip runs, and whatever is written to it must leave memory alone.
    pub const unsafe fn at(address: u32) -> Self {
        Self(address as *mut u32)
    }

    #[inline(always)]
    pub fn read(self) -> u32 {
        // SAFETY: it is there.
        unsafe { self.0.read_volatile() }
    }

    #[inline(always)]
    pub fn write(self, value: u32) {
        // SAFETY: it is there, and takes any value.
        unsafe { self.0.write_volatile(value) }
    }

    /// Clears bits, then sets bits.
    #[inline(always)]
    pub fn modify(self, clear: u32, set: u32) {
        self.write(self.read() & !clear | set);
    }
}
