//! Fits what `edge-runtime` costs on the Pico to the cycles that the emulated board counts, operator by operator, and writes it into
//! `profiles/pico.yaml`. The emulator has no XIP cache: what its misses may add widens the interval.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use edge_format::AlignedBytes;
use edge_runtime::Program;
use edgectl_bench::{emulator, workload};
use edgectl_lower::LowerOptions;
use edgectl_profile::fit::{Group, KERNEL_TERMS, Observation, Problem, TERM_COUNT, Terms, share, sizes, unite};
use edgectl_profile::{OpWork, Registry, Workload};
use edgectl_tflite::Model;

use crate::fit_profiles::{digits, stated};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const BEGIN: &str = "  # Fitted by `cargo xtask fit-emulated`, which rewrites everything up to the end mark.\n";
const END: &str = "  # End of what the emulator counted.\n";

/// What is run; those outside of the repository only where they are there.
const MODELS: [(&str, &str); 7] = [
    ("digits_mlp", "fixtures/digits_mlp/int8.tflite"),
    ("fmnist_student", "../shared/models/fmnist/student_ref_int8.tflite"),
    ("fmnist_teacher", "../shared/models/fmnist/teacher_ref_int8.tflite"),
    ("kws_dscnn", "../shared/models/kws_dscnn/ref_int8.tflite"),
    ("micro_speech", "../shared/models/misc/micro_speech_int8.tflite"),
    ("nab_machine_temp_ae", "../shared/models/nab_machine_temp_ae/ref_int8.tflite"),
    ("person_detect", "../shared/models/misc/person_detect_int8.tflite"),
];

/// Cycles of operators that no model here has, in the order of `fit::TERMS`; where some have them, only a place to begin.
#[rustfmt::skip]
const PRIOR: Terms = [
    12.0, 12.0, 5.0, 3.0, 200.0, 10.0, 5.0, 200.0, 16.0, 3.0, 200.0, 10.0, 12.0, 80.0, 20.0, 2000.0, 1.0, 2000.0, 1.0, 1.0, 12.0, 16.0,
];
/// Weights, which cost nothing without misses, and the inference, which is what its operators take.
const FREE: [usize; 3] = [16, 18, 19];
/// How much slower than emulated 80 % of boards are at most, besides the misses.
const REACH: f64 = 1.4;

/// A model whose operators were counted.
struct Counted {
    name: &'static str,
    work: Workload,
    cycles: Vec<u32>,
    weights: u64,
}

/// Counts, fits, leaves each model out once, and writes the profile.
pub(crate) fn run() -> Result<()> {
    let mut counted = Vec::new();
    for (name, file) in MODELS {
        let file = Path::new(ROOT).join(file);
        if !file.exists() {
            eprintln!("SKIPPED {name}: no {}", file.display());
            continue;
        }
        counted.push(count(name, &file).with_context(|| name)?);
    }
    ensure!(counted.len() >= 3, "expected at least three models, found {}", counted.len());
    let all = fit(counted.iter());
    println!("{:20} {:>12} {:>12} {:>8} {:>10}", "model", "emulated", "fitted", "error", "left out");
    let mut logs = Vec::new();
    for (index, model) in counted.iter().enumerate() {
        let without = fit(counted.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, model)| model));
        let total: f64 = model.cycles.iter().copied().map(f64::from).sum();
        let [fitted, left_out] = [&all, &without].map(|terms| model.work.ops.iter().map(|op| estimated(op, terms)).sum::<f64>());
        let percent = |cycles: f64| 100.0 * (cycles / total - 1.0);
        println!("{:20} {total:>12.0} {fitted:>12.0} {:>7.1}% {:>9.1}%", model.name, percent(fitted), percent(left_out));
        logs.push((total / left_out).ln());
    }
    let path = Path::new(ROOT).join("profiles/pico.yaml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (head, rest) = text.split_once(BEGIN).with_context(|| format!("{} has no line\n{BEGIN}", path.display()))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("{} has no line\n{END}", path.display()))?;
    let entry = entry(&counted, &all, &logs, per_missed_byte()?)?;
    fs::write(&path, format!("{head}{BEGIN}{entry}{END}{tail}")).with_context(|| path.display().to_string())
}

fn count(name: &'static str, file: &Path) -> Result<Counted> {
    let Model::Int8(graph) = edgectl_tflite::read(file)?.model else { anyhow::bail!("{} is not int8", file.display()) };
    let bytes = AlignedBytes::from(&edgectl_lower::lower(&graph, &LowerOptions::default())?.program[..]);
    let program = Program::parse(&bytes)?;
    let ran = emulator::run(&emulator::default_folder(), &bytes, program)?;
    let work = workload::of_program(name, program);
    ensure!(ran.op_cycles.len() == work.ops.len(), "{} ops, {} of them counted", work.ops.len(), ran.op_cycles.len());
    Ok(Counted { name, weights: work.weights(), work, cycles: ran.op_cycles })
}

/// An operator's sizes, as this runtime tells them apart.
fn of(op: &OpWork) -> Terms {
    let mut sizes = sizes(&Workload { name: String::new(), ops: vec![op.clone()] }, 1.0);
    // No size has a kernel of its own.
    unite(&mut sizes, &KERNEL_TERMS);
    FREE.iter().for_each(|&term| sizes[term] = 0.0);
    sizes
}

fn fit<'c>(models: impl Iterator<Item = &'c Counted>) -> Terms {
    let ops = models.flat_map(|model| model.work.ops.iter().zip(&model.cycles));
    let observation = |(op, cycles): (&OpWork, &u32)| Observation { sizes: of(op), cycles: f64::from((*cycles).max(1)), groups: vec![0] };
    let groups = vec![Group { spread: 1.5, kind_spread: 0.5, scale_spread: 2.0 }];
    let problem = Problem { prior: PRIOR, groups, observations: ops.map(observation).collect(), noise: 0.05, outlier: 0.2 };
    problem.solve().coefficients(&[0])
}

fn estimated(op: &OpWork, terms: &Terms) -> f64 {
    of(op).iter().zip(terms).map(|(size, coefficient)| size * coefficient).sum()
}

/// What a byte of weights takes from this board's flash with another library's kernels, by its published layers.
fn per_missed_byte() -> Result<f64> {
    let profile = Registry::built_in().load("pico")?;
    let library = profile.kernels.get("cmsis-nn").context("pico has no cmsis-nn")?;
    let costs = library.costs.get(&edgectl_profile::OpClass::Pointwise).context("cmsis-nn has no pointwise")?;
    Ok(costs.cycles_per_weight_byte)
}

fn entry(counted: &[Counted], terms: &Terms, logs: &[f64], per_missed_byte: f64) -> Result<String> {
    let spread = (logs.iter().map(|log| log * log).sum::<f64>() / logs.len() as f64).sqrt().max(0.02);
    let missed = |model: &Counted| {
        let total: f64 = model.cycles.iter().copied().map(f64::from).sum();
        1.0 + per_missed_byte * model.weights as f64 / total
    };
    let misses = counted.iter().map(missed).fold(1.0, f64::max);
    let mut errors: Vec<f64> = logs.iter().map(|log| 100.0 * (log.exp().recip() - 1.0).abs()).collect();
    errors.sort_by(f64::total_cmp);
    let (median, mean) = (errors[errors.len() / 2], errors.iter().sum::<f64>() / errors.len() as f64);
    let mut terms = *terms;
    share(&mut terms, &KERNEL_TERMS);
    FREE.iter().for_each(|&term| terms[term] = 0.0);
    let mut text = String::new();
    writeln!(
        text,
        "  edge-runtime:\n    title: edge-runtime, one core\n    processor: cpu\n    dtype: int8\n    threads: 1\n    basis: emulated"
    )?;
    let ops = counted.iter().map(|model| model.cycles.len()).sum::<usize>();
    writeln!(
        text,
        "    source: \"{ops} operators of {} models, their cycles counted in {}, which knows no misses of the XIP cache; what these may add \
         is in the interval\"\n    costs:",
        counted.len(),
        emulator::RP2040JS
    )?;
    for (class, costs) in stated(&terms) {
        let fields = costs.fields().into_iter().filter(|(_, value)| *value > 0.0);
        let fields: Vec<String> = fields.map(|(key, value)| format!("{key}: {}", digits(value))).collect();
        writeln!(text, "      {}: {{{}}}", class.name(), fields.join(", "))?;
    }
    writeln!(
        text,
        "    accuracy: {{measurements: {}, median_error_percent: {median:.1}, mean_error_percent: {mean:.1}, interval: {{low: {:.3}, high: {:.3}, \
         coverage: 0.8}}}}",
        counted.len(),
        (-REACH * spread).exp(),
        (REACH * spread).exp() * misses
    )?;
    Ok(text)
}

const _: () = assert!(PRIOR.len() == TERM_COUNT);
