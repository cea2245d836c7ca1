//! What the schema cannot say: values that a device can have, and values that contradict each other.

use crate::error::Problem;
use crate::schema::{Basis, DType, KernelLibrary, MemoryRole, Processor, Profile, SCHEMA_VERSION};
use crate::yaml::Document;

/// How much faster than the processor's peak a multiplication may be. Winograd's algorithm saves four of five, and what a fit puts down to inputs
/// and outputs is missing from its multiplications; nothing saves ninety-nine of a hundred.
const BEYOND_PEAK: f64 = 100.0;

/// Collects problems with the places of their keys.
struct Report<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
}

impl Report<'_> {
    fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        let key = key.into();
        self.problems.push(Problem { at: self.document.place(&key), key, message: message.into() });
    }

    /// A finite number from `low` to `high`.
    fn range(&mut self, key: impl Into<String>, value: f64, low: f64, high: f64) {
        // Written so that NaN fails.
        if !(value >= low && value <= high) {
            self.add(key, format!("expected a value from {low} to {high}, found {value}"));
        }
    }
}

/// Everything that is wrong with `profile`, in the order of its keys.
pub(crate) fn problems(profile: &Profile, document: &Document) -> Vec<Problem> {
    let mut report = Report { document, problems: Vec::new() };
    if profile.schema_version != SCHEMA_VERSION {
        report.add("schema_version", format!("expected {SCHEMA_VERSION}, found {}", profile.schema_version));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if profile.name.is_empty() || profile.name.len() > 64 || !profile.name.chars().all(plain) {
        report.add("name", format!("expected 1 to 64 of a-z, 0-9 and -, found {:?}", profile.name));
    }
    processors(profile, &mut report);
    memory(profile, &mut report);
    power(profile, &mut report);
    if !profile.kernels.contains_key(&profile.default_kernels) {
        report.add("default_kernels", format!("expected a key of kernels, found {:?}", profile.default_kernels));
    }
    for (name, library) in &profile.kernels {
        kernels(profile, name, library, &mut report);
    }
    report.problems
}

fn processors(profile: &Profile, report: &mut Report<'_>) {
    if profile.processors.is_empty() {
        report.add("processors", "expected at least one");
    }
    for (name, processor) in &profile.processors {
        let key = |field: &str| format!("processors.{name}.{field}");
        let Processor { cores, clock_hz, max_clock_hz, peak_int8_macs_per_cycle, peak_float_macs_per_cycle, .. } = *processor;
        report.range(key("cores"), f64::from(cores), 1.0, 65_536.0);
        report.range(key("clock_hz"), clock_hz, 1e6, 1e10);
        report.range(key("max_clock_hz"), max_clock_hz, 1e6, 1e10);
        if clock_hz > max_clock_hz {
            report.add(key("clock_hz"), format!("{clock_hz} is above max_clock_hz, {max_clock_hz}"));
        }
        report.range(key("peak_int8_macs_per_cycle"), peak_int8_macs_per_cycle, 1e-3, 1e6);
        report.range(key("peak_float_macs_per_cycle"), peak_float_macs_per_cycle, 1e-3, 1e6);
    }
}

fn memory(profile: &Profile, report: &mut Report<'_>) {
    for (role, name) in [(MemoryRole::Ram, "ram"), (MemoryRole::Flash, "flash")] {
        if !profile.memory.values().any(|memory| memory.role == role) {
            report.add("memory", format!("expected a memory with the role {name}"));
        }
    }
    for (name, memory) in &profile.memory {
        let key = |field: &str| format!("memory.{name}.{field}");
        report.range(key("bytes"), memory.bytes as f64, 1024.0, (1_u64 << 50) as f64);
        if memory.system_bytes > memory.bytes {
            report.add(key("system_bytes"), format!("{} is more than its bytes, {}", memory.system_bytes, memory.bytes));
        }
        report.range(key("read_bytes_per_second"), memory.read_bytes_per_second, 1e3, 1e13);
    }
}

fn power(profile: &Profile, report: &mut Report<'_>) {
    let power = &profile.power;
    for (name, state) in [("active", &power.active), ("idle", &power.idle), ("sleep", &power.sleep)] {
        report.range(format!("power.{name}.power_uw"), state.power_uw, 0.01, 1e9);
        report.range(format!("power.{name}.wake_us"), state.wake_us, 0.0, 1e9);
    }
    for (below, state, above, other) in [("sleep", &power.sleep, "idle", &power.idle), ("idle", &power.idle, "active", &power.active)] {
        if state.power_uw > other.power_uw {
            report.add(format!("power.{below}.power_uw"), format!("{} is above that of {above}, {}", state.power_uw, other.power_uw));
        }
    }
}

fn kernels(profile: &Profile, name: &str, library: &KernelLibrary, report: &mut Report<'_>) {
    let key = |field: &str| format!("kernels.{name}.{field}");
    match profile.processors.get(&library.processor) {
        None => report.add(key("processor"), format!("expected a key of processors, found {:?}", library.processor)),
        // What has no cores is reported as such.
        Some(processor) if processor.cores == 0 => {}
        Some(processor) => report.range(key("threads"), f64::from(library.threads), 1.0, f64::from(processor.cores)),
    }
    report.range(key("cycles_per_inference"), library.cycles_per_inference, 0.0, 1e10);
    if library.costs.is_empty() {
        report.add(key("costs"), "expected at least one class of operators");
    }
    let peak = profile.processors.get(&library.processor).map(|processor| match library.dtype {
        DType::Int8 => processor.peak_int8_macs_per_cycle,
        _ => processor.peak_float_macs_per_cycle,
    });
    for (class, costs) in &library.costs {
        let key = |field: &str| format!("kernels.{name}.costs.{}.{field}", class.name());
        for (field, value) in costs.fields() {
            report.range(key(field), value, 0.0, 1e9);
        }
        let per_cycle = costs.cycles_per_mac.recip();
        if let Some(peak) = peak.filter(|peak| per_cycle.is_finite() && per_cycle > BEYOND_PEAK * peak) {
            let found = costs.cycles_per_mac;
            report.add(
                key("cycles_per_mac"),
                format!("{found} is {per_cycle:.0} multiplications per cycle, and the processor's peak is {peak}"),
            );
        }
    }
    let accuracy = &library.accuracy;
    for (field, value) in [("median_error_percent", accuracy.median_error_percent), ("mean_error_percent", accuracy.mean_error_percent)] {
        if let Some(value) = value {
            report.range(key(&format!("accuracy.{field}")), value, 0.0, 1000.0);
        }
    }
    report.range(key("accuracy.interval.low"), accuracy.interval.low, 0.001, 1.0);
    report.range(key("accuracy.interval.high"), accuracy.interval.high, 1.0, 1000.0);
    report.range(key("accuracy.interval.coverage"), accuracy.interval.coverage, 0.01, 0.999);
    let measured = matches!(library.basis, Basis::Fitted | Basis::Calibrated);
    if measured && accuracy.measurements == 0 {
        report.add(key("accuracy.measurements"), format!("0, but the basis is {}", library.basis.name()));
    }
}
