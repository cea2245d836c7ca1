//! Device profiles as tables and sheets.

use edgectl_profile::{KernelLibrary, Memory, MemoryRole, Operators, PowerState, Processor, Profile};
use serde::Serialize;

use crate::ui::{Align, Report, Style, Table, bytes, counted, micros, paragraph, three_digits};

/// A line per profile.
#[derive(Debug, Serialize)]
pub(crate) struct ListReport {
    profiles: Vec<ProfileRow>,
}

#[derive(Debug, Serialize)]
struct ProfileRow {
    name: String,
    title: String,
    core: String,
    cores: u32,
    clock_hz: f64,
    ram_available_bytes: u64,
    flash_available_bytes: u64,
    default_kernels: String,
    kernels: usize,
}

impl ListReport {
    pub(crate) fn new(profiles: &[Profile]) -> ListReport {
        let row = |profile: &Profile| {
            let library = profile.kernels.get(&profile.default_kernels);
            let processor = library.and_then(|library| profile.processors.get(&library.processor));
            ProfileRow {
                name: profile.name.clone(),
                title: profile.title.clone(),
                core: processor.map_or_else(String::new, |processor| processor.core.clone()),
                cores: processor.map_or(0, |processor| processor.cores),
                clock_hz: processor.map_or(f64::NAN, |processor| processor.clock_hz),
                ram_available_bytes: profile.available_bytes(MemoryRole::Ram),
                flash_available_bytes: profile.available_bytes(MemoryRole::Flash),
                default_kernels: profile.default_kernels.clone(),
                kernels: profile.kernels.len(),
            }
        };
        ListReport { profiles: profiles.iter().map(row).collect() }
    }

    fn table(&self) -> Table {
        use Align::{Left, Right};
        let mut table =
            Table::new([("profile", Left), ("device", Left), ("cores", Left), ("RAM", Right), ("flash", Right), ("kernels", Left)]);
        for row in &self.profiles {
            let cores = format!("{} x {}, {}", row.cores, row.core, clock(row.clock_hz));
            let [ram, flash] = [row.ram_available_bytes, row.flash_available_bytes].map(bytes);
            table.row([row.name.clone(), row.title.clone(), cores, ram, flash, row.default_kernels.clone()]);
        }
        table
    }
}

impl Report for ListReport {
    fn text(&self, style: Style) -> String {
        self.table().text(style)
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let header = ["name", "title", "core", "cores", "clock_hz", "ram_available_bytes", "flash_available_bytes", "default_kernels"];
        let row = |row: &ProfileRow| {
            let numbers = [row.ram_available_bytes, row.flash_available_bytes].map(|bytes| bytes.to_string());
            let [ram, flash] = numbers;
            let cores = row.cores.to_string();
            vec![
                row.name.clone(),
                row.title.clone(),
                row.core.clone(),
                cores,
                row.clock_hz.to_string(),
                ram,
                flash,
                row.default_kernels.clone(),
            ]
        };
        [header.map(str::to_owned).to_vec()].into_iter().chain(self.profiles.iter().map(row)).collect()
    }

    fn markdown(&self) -> String {
        self.table().markdown()
    }
}

/// All about one device.
#[derive(Debug, Serialize)]
pub(crate) struct SheetReport {
    #[serde(flatten)]
    profile: Profile,
    /// The firmwares that this tool has for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    firmware: Vec<FirmwareRow>,
}

#[derive(Debug, Serialize)]
struct FirmwareRow {
    name: &'static str,
    executes: &'static str,
    bytes: usize,
    sha256: String,
}

impl SheetReport {
    pub(crate) fn new(profile: Profile) -> SheetReport {
        let row = |firmware: &edgectl_firmware::Firmware| FirmwareRow {
            name: firmware.name,
            executes: firmware.executes,
            bytes: firmware.image.len(),
            sha256: firmware.digest().iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        SheetReport { firmware: edgectl_firmware::for_profile(&profile.name).map(row).collect(), profile }
    }
}

impl Report for SheetReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let profile = &self.profile;
        let mut facts = Table::new([("", Left), ("", Left)]);
        facts.row(["device".into(), format!("{} ({}, {})", profile.title, profile.soc, profile.name)]);
        let names = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        facts.row(["back ends".into(), names(profile.backends.iter().map(|backend| format!("{backend:?}").to_lowercase()).collect())]);
        facts.row([
            "deploys over".into(),
            names(profile.transports.iter().map(|transport| format!("{transport:?}").to_lowercase()).collect()),
        ]);
        for FirmwareRow { name, executes, bytes: length, sha256 } in &self.firmware {
            facts.row(["firmware".into(), format!("{name}: {executes}, {}, SHA-256 {sha256}", bytes(*length as u64))]);
        }
        facts.row(["source".into(), profile.source.clone()]);

        let mut processors =
            Table::new([("processor", Left), ("cores", Left), ("instructions", Left), ("clock", Right), ("int8 peak", Right)]);
        for (name, processor) in &profile.processors {
            let Processor { core, cores, isa, simd, clock_hz, peak_int8_macs_per_cycle, .. } = processor;
            let isa = [std::slice::from_ref(isa), &simd[..]].concat().join(" ");
            let peak = format!("{}/s", macs(peak_int8_macs_per_cycle * clock_hz));
            processors.row([name.clone(), format!("{cores} x {core}"), isa, clock(*clock_hz), peak]);
        }
        let mut memories = Table::new([("memory", Left), ("kind", Left), ("size", Right), ("for models", Right), ("reads", Right)]);
        for (name, Memory { kind, bytes: size, system_bytes, read_bytes_per_second, .. }) in &profile.memory {
            let speed = format!("{}/s", bytes(*read_bytes_per_second as u64));
            let left = bytes(size.saturating_sub(*system_bytes));
            memories.row([name.clone(), format!("{kind:?}").to_lowercase(), bytes(*size), left, speed]);
        }
        let mut power = Table::new([("power", Left), ("draws", Right), ("wakes in", Right)]);
        let states = [("active", &profile.power.active), ("idle", &profile.power.idle), ("sleep", &profile.power.sleep)];
        for (name, PowerState { power_uw, wake_us, .. }) in states {
            let wake = if *wake_us > 0.0 { micros(*wake_us) } else { "-".into() };
            power.row([format!("{name} ({})", profile.power.scope), format!("{} mW", three_digits(power_uw / 1e3)), wake]);
        }
        let mut kernels = Table::new([
            ("kernels", Left),
            ("type", Left),
            ("threads", Right),
            ("operators", Left),
            ("from", Left),
            ("measured", Right),
            ("error", Right),
            ("interval", Right),
        ]);
        for (name, library) in &profile.kernels {
            kernels.row(kernel_row(name, library, *name == profile.default_kernels));
        }
        let tables = [facts, processors, memories, power, kernels].map(|table| table.text(style));
        let mut text = tables.join("\n");
        text +=
            "\n* meant where none is named; error: median of what cross-validation found; interval: 80 % of measurements lie within\n\n";
        for (what, source) in sources(profile) {
            text += &style.dim(&paragraph(&format!("{what}: {source}")));
        }
        text
    }
}

fn kernel_row(name: &str, library: &KernelLibrary, is_default: bool) -> [String; 8] {
    let KernelLibrary { dtype, threads, operators, basis, accuracy, .. } = library;
    let star = if is_default { " *" } else { "" };
    let operators = match operators {
        Operators::All => "all".into(),
        Operators::Only(names) => counted(names.len() as u64, "kind"),
    };
    let error = accuracy.median_error_percent.map_or("-".into(), |error| format!("{error:.1} %"));
    let percent = |factor: f64| format!("{:+.0}", (factor - 1.0) * 100.0);
    let interval = format!("{} to {} %", percent(accuracy.interval.low), percent(accuracy.interval.high));
    let measured = accuracy.measurements.to_string();
    [format!("{name}{star}"), dtype.name().into(), threads.to_string(), operators, basis.name().into(), measured, error, interval]
}

/// Where every figure is from.
fn sources(profile: &Profile) -> Vec<(String, &str)> {
    let memories = profile.memory.iter().map(|(name, memory)| (name.clone(), memory.source.as_str()));
    let states = [("active", &profile.power.active), ("idle", &profile.power.idle), ("sleep", &profile.power.sleep)];
    let states = states.map(|(name, state)| (name.to_owned(), state.source.as_str()));
    let kernels = profile.kernels.iter().map(|(name, library)| (name.clone(), library.source.as_str()));
    memories.chain(states).chain(kernels).collect()
}

/// Profiles without a fault.
#[derive(Debug, Serialize)]
pub(crate) struct ValidReport {
    valid: Vec<String>,
}

impl ValidReport {
    pub(crate) fn new(profiles: &[Profile]) -> ValidReport {
        ValidReport { valid: profiles.iter().map(|profile| profile.name.clone()).collect() }
    }
}

impl Report for ValidReport {
    fn text(&self, _: Style) -> String {
        self.valid.iter().map(|name| format!("{name}: valid\n")).collect()
    }
}

fn clock(hz: f64) -> String {
    if hz >= 1e9 { format!("{:.2} GHz", hz / 1e9) } else { format!("{:.0} MHz", hz / 1e6) }
}

fn macs(per_second: f64) -> String {
    if per_second >= 1e9 { format!("{} GMAC", three_digits(per_second / 1e9)) } else { format!("{} MMAC", three_digits(per_second / 1e6)) }
}
