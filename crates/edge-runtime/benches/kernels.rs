//! Throughput of the kernels that models spend their time in, and times of whole models:
//! `cargo bench -p edge-runtime --features std [-- --ops] [FILTER | MODEL.tflite | MODEL.edgm]...`
//!
//! For each op, multiply-accumulates per second (elements per second where there are none), with the reference kernels and
//! with those of every instruction set that this machine has, one after the other in the same run, and how many times as fast
//! the best one is. The least time of several batches counts, so that a busy machine disturbs less. Of a model `load` is the time to
//! check it, with its checksum and without, and `--ops` prints the time of each op.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use edge_format::*;
use edge_runtime::pack::pack;
use edge_runtime::{Interpreter, Isa, Resolver, prepare};
use edgectl_lower::LowerOptions;
use edgectl_tflite::{Imported, Model};

/// Measurements of which the least counts.
const ROUNDS: usize = 7;

/// About how long one takes.
const BATCH: Duration = Duration::from_millis(4);

/// Input and output of an op, its parameters, its constants, and the work of one run.
struct Bench {
    name: &'static str,
    x: Vec<u32>,
    y: Vec<u32>,
    params: Params,
    constants: Vec<(DType, Vec<u32>)>,
    work: u64,
}

fn elements(shape: &[u32]) -> u32 {
    shape.iter().product()
}

/// Convolution with as much padding as keeps the size at stride 1.
fn conv(name: &'static str, [size, channels, out_channels, kernel, stride]: [u32; 5]) -> Bench {
    let out = size.div_ceil(stride);
    let params = Conv2dParams {
        stride_h: stride,
        stride_w: stride,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: kernel / 2,
        pad_left: kernel / 2,
        groups: 1,
        activation_min: -128,
        activation_max: 127,
    };
    let filter = vec![out_channels, kernel, kernel, channels];
    let y = vec![1, out, out, out_channels];
    let work = u64::from(elements(&y)) * u64::from(kernel * kernel * channels);
    Bench { name, x: vec![1, size, size, channels], y, params: params.into(), constants: weights(filter, out_channels), work }
}

fn depthwise(name: &'static str, [size, channels, kernel, stride]: [u32; 4]) -> Bench {
    let out = size.div_ceil(stride);
    let params = DepthwiseConv2dParams {
        stride_h: stride,
        stride_w: stride,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: kernel / 2,
        pad_left: kernel / 2,
        depth_multiplier: 1,
        activation_min: -128,
        activation_max: 127,
    };
    let y = vec![1, out, out, channels];
    let work = u64::from(elements(&y)) * u64::from(kernel * kernel);
    let constants = weights(vec![1, kernel, kernel, channels], channels);
    Bench { name, x: vec![1, size, size, channels], y, params: params.into(), constants, work }
}

fn fully_connected(name: &'static str, [rows, inputs, outputs]: [u32; 3]) -> Bench {
    let params = FullyConnectedParams { activation_min: -128, activation_max: 127 };
    let work = u64::from(rows) * u64::from(inputs) * u64::from(outputs);
    let constants = weights(vec![outputs, inputs], outputs);
    Bench { name, x: vec![rows, inputs], y: vec![rows, outputs], params: params.into(), constants, work }
}

fn unary(name: &'static str, x: [u32; 4], y: [u32; 4], params: Params, work: u64) -> Bench {
    Bench { name, x: x.into(), y: y.into(), params, constants: Vec::new(), work }
}

/// Filter, bias, multiplier and shift.
fn weights(filter: Vec<u32>, channels: u32) -> Vec<(DType, Vec<u32>)> {
    let mut constants = vec![(DType::I8, filter)];
    constants.extend((0..3).map(|_| (DType::I32, vec![channels])));
    constants
}

impl Bench {
    fn program(&self) -> AlignedBytes {
        let arena = |shape: &[u32], offset| TensorSpec {
            name: String::new(),
            dtype: DType::I8,
            shape: shape.into(),
            place: PlaceSpec::Arena { offset },
            scale: 1.0 / 256.0,
            zero_point: -128,
        };
        let mut tensors = vec![arena(&self.x, 0), arena(&self.y, elements(&self.x))];
        for (index, (dtype, shape)) in self.constants.iter().enumerate() {
            let count = elements(shape) as usize;
            let bytes = match (dtype, index) {
                (DType::I8, _) => (0..count).map(|i| (i * 37 % 251) as u8).collect(),
                (_, 1) => vec![0; 4 * count],
                (_, 2) => [0, 0, 0, 0x60].repeat(count),
                _ => (-9i32).to_le_bytes().repeat(count),
            };
            let place = PlaceSpec::Data(bytes);
            tensors.push(TensorSpec { name: String::new(), dtype: *dtype, shape: shape.clone(), place, scale: 1.0, zero_point: 0 });
        }
        let inputs = [0].into_iter().chain(2..tensors.len() as u32).collect();
        let spec = ProgramSpec {
            arena_bytes: elements(&self.x) + elements(&self.y),
            tensors,
            ops: vec![OpSpec { params: self.params, inputs, outputs: vec![1] }],
            inputs: vec![IoSpec { name: String::new(), tensor: 0, shape: self.x.clone() }],
            outputs: vec![IoSpec { name: String::new(), tensor: 1, shape: self.y.clone() }],
            ..ProgramSpec::default()
        };
        AlignedBytes::from(&write(&spec).unwrap()[..])
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_model = |argument: &&String| argument.ends_with(".tflite") || argument.ends_with(".edgm");
    let models: Vec<PathBuf> = arguments.iter().filter(is_model).map(PathBuf::from).collect();
    let filters: Vec<String> = arguments.iter().filter(|argument| !is_model(argument)).cloned().collect();
    let same = [1, 32, 32, 64];
    let pool = |kernel, out| AveragePool2dParams {
        kernel_h: kernel,
        kernel_w: kernel,
        stride_h: kernel,
        stride_w: kernel,
        pad_top: 0,
        pad_left: 0,
        include_pad: out,
        activation_min: -128,
        activation_max: 127,
    };
    let benches = [
        conv("conv 1x1 64 to 64, 32x32", [32, 64, 64, 1, 1]),
        conv("conv 1x1 256 to 256, 14x14", [14, 256, 256, 1, 1]),
        conv("conv 1x1 24 to 144, 28x28", [28, 24, 144, 1, 1]),
        conv("conv 3x3 64 to 64, 32x32", [32, 64, 64, 3, 1]),
        conv("conv 3x3 16 to 32, 32x32", [32, 16, 32, 3, 1]),
        conv("conv 3x3 3 to 16, 96x96, stride 2", [96, 3, 16, 3, 2]),
        conv("conv 3x3 1 to 16, 28x28", [28, 1, 16, 3, 1]),
        depthwise("depthwise 3x3 64, 32x32", [32, 64, 3, 1]),
        depthwise("depthwise 3x3 24, 28x28, stride 2", [28, 24, 3, 2]),
        fully_connected("fully connected 784 to 128", [1, 784, 128]),
        fully_connected("fully connected 64 to 10", [1, 64, 10]),
        Bench {
            name: "add",
            x: same.into(),
            y: same.into(),
            params: prepare::add(0.5, 1.0, 1.0, (-128, 127)).into(),
            constants: vec![(DType::I8, same.into())],
            work: u64::from(elements(&same)),
        },
        unary("average pool 2x2", same, [1, 16, 16, 64], pool(2, 0).into(), u64::from(elements(&same))),
        unary("mean over 32x32", same, [1, 1, 1, 64], prepare::mean(1.0, 1.0, 6, 1024).into(), u64::from(elements(&same))),
        unary("softmax of 64", same, same, prepare::softmax(0.1, 1.0).into(), u64::from(elements(&same))),
        unary(
            "transpose to channels first",
            same,
            [1, 64, 32, 32],
            TransposeParams { perm: [0, 3, 1, 2, 0, 0] }.into(),
            u64::from(elements(&same)),
        ),
    ];
    print!("{:44}", "");
    ways().iter().for_each(|way| print!(" {:>14}", way.name));
    println!("{:>10}", "ratio");
    for bench in benches
        .iter()
        .filter(|bench| (filters.is_empty() && models.is_empty()) || filters.iter().any(|filter| bench.name.contains(&filter[..])))
    {
        let times = measure(&bench.program());
        let rate = |time: &Duration| format!("{:.2} G/s", bench.work as f64 / time.as_secs_f64() / 1e9);
        row(bench.name, &times, rate);
    }
    let models: Vec<PathBuf> = if models.is_empty() && filters.is_empty() { shared_models() } else { models };
    for path in &models {
        let times = measure(&model(path));
        row(&path.display().to_string(), &times, |time| format!("{:.2} us", time.as_secs_f64() * 1e6));
        load(&model(path));
        if std::env::args().any(|argument| argument == "--ops") {
            profile(&model(path));
        }
    }
}

/// Prints how long a program takes to load.
fn load(bytes: &[u8]) {
    let best = ways().pop().unwrap();
    let bytes = best.packed(bytes);
    let mut arena = vec![0; Program::parse(&bytes).unwrap().arena_bytes() as usize];
    let least = |run: &mut dyn FnMut()| {
        let mut least = Duration::MAX;
        for _ in 0..2000 {
            let start = Instant::now();
            run();
            least = least.min(start.elapsed());
        }
        least.as_secs_f64() * 1e6
    };
    let parse = least(&mut || _ = black_box(Program::parse(&bytes).unwrap()));
    let checksum = least(&mut || _ = black_box(crc32(&[&bytes])));
    let program = Program::parse(&bytes).unwrap();
    let new = least(&mut || _ = black_box(Interpreter::new(program, &mut arena, best.resolver).unwrap()));
    println!("  load {:.2}: checksum {checksum:.2}, other checks {:.2}, those of kernels {new:.2}", parse + new, parse - checksum);
}

/// Prints the least time of each op with the best kernels.
fn profile(bytes: &[u8]) {
    let best = ways().pop().unwrap();
    let bytes = best.packed(bytes);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = vec![0; program.arena_bytes() as usize];
    let mut interpreter = Interpreter::new(program, &mut arena, best.resolver).unwrap();
    let mut least = vec![Duration::MAX; program.op_count() as usize];
    let rounds = 3000;
    for _ in 0..rounds {
        let mut last = Instant::now();
        let observe = |executed: edge_runtime::Executed<'_, '_>| {
            let now = Instant::now();
            let slot = &mut least[executed.index as usize];
            *slot = now.duration_since(last).min(*slot);
            last = Instant::now();
        };
        interpreter.invoke_with(observe).unwrap();
    }
    for (op, time) in program.ops().zip(least) {
        let shape = |tensor: Option<u32>| tensor.and_then(|index| program.tensor(index)).map(|tensor| tensor.shape);
        let describe = |tensor| shape(tensor).map_or_else(String::new, |shape| shape.to_string());
        let tensors = [op.input(0), op.input(1), op.outputs().next()].map(describe);
        println!("  {:8.2} us  {:?} {}", time.as_secs_f64() * 1e6, op.code, tensors.join(" "));
    }
}

/// Kernels and the packing that they are given.
struct Way {
    name: String,
    resolver: Resolver<'static>,
    packing: Option<Packing>,
}

impl Way {
    fn packed(&self, bytes: &[u8]) -> AlignedBytes {
        let plain = AlignedBytes::from(bytes);
        let packed = self.packing.map(|packing| pack(&Program::parse(&plain).unwrap(), packing).unwrap());
        packed.map_or(plain, |packed| AlignedBytes::from(&packed[..]))
    }
}

/// The reference kernels, then those of each instruction set, the best one last.
fn ways() -> Vec<Way> {
    let isas = Isa::ALL.iter().rev().filter(|isa| isa.is_there());
    let vectors = isas.map(|&isa| Way { name: format!("{isa:?}"), resolver: Resolver::for_isa(isa), packing: Some(isa.packing()) });
    [Way { name: "reference".into(), resolver: Resolver::all(), packing: None }].into_iter().chain(vectors).collect()
}

/// The least time of a run, each way. Rounds alternate between the ways.
fn measure(bytes: &[u8]) -> Vec<Duration> {
    let plain = AlignedBytes::from(bytes);
    let plain = Program::parse(&plain).unwrap();
    let ways = ways();
    let programs: Vec<AlignedBytes> = ways.iter().map(|way| way.packed(bytes)).collect();
    let mut arenas: Vec<Vec<u8>> = ways.iter().map(|_| vec![0; plain.arena_bytes() as usize]).collect();
    let mut best = vec![Duration::MAX; ways.len()];
    for _ in 0..ROUNDS {
        for (((way, program), arena), best) in ways.iter().zip(&programs).zip(&mut arenas).zip(&mut best) {
            let mut interpreter = Interpreter::new(Program::parse(program).unwrap(), arena, way.resolver).unwrap();
            for input in 0..plain.inputs().count() {
                for (index, x) in interpreter.input_mut(input).unwrap().iter_mut().enumerate() {
                    *x = (index * 89 % 241) as i8;
                }
            }
            let mut run = |runs: u32| {
                let start = Instant::now();
                for _ in 0..runs {
                    interpreter.invoke().unwrap();
                    black_box(interpreter.output(0).unwrap());
                }
                start.elapsed() / runs
            };
            let runs = (BATCH.as_nanos() / run(1).as_nanos().max(1)).clamp(1, 20_000) as u32;
            *best = run(runs).min(*best);
        }
    }
    best
}

fn row(name: &str, times: &[Duration], cell: impl Fn(&Duration) -> String) {
    let short: String = name.chars().rev().take(44).collect::<Vec<_>>().into_iter().rev().collect();
    print!("{short:44}");
    times.iter().for_each(|time| print!(" {:>14}", cell(time)));
    println!("{:>9.1}x", times[0].as_secs_f64() / times[times.len() - 1].as_secs_f64());
}

/// A program, or one made from an int8 model.
fn model(path: &Path) -> Vec<u8> {
    if path.extension().is_some_and(|extension| extension == "edgm") {
        return std::fs::read(path).unwrap();
    }
    let Imported { model: Model::Int8(quantized), .. } = edgectl_tflite::read(path).unwrap() else {
        panic!("{} is no int8 model", path.display())
    };
    edgectl_lower::lower(&quantized, &LowerOptions::default()).unwrap().program
}

/// The int8 models beside the checkout, where they are.
fn shared_models() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    let Ok(folders) = std::fs::read_dir(&root) else {
        println!("no models: {} is missing", root.display());
        return Vec::new();
    };
    let files = folders.flatten().flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let mut paths: Vec<PathBuf> = files.map(|file| file.path()).filter(|path| path.to_string_lossy().ends_with("int8.tflite")).collect();
    paths.sort();
    paths
}
