//! What an inference draws, and what a battery makes of one every so often.

use std::time::Duration;

use edgectl_profile::Power;
use serde::{Deserialize, Serialize};

const DAY_US: f64 = 86_400e6;

/// One inference every so often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duty {
    /// From the start of one to the start of the next; above zero.
    pub every: Duration,
    /// What the battery holds in joules.
    pub battery_j: Option<f64>,
}

/// What a device does between two inferences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Between {
    /// There is no time between them.
    Nothing,
    /// It waits awake.
    Idle,
    /// It sleeps and wakes up in time.
    Sleep,
}

/// What a duty cycle draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DutyCycle {
    /// From the start of one inference to the start of the next.
    pub every_us: f64,
    /// Whether an inference ends before the next has to begin.
    pub keeps_up: bool,
    /// What the device does between two: whichever draws less.
    pub between: Between,
    /// The share of the time in which it is not awake.
    pub sleep_share: f64,
    /// Averaged over a period.
    pub average_power_uw: f64,
    /// Until the battery is empty; its losses and ageing are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_days: Option<f64>,
    /// Inferences in a day.
    pub inferences_per_day: f64,
    /// Bytes of model inputs in a day: what a device without a model would have to send.
    pub raw_bytes_per_day: f64,
    /// Bytes of model outputs in a day.
    pub result_bytes_per_day: f64,
}

/// The energy of one inference in microjoules.
pub fn inference_uj(power: &Power, latency_us: f64) -> f64 {
    power.active.power_uw * latency_us / 1e6
}

/// What a duty cycle draws, of inferences with so many bytes of input and output. A device that wakes up draws as much as an active one.
pub fn duty_cycle(power: &Power, latency_us: f64, [input_bytes, output_bytes]: [u64; 2], duty: Duty) -> DutyCycle {
    let period = duty.every.as_micros() as f64;
    let keeps_up = latency_us <= period;
    let rest = (period - latency_us).max(0.0);
    let energy = |wake_us: f64, power_uw: f64| power.active.power_uw * (latency_us + wake_us) + power_uw * (rest - wake_us);
    let states = [(Between::Idle, &power.idle), (Between::Sleep, &power.sleep)];
    let possible = states.into_iter().filter(|(_, state)| rest > 0.0 && state.wake_us <= rest);
    let cheapest = possible.map(|(between, state)| (between, energy(state.wake_us, state.power_uw), rest - state.wake_us));
    let cheapest = cheapest.min_by(|a, b| a.1.total_cmp(&b.1));
    // Without time to rest, it is busy from one inference to the next.
    let (between, energy_pj, resting) = cheapest.unwrap_or((Between::Nothing, power.active.power_uw * latency_us.max(period), 0.0));
    let length = latency_us.max(period);
    let average_power_uw = energy_pj / length;
    let inferences_per_day = DAY_US / length;
    DutyCycle {
        every_us: period,
        keeps_up,
        between,
        sleep_share: if between == Between::Sleep { resting / length } else { 0.0 },
        average_power_uw,
        battery_days: duty.battery_j.map(|joules| joules / (average_power_uw / 1e6) / 86_400.0),
        inferences_per_day,
        raw_bytes_per_day: inferences_per_day * input_bytes as f64,
        result_bytes_per_day: inferences_per_day * output_bytes as f64,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use edgectl_profile::PowerState;

    use super::*;

    fn power() -> Power {
        let state = |power_uw, wake_us| PowerState { power_uw, wake_us, source: String::new() };
        Power { scope: "board".into(), active: state(100_000.0, 0.0), idle: state(20_000.0, 0.0), sleep: state(1_000.0, 10_000.0) }
    }

    fn every(ms: u64) -> Duty {
        Duty { every: Duration::from_millis(ms), battery_j: Some(3600.0) }
    }

    #[test]
    fn a_device_sleeps_where_that_pays() {
        assert_eq!(inference_uj(&power(), 50_000.0), 5_000.0);
        // 60 ms at 100 mW, 940 ms at 1 mW.
        let found = duty_cycle(&power(), 50_000.0, [1000, 10], every(1000));
        assert_eq!((found.between, found.keeps_up), (Between::Sleep, true));
        assert!((found.average_power_uw - 6_940.0).abs() < 1e-6 && (found.sleep_share - 0.94).abs() < 1e-12, "{found:?}");
        assert!((found.battery_days.unwrap() - 3600.0 / 0.006_94 / 86_400.0).abs() < 1e-9);
        assert_eq!((found.raw_bytes_per_day, found.result_bytes_per_day), (86_400_000.0, 864_000.0));
        // Waking up takes longer than there is time, or costs more than it saves.
        for (ms, average) in [(55, (50.0 * 100_000.0 + 5.0 * 20_000.0) / 55.0), (62, (50.0 * 100_000.0 + 12.0 * 20_000.0) / 62.0)] {
            let found = duty_cycle(&power(), 50_000.0, [1, 1], every(ms));
            assert_eq!((found.between, found.sleep_share), (Between::Idle, 0.0));
            assert!((found.average_power_uw - average).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn a_device_that_is_too_slow_is_always_busy() {
        let found = duty_cycle(&power(), 50_000.0, [1, 1], every(20));
        assert_eq!((found.between, found.keeps_up, found.average_power_uw), (Between::Nothing, false, 100_000.0));
        assert_eq!(found.inferences_per_day, 86_400.0 / 0.05);
        assert!(duty_cycle(&power(), 50_000.0, [1, 1], every(50)).keeps_up);
    }
}
