//! person_detect on the emulated Raspberry Pi Pico, layer by layer, beside what TensorFlow Lite Micro with CMSIS-NN takes on the board.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use edge_format::AlignedBytes;
use edge_runtime::Program;
use edgectl_bench::emulator;
use edgectl_lower::LowerOptions;
use edgectl_tflite::Model;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");

/// What the published table calls the operators; it has a line for a reshape, which is no op of ours. A depthwise convolution of
/// a single channel is an ordinary one.
const OPS: [(&str, &str); 5] =
    [("DWCONV", "depthwise_conv2d"), ("DWCONV", "conv2d"), ("CONV", "conv2d"), ("AVGPOOL", "average_pool2d"), ("SOFTMAX", "softmax")];

/// A layer as it was published.
struct Published {
    op: String,
    input: String,
    macs: Option<u64>,
    cycles: u64,
}

/// Prints both, and the ratio.
pub(crate) fn run() -> Result<()> {
    let (model, table) = (Path::new(SHARED).join("models/misc/person_detect_int8.tflite"), Path::new(SHARED).join("latency/kernels.csv"));
    if !model.exists() || !table.exists() {
        println!("SKIPPED: no {} or no {}", model.display(), table.display());
        return Ok(());
    }
    let published = published(&table)?;
    let Model::Int8(graph) = edgectl_tflite::read(&model)?.model else { anyhow::bail!("{} is not int8", model.display()) };
    let bytes = AlignedBytes::from(&edgectl_lower::lower(&graph, &LowerOptions::default())?.program[..]);
    let program = Program::parse(&bytes)?;
    let ran = emulator::run(&emulator::default_folder(), &bytes, program)?;
    ensure!(ran.op_cycles.len() == published.len(), "{} ops, {} published layers", ran.op_cycles.len(), published.len());

    println!("{} at {} MHz, emulated: the core's cycles, without misses of the flash's cache.", ran.firmware, ran.clock_hz / 1_000_000);
    println!("Beside it the board itself, by Raspberry Pi's pico-tflmicro with CMSIS-NN, which has those misses.\n");
    println!(
        "{:16} {:12} {:>9} {:>11} {:>11} {:>8} {:>8} {:>6}",
        "op", "input", "MACs", "cycles", "published", "per MAC", "publ.", "ratio"
    );
    for ((op, cycles), layer) in program.ops().zip(ran.op_cycles.iter().copied().map(u64::from)).zip(&published) {
        ensure!(OPS.contains(&(&*layer.op, op.code.name())), "expected {}, found {}", layer.op, op.code.name());
        let per_mac = |cycles: u64| layer.macs.map_or_else(String::new, |macs| format!("{:.2}", cycles as f64 / macs as f64));
        let (macs, ratio) = (layer.macs.map_or_else(String::new, |macs| macs.to_string()), cycles as f64 / layer.cycles as f64);
        println!(
            "{:16} {:12} {macs:>9} {cycles:>11} {:>11} {:>8} {:>8} {ratio:>6.2}",
            op.code.name(),
            layer.input,
            layer.cycles,
            per_mac(cycles),
            per_mac(layer.cycles),
        );
    }
    let total: u64 = published.iter().map(|layer| layer.cycles).sum();
    let milliseconds = |cycles: u64| cycles as f64 / f64::from(ran.clock_hz) * 1e3;
    println!(
        "\n{:.1} ms, published {:.1} ms: {:.3} of it",
        milliseconds(ran.cycles),
        milliseconds(total),
        ran.cycles as f64 / total as f64
    );
    Ok(())
}

/// The model's layers on one core of the board, but for its reshape.
fn published(table: &Path) -> Result<Vec<Published>> {
    let mut reader = csv::Reader::from_path(table).with_context(|| table.display().to_string())?;
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|found| found == name).with_context(|| format!("no column {name}"));
    let [board, threads, source, op, input, macs, cycles] = ["board", "threads", "source", "op", "input", "macs", "cycles"].map(column);
    let (board, threads, source, op, input, macs, cycles) = (board?, threads?, source?, op?, input?, macs?, cycles?);
    let mut layers = Vec::new();
    for record in reader.records() {
        let record = record?;
        let ours = &record[board] == "Raspberry Pi Pico" && &record[threads] == "1" && record[source].contains("person_detect");
        if ours && &record[op] != "RESHAPE" {
            let cycles = record[cycles].parse().with_context(|| format!("cycles {}", &record[cycles]))?;
            layers.push(Published { op: record[op].into(), input: record[input].into(), macs: record[macs].parse().ok(), cycles });
        }
    }
    Ok(layers)
}
