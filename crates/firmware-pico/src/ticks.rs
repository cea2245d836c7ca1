//! Counts processor cycles: the core's counter of 24 bits tells them exactly, the microsecond timer how often it has wrapped.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// Cycles since a beginning.
pub struct Ticks<T> {
    /// Microseconds since some moment.
    timer: T,
    cycles_per_us: u64,
    /// The timer's count when the core's counter was cleared.
    begin_us: u64,
}

impl<T: Fn() -> u64> Ticks<T> {
    /// Values of the core's counter.
    const WRAP: u64 = 1 << 24;

    pub fn new(mut counter: SYST, timer: T, clock_hz: u32) -> Self {
        counter.set_clock_source(SystClkSource::Core);
        counter.set_reload(Self::WRAP as u32 - 1);
        counter.enable_counter();
        counter.clear_current();
        let begin_us = timer();
        Self { timer, cycles_per_us: u64::from(clock_hz / 1_000_000), begin_us }
    }

    pub fn us(&self) -> u64 {
        (self.timer)()
    }

    pub fn cycles(&self) -> u64 {
        let coarse = (self.us() - self.begin_us) * self.cycles_per_us;
        // It counts down. Both counts stem from one crystal, so they differ by some microseconds at most: far less than half a wrap.
        let exact = (Self::WRAP - u64::from(SYST::get_current())) % Self::WRAP;
        let ahead = exact.wrapping_sub(coarse) % Self::WRAP;
        if ahead < Self::WRAP / 2 { coarse + ahead } else { (coarse + ahead).saturating_sub(Self::WRAP) }
    }
}
