//! Writes what was fitted into `profiles/*.yaml`, between two comments; everything else there is written by hand.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use edgectl_profile::fit::{INFERENCE_TERM, Terms, costs};
use edgectl_profile::{Accuracy, Basis, Coefficients, DType, OpClass};

use super::intervals::Errors;
use super::measurements::{Measurement, World, like};
use super::worlds::Fit;

const BEGIN: &str = "  # Fitted by `cargo xtask fit-profiles`, which rewrites everything up to the end mark.\n";
const END: &str = "  # End of what is fitted.\n";

/// A kernel library that a profile offers.
pub(super) struct Entry {
    pub(super) profile: &'static str,
    pub(super) world: World,
    /// As `measurements.rs` names it.
    pub(super) library: &'static str,
    pub(super) dtype: DType,
    pub(super) threads: &'static str,
}

/// Title of a library.
const TITLES: &[(&str, &str)] = &[
    ("armnn", "ArmNN 21.02 with Arm Compute Library"),
    ("cmsis-nn", "CMSIS-NN in TensorFlow Lite Micro"),
    ("esp-dl", "ESP-DL (imagenet_cls 0.4)"),
    ("esp-nn", "ESP-NN in TensorFlow Lite Micro"),
    ("ncnn", "ncnn"),
    ("ncnn-vulkan", "ncnn on Vulkan"),
    ("tensorrt", "TensorRT of JetPack 4.6 and 6.0"),
    ("tflite", "TensorFlow Lite 2.2 to 2.5 with ruy"),
    ("tflm-reference", "TensorFlow Lite Micro's reference kernels"),
    ("tvm-cmsis-nn", "CMSIS-NN in microTVM"),
    ("x-cube-ai", "X-CUBE-AI 7.3 to 10"),
    ("xnnpack", "XNNPACK"),
];

/// Every library of every profile.
pub(super) fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |profile, world, library, dtype, threads: &[&'static str]| {
        entries.extend(threads.iter().map(|threads| Entry { profile, world, library, dtype, threads }));
    };
    for profile in ["esp32", "esp32-c3", "esp32-c6", "esp32-p4", "esp32-s3"] {
        add(profile, World::Micro, "esp-nn", DType::Int8, &["1"]);
        add(profile, World::Micro, "tflm-reference", DType::Int8, &["1"]);
    }
    add("esp32-s3", World::Micro, "esp-dl", DType::Int8, &["1", "2"]);
    for profile in ["nrf52840", "pico", "pico2", "stm32h7", "stm32l4"] {
        add(profile, World::Micro, "cmsis-nn", DType::Int8, if profile == "pico" { &["1", "2"] } else { &["1"] });
        add(profile, World::Micro, "tflm-reference", DType::Int8, &["1"]);
    }
    for profile in ["nrf52840", "stm32l4"] {
        add(profile, World::Micro, "tvm-cmsis-nn", DType::Int8, &["1"]);
    }
    for profile in ["stm32h7", "stm32l4"] {
        add(profile, World::Micro, "x-cube-ai", DType::Int8, &["1"]);
    }
    for profile in ["jetson-nano", "jetson-orin-nano", "pi-zero2w", "pi3", "pi4", "pi5"] {
        let threads: &[&'static str] = if profile == "jetson-orin-nano" { &["1", "6"] } else { &["1", "4"] };
        let float = if ["jetson-orin-nano", "pi5"].contains(&profile) { DType::Fp16 } else { DType::Fp32 };
        add(profile, World::Linux, "ncnn", float, threads);
        add(profile, World::Linux, "ncnn", DType::Int8, threads);
    }
    for profile in ["pi-zero2w", "pi3", "pi4", "pi5"] {
        add(profile, World::Linux, "tflite", DType::Fp32, &["4"]);
        add(profile, World::Linux, "tflite", DType::Int8, &["4"]);
    }
    for profile in ["pi3", "pi4"] {
        add(profile, World::Linux, "xnnpack", DType::Fp32, &["4"]);
        add(profile, World::Linux, "xnnpack", DType::Int8, &["4"]);
    }
    add("pi4", World::Linux, "armnn", DType::Fp32, &["4"]);
    add("pi4", World::Linux, "armnn", DType::Int8, &["4"]);
    for profile in ["jetson-nano", "jetson-orin-nano"] {
        add(profile, World::Gpu, "ncnn-vulkan", DType::Fp16, &["GPU"]);
        add(profile, World::Gpu, "tensorrt", DType::Fp16, &["GPU"]);
    }
    entries
}

impl Entry {
    /// Its key in the profile: the library, on Linux with data type and threads.
    fn key(&self) -> String {
        match (self.world, self.threads) {
            (World::Micro, "1") => self.library.to_owned(),
            (World::Micro, threads) => format!("{}-x{threads}", self.library),
            (World::Linux, threads) => format!("{}-{}-x{threads}", self.library, self.dtype.name()),
            (World::Gpu, _) => format!("{}-{}", self.library, self.dtype.name()),
        }
    }

    /// A measurement of it, without a model: of the board that it was measured on most.
    pub(super) fn like(&self, fit: &Fit) -> Measurement {
        let own = |board: &str| fit.rows.iter().filter(|row| row.measurement.board == board && self.is_of(&row.measurement)).count();
        like(self.profile, self.world, self.library, self.dtype, self.threads, own)
    }

    fn is_of(&self, m: &Measurement) -> bool {
        (m.library.as_str(), m.dtype, m.threads.as_str()) == (self.library, self.dtype, self.threads)
    }

    /// The entry as YAML.
    fn yaml(&self, fit: &Fit, errors: &Errors<'_>, layers: &dyn Fn(&str, &mut Terms) -> usize) -> Result<String> {
        let like = self.like(fit);
        let whole = fit.rows.iter().filter(|row| row.measurement.cell() == like.cell()).count();
        let own = fit.rows.iter().filter(|row| row.measurement.cell() == like.cell());
        let families: BTreeSet<&str> = own.map(|row| row.measurement.family.as_str()).collect();
        let elsewhere = fit.rows.iter().filter(|row| self.is_of(&row.measurement) && row.measurement.cell() != like.cell());
        let same_core = elsewhere.clone().filter(|row| row.measurement.core == like.core).count();
        let mut terms = fit.coefficients(&like);
        let single = if self.profile == "pico" && self.library == "cmsis-nn" { layers(self.threads, &mut terms) } else { 0 };
        let basis = match (whole + single, same_core, elsewhere.clone().count()) {
            (1.., ..) => Basis::Fitted,
            (_, 1.., _) => Basis::Borrowed,
            (_, _, 1..) if self.world == World::Linux => Basis::Borrowed,
            _ => Basis::Assumed,
        };
        let layers = if single > 0 { format!(" and {single} single layers") } else { String::new() };
        let source = match basis {
            Basis::Fitted => format!("{whole} published measurements of whole models{layers} on {}", like.board),
            Basis::Borrowed if same_core > 0 => {
                format!("{same_core} published measurements of this library on other boards with this core")
            }
            Basis::Borrowed => format!("{} published measurements of this library on other boards", elsewhere.count()),
            _ => "assumed: measured on other cores only".to_owned(),
        };
        let mut accuracy = errors.accuracy(&like, whole + single, families.len());
        if basis == Basis::Assumed {
            accuracy.interval.low = accuracy.interval.low.min(0.4);
            accuracy.interval.high = accuracy.interval.high.max(2.5);
        }
        let title = TITLES.iter().find(|(library, _)| *library == self.library).map(|(_, title)| *title).context("no title")?;
        let processor = if self.world == World::Gpu { "gpu" } else { "cpu" };
        let threads = self.threads.parse().unwrap_or(1_u32);
        let mut text = String::new();
        writeln!(text, "  {}:", self.key())?;
        writeln!(text, "    title: {title}")?;
        writeln!(text, "    processor: {processor}\n    dtype: {}\n    threads: {threads}", self.dtype.name())?;
        writeln!(text, "    basis: {}\n    source: \"{source}\"", basis.name())?;
        writeln!(text, "    cycles_per_inference: {}\n    costs:", digits(terms[INFERENCE_TERM]))?;
        for (class, costs) in stated(&terms) {
            let fields = costs.fields().into_iter().filter(|(_, value)| *value > 0.0);
            let fields: Vec<String> = fields.map(|(key, value)| format!("{key}: {}", digits(value))).collect();
            writeln!(text, "      {}: {{{}}}", class.name(), fields.join(", "))?;
        }
        writeln!(text, "    accuracy: {}", written(&accuracy))?;
        Ok(text)
    }
}

/// The costs that a profile states: those of a class that are the costs of its stand-in say nothing.
pub(crate) fn stated(terms: &Terms) -> Vec<(OpClass, Coefficients)> {
    let all = costs(terms);
    let stands_in = |class: OpClass, costs: &Coefficients| class.stand_in() != class && all.contains(&(class.stand_in(), *costs));
    all.iter().filter(|(class, costs)| !stands_in(*class, costs)).copied().collect()
}

/// Four significant digits.
pub(crate) fn digits(value: f64) -> String {
    let places = (3 - value.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn written(accuracy: &Accuracy) -> String {
    let percent = |key: &str, value: Option<f64>| value.map(|value| format!("{key}: {value}, ")).unwrap_or_default();
    format!(
        "{{measurements: {}, {}{}interval: {{low: {}, high: {}, coverage: {}}}}}",
        accuracy.measurements,
        percent("median_error_percent", accuracy.median_error_percent),
        percent("mean_error_percent", accuracy.mean_error_percent),
        accuracy.interval.low,
        accuracy.interval.high,
        accuracy.interval.coverage
    )
}

/// The new text of each profile in `folder` that has something fitted: path, text.
pub(super) fn rewritten(
    folder: &Path,
    fits: &[Fit],
    layers: &dyn Fn(&str, &mut Terms) -> usize,
) -> Result<Vec<(std::path::PathBuf, String)>> {
    let errors: Vec<Errors<'_>> = fits.iter().map(Errors::of).collect();
    let entries = entries();
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.profile).collect();
    names.sort_unstable();
    names.dedup();
    let mut texts = Vec::new();
    for name in names {
        let path = folder.join(format!("{name}.yaml"));
        let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let (head, rest) = old.split_once(BEGIN).with_context(|| format!("{} has no line\n{BEGIN}", path.display()))?;
        let (_, tail) = rest.split_once(END).with_context(|| format!("{} has no line\n{END}", path.display()))?;
        let mut text = format!("{head}{BEGIN}");
        for entry in entries.iter().filter(|entry| entry.profile == name) {
            let world = fits.iter().position(|fit| fit.world == entry.world).context("a world was not fitted")?;
            text.push_str(&entry.yaml(&fits[world], &errors[world], layers)?);
        }
        text.push_str(END);
        text.push_str(tail);
        texts.push((path, text));
    }
    Ok(texts)
}
