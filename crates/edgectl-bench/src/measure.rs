//! Times something that can be run again and again.
//!
//! A measurement is made of [`BLOCKS`] blocks. Each is set up anew, so that its memory lies elsewhere (where it lies can move a result by
//! percents: Mytkowicz et al. 2009, "Producing Wrong Data Without Doing Anything Obviously Wrong"), and runs once untimed. The medians of
//! the blocks are nearly independent of each other, unlike times that follow one another, so intervals rest on them. Blocks for warming up
//! go before, for as long as that still makes the next one faster.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stats::{Interval, median, quantile, ratio_interval, sorted};

/// Blocks of a measurement.
pub const BLOCKS: usize = 20;

/// Times that a block keeps: enough for its percentiles, whatever its number of runs.
const BLOCK_TIMES: usize = 100_000;

/// By how much the next block must be faster for warming up to go on.
const STILL_WARMING: f64 = 0.99;

/// How long is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The most that is spent on warming up; at least one run is made.
    pub warm_up: Duration,
    /// How many timed runs are made.
    pub runs: Runs,
}

/// How many timed runs are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// As many as fit in this time, and at least one per block.
    Time(Duration),
    /// This number, divided among the blocks; at least one per block.
    Count(u64),
}

impl Default for Protocol {
    fn default() -> Protocol {
        Protocol { warm_up: Duration::from_secs(1), runs: Runs::Time(Duration::from_secs(2)) }
    }
}

/// What a measurement found. All times are of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The shortest.
    pub min_us: f64,
    /// Half of the runs took no longer.
    pub p50_us: f64,
    /// 90 % of the runs took no longer.
    pub p90_us: f64,
    /// 99 % of the runs took no longer.
    pub p99_us: f64,
    /// The number of timed runs.
    pub runs: u64,
    /// The number of runs before them.
    pub warm_up_runs: u64,
    /// Whether warming up ended because it no longer helped, not because its time was over.
    pub warm: bool,
    /// How many times slower the second half was than the first, where that is not noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Interval>,
    /// The median of each block.
    pub block_p50_us: Vec<f64>,
}

impl Times {
    /// What blocks of times in microseconds say.
    pub fn of_blocks(blocks: &[Vec<f64>], warm_up_runs: u64, warm: bool) -> Times {
        let times = sorted(blocks.iter().flatten().copied());
        let block_p50_us: Vec<f64> = blocks.iter().map(|block| median(block.iter().copied())).collect();
        let (first, second) = block_p50_us.split_at(blocks.len() / 2);
        Times {
            min_us: quantile(&times, 0.0),
            p50_us: quantile(&times, 0.5),
            p90_us: quantile(&times, 0.9),
            p99_us: quantile(&times, 0.99),
            runs: times.len() as u64,
            warm_up_runs,
            warm,
            drift: ratio_interval(first, second).filter(|ratio| ratio.low > 1.0 || ratio.high < 1.0),
            block_p50_us,
        }
    }

    /// Whether the times belong to one state of the machine: warm, and no slower at the end than at the beginning.
    pub fn steady(&self) -> bool {
        self.warm && self.drift.is_none()
    }

    /// The spread of the blocks as a share of their median: half the distance between the quartiles.
    pub fn noise(&self) -> f64 {
        let blocks = sorted(self.block_p50_us.iter().copied());
        (quantile(&blocks, 0.75) - quantile(&blocks, 0.25)) / 2.0 / quantile(&blocks, 0.5)
    }
}

/// The time since some moment.
pub type Clock<'a> = &'a mut dyn FnMut() -> Duration;

/// A block of runs, to be made by whoever has set up what is run.
pub struct Block<'c> {
    clock: Clock<'c>,
    /// Counts the blocks, those for warming up as well: something by which set-ups can differ.
    pub index: usize,
    limit: Runs,
    times: Vec<f64>,
    runs: u64,
}

impl Block<'_> {
    /// Runs once untimed, then times run after run until the block is full.
    ///
    /// # Errors
    /// The first that a run returns.
    pub fn repeat<E>(&mut self, mut run: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        run()?;
        let begin = (self.clock)();
        let mut before = begin;
        loop {
            run()?;
            let now = (self.clock)();
            self.runs += 1;
            if self.times.len() < BLOCK_TIMES {
                self.times.push(now.saturating_sub(before).as_nanos() as f64 / 1e3);
            }
            let full = match self.limit {
                Runs::Time(time) => now.saturating_sub(begin) >= time,
                Runs::Count(count) => self.runs >= count,
            };
            if full {
                return Ok(());
            }
            // Reading the clock again would cost more than keeping the times is worth.
            before = now;
        }
    }
}

/// Measures. `block` sets up what is run and calls [`Block::repeat`] once.
///
/// # Errors
/// The first that `block` returns.
pub fn measure<E>(protocol: Protocol, clock: Clock<'_>, mut block: impl FnMut(&mut Block<'_>) -> Result<(), E>) -> Result<Times, E> {
    let mut index = 0;
    let mut next = |limit: Runs, clock: Clock<'_>| {
        let mut one = Block { clock, index, limit, times: vec![], runs: 0 };
        index += 1;
        block(&mut one)?;
        Ok((one.times, one.runs))
    };
    let (per_block, warming) = match protocol.runs {
        Runs::Time(time) => (Runs::Time(time / BLOCKS as u32), time / BLOCKS as u32),
        Runs::Count(count) => (Runs::Count(count.div_ceil(BLOCKS as u64)), protocol.warm_up / BLOCKS as u32),
    };

    let mut medians: Vec<f64> = vec![];
    let (mut warm_up_runs, mut warm) = (0, false);
    let begin = clock();
    while !warm && (medians.is_empty() || clock().saturating_sub(begin) < protocol.warm_up) {
        let (times, runs) = next(Runs::Time(warming), clock)?;
        warm_up_runs += runs + 1;
        let fastest = medians.iter().copied().fold(f64::INFINITY, f64::min);
        medians.push(median(times));
        warm = medians.last().is_some_and(|&last| last >= fastest * STILL_WARMING);
    }

    let (mut blocks, mut runs) = (vec![], 0);
    for _ in 0..BLOCKS {
        let (block, block_runs) = next(per_block, clock)?;
        runs += block_runs;
        blocks.push(block);
    }
    Ok(Times { runs, ..Times::of_blocks(&blocks, warm_up_runs, warm) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    /// Measures a run that takes `cost(n)` microseconds the n-th time, on a clock of its own.
    fn simulate(protocol: Protocol, cost: impl Fn(u64) -> u64) -> Times {
        let (now, n) = (Cell::new(0), Cell::new(0));
        let run = || {
            now.set(now.get() + cost(n.get()));
            n.set(n.get() + 1);
            Ok::<(), Infallible>(())
        };
        measure(protocol, &mut || Duration::from_micros(now.get()), |block| block.repeat(run)).unwrap()
    }

    fn jitter(n: u64) -> u64 {
        n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61
    }

    #[test]
    fn a_steady_run_is_measured_for_the_time_that_was_given() {
        let times = simulate(Protocol::default(), |n| 500 + jitter(n));
        assert!(times.steady(), "{times:?}");
        assert!(times.p50_us >= 500.0 && times.p99_us <= 508.0 && times.min_us == 500.0);
        assert!((3900..4020).contains(&times.runs), "{}", times.runs);
        assert_eq!(times.block_p50_us.len(), BLOCKS);
        assert!(times.noise() < 0.01);
    }

    #[test]
    fn warming_up_goes_on_while_it_helps() {
        let slow_at_first = |n: u64| 500 + 500u64.saturating_sub(n) + jitter(n);
        let times = simulate(Protocol::default(), slow_at_first);
        assert!(times.steady() && times.warm_up_runs >= 450 && times.p99_us < 530.0, "{times:?}");
        // Without the time for it, the times are said not to be steady.
        let times = simulate(Protocol { warm_up: Duration::from_millis(1), ..Protocol::default() }, |n| 90_000 / (n + 1) + 200);
        assert!(!times.warm && !times.steady());
    }

    #[test]
    fn a_machine_that_becomes_slower_is_found_out() {
        let times = simulate(Protocol::default(), |n| 500 + n / 40 + jitter(n));
        let drift = times.drift.unwrap();
        assert!(times.warm && !times.steady() && drift.low > 1.0 && drift.high < 1.3, "{times:?}");
    }

    #[test]
    fn a_number_of_runs_is_kept_to() {
        let protocol = Protocol { runs: Runs::Count(100), ..Protocol::default() };
        assert_eq!(simulate(protocol, |_| 10).runs, 100);
        let long = simulate(Protocol::default(), |_| 3_000_000);
        assert_eq!((long.runs, long.p50_us), (BLOCKS as u64, 3e6));
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut ticks = 0;
        let mut clock = || {
            ticks += 1;
            Duration::from_millis(ticks)
        };
        let mut left = 30;
        let run = || {
            left -= 1;
            if left == 0 { Err("broken") } else { Ok(()) }
        };
        let mut run = run;
        assert_eq!(measure(Protocol::default(), &mut clock, |block| block.repeat(&mut run)).unwrap_err(), "broken");
    }
}
