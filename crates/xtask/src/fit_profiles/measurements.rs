//! The rows of the published measurements: which device, kernel library and model each one is about, or why it is left out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use edgectl_profile::fit::{INFERENCE_TERM, LAYER_TERM, TERM_COUNT, Terms, sizes};
use edgectl_profile::{DType, OpWork, Workload, inner_taps};

use super::architecture::workload;
use super::models::{family, model};

/// Devices that are fitted together, since their coefficients have something in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum World {
    /// Microcontrollers.
    Micro,
    /// CPUs that run Linux.
    Linux,
    /// GPUs.
    Gpu,
}

/// Something measured.
#[derive(Clone, Debug)]
pub(super) struct Measurement {
    /// Its `id` in the file, or the kernel.
    pub(super) id: String,
    pub(super) world: World,
    /// The profile of its board, if there is one.
    pub(super) profile: Option<&'static str>,
    /// The board as the file names it.
    pub(super) board: String,
    /// The kind of core, as coarse as kernels care.
    pub(super) core: String,
    /// The kernel library.
    pub(super) library: String,
    pub(super) dtype: DType,
    /// As stated.
    pub(super) threads: String,
    /// The architecture and what varies in it.
    pub(super) model: String,
    /// Related models, which are left out together in cross-validation.
    pub(super) family: String,
    /// Multiply-accumulate operations.
    pub(super) macs: f64,
    pub(super) sizes: Terms,
    pub(super) cycles: f64,
    /// Whether it is a whole model that runs on a board with a profile, so that it counts in the published figures.
    pub(super) scored: bool,
}

/// All measurements, and how many rows were left out for which reason.
pub(super) struct Measurements {
    pub(super) rows: Vec<Measurement>,
    pub(super) left_out: BTreeMap<&'static str, usize>,
    pub(super) total: usize,
}

/// Board in the file, profile, clock that an estimate of the board assumes where a row states none.
const BOARDS: &[(&str, &str, f64)] = &[
    ("Arduino Nano 33 BLE (nRF52840)", "nrf52840", 64e6),
    ("ESP32", "esp32", 240e6),
    ("ESP32-C3", "esp32-c3", 160e6),
    ("ESP32-P4", "esp32-p4", 360e6),
    ("ESP32-S3", "esp32-s3", 240e6),
    ("Jetson Nano", "jetson-nano", 1.43e9),
    ("Jetson Orin Nano", "jetson-orin-nano", 1.5e9),
    ("NUCLEO-H7A3ZI-Q", "stm32h7", 280e6),
    ("NUCLEO-L4R5ZI", "stm32l4", 120e6),
    ("NUCLEO-L4R5ZI-P", "stm32l4", 120e6),
    ("Raspberry Pi 3B", "pi3", 1.2e9),
    ("Raspberry Pi 3B+", "pi3", 1.4e9),
    ("Raspberry Pi 4B", "pi4", 1.5e9),
    ("Raspberry Pi 5", "pi5", 2.4e9),
    ("Raspberry Pi Pico", "pico", 125e6),
    ("Raspberry Pi Pico 2", "pico2", 150e6),
    ("Raspberry Pi Pico 2-class (Waveshare RP2350-Plus)", "pico2", 150e6),
    ("Raspberry Pi Zero 2 W", "pi-zero2w", 1e9),
    ("STM32H743", "stm32h7", 480e6),
    ("STM32H747I-DISCO", "stm32h7", 400e6),
    ("STM32H750", "stm32h7", 480e6),
    ("STM32L496", "stm32l4", 80e6),
];

/// The clock of GPUs, which no row states.
const GPU_CLOCKS: &[(&str, f64)] = &[("jetson-nano", 921.6e6), ("jetson-orin-nano", 625e6)];

/// Framework (its beginning), kernels (their beginning), library. The first that fits; an empty library leaves the row out.
const LIBRARIES: &[(&str, &str, &str)] = &[
    ("ArmNN", "", "armnn"),
    ("Bosch HALE", "", "hale"),
    ("ESP-DL (imagenet_cls", "", "esp-dl"),
    ("ESP-DL", "", ""),
    ("ONNC", "", "onnc"),
    ("OpenCV DNN", "OpenCV DNN CUDA", "opencv-cuda"),
    ("Plumerai", "", "plumerai"),
    ("PyTorch", "cuDNN", "pytorch-cuda"),
    ("STM32Cube.AI", "", "x-cube-ai"),
    ("TFLM", "Andes", ""),
    ("TFLM", "CMSIS-NN", "cmsis-nn"),
    ("TFLM", "ESP-NN", "esp-nn"),
    ("TFLM", "TFLM as submitted", ""),
    ("TFLM", "TFLM", "tflm-reference"),
    ("TFLM", "as in repo", ""),
    ("TFLite (2020", "", ""),
    ("TFLite", "TFLite (default", ""),
    ("TFLite v2", "", "tflite"),
    ("TensorRT (torch2trt)", "", "tensorrt-torch2trt"),
    ("TensorRT JetPack", "", "tensorrt"),
    ("TinyEngine", "", "tinyengine"),
    ("TinyMaix", "", "tinymaix"),
    ("X-CUBE-AI", "", "x-cube-ai"),
    ("XNNPACK", "", "xnnpack"),
    ("microTVM", "CMSIS-NN", "tvm-cmsis-nn"),
    ("microTVM", "", "tvm"),
    ("ncnn", "ncnn NEON", "ncnn"),
    ("ncnn", "ncnn Vulkan", "ncnn-vulkan"),
];

/// Models of ncnn's benchmark that end in a layer which decodes boxes and suppresses overlapping ones: not a kernel, and on random weights.
const DETECTORS: &[&str] =
    &["ncnn:mobilenet_ssd", "ncnn:mobilenet_yolo", "ncnn:mobilenetv2_yolov3", "ncnn:squeezenet_ssd", "ncnn:yolov4-tiny"];

/// Cores by what kernels care for: the beginning of the file's name, the group.
const CORES: &[(&str, &str)] = &[
    ("ARM CM0+", "cortex-m0+"),
    ("ARM CM33", "cortex-m33"),
    ("ARM CM4", "cortex-m4"),
    ("ARM CM7", "cortex-m7"),
    ("Cortex-M0+", "cortex-m0+"),
    ("Cortex-M33", "cortex-m33"),
    ("Cortex-M4", "cortex-m4"),
    ("Cortex-M7", "cortex-m7"),
    ("RISC-V HP", "esp32-p4"),
    ("RISC-V RV32IMC", "rv32imc"),
    ("Xtensa LX6", "xtensa-lx6"),
    ("Xtensa LX7", "xtensa-lx7"),
];

/// Reads `calibrate.csv` and `kernels.csv` in `folder`.
pub(super) fn read(folder: &Path) -> Result<Measurements> {
    let mut result = Measurements { rows: Vec::new(), left_out: BTreeMap::new(), total: 0 };
    for row in rows(&folder.join("calibrate.csv"))? {
        result.total += 1;
        match measurement(&row).with_context(|| format!("calibrate.csv: {}", row["id"]))? {
            Ok(measurement) => result.rows.push(measurement),
            Err(reason) => *result.left_out.entry(reason).or_default() += 1,
        }
    }
    for (index, row) in rows(&folder.join("kernels.csv"))?.iter().enumerate() {
        result.rows.extend(kernel(row, index).with_context(|| format!("kernels.csv: row {}", index + 1))?);
    }
    Ok(result)
}

type Row = BTreeMap<String, String>;

fn rows(path: &Path) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().map(|row| row.with_context(|| format!("{} is damaged", path.display()))).collect()
}

/// A row of whole models, or why it cannot be used.
fn measurement(row: &Row) -> Result<Result<Measurement, &'static str>> {
    let text = |key: &str| row.get(key).map(String::as_str).with_context(|| format!("no column {key}"));
    let (framework, kernels) = (text("framework")?, text("kernels")?);
    let Some((_, _, library)) = LIBRARIES.iter().find(|(f, k, _)| framework.starts_with(f) && kernels.starts_with(k)) else {
        return Ok(Err("the kernel library was measured with too few models"));
    };
    if library.is_empty() {
        return Ok(Err("the kernel library is not stated, or a later version of it was measured"));
    }
    let Some(model) = model(text("model")?, text("input")?) else {
        return Ok(Err("the model's layers are not known"));
    };
    let note = text("note")?;
    let decodes = DETECTORS.contains(&text("model")?);
    if decodes || note.contains("END-TO-END") || note.contains("includes pre+post-processing") {
        return Ok(Err("the time includes what comes before and after the network"));
    }
    let precision = text("precision")?.to_lowercase();
    let dtype = match &precision {
        p if p.starts_with("int8") => DType::Int8,
        p if p.starts_with("fp16") => DType::Fp16,
        p if p.starts_with("fp32") => DType::Fp32,
        _ => return Ok(Err("the data type is not stated")),
    };
    let board = text("board")?;
    let known = BOARDS.iter().find(|(name, ..)| *name == board);
    let core = text("core")?;
    let world = match known {
        _ if core.contains("GPU") || ["ncnn-vulkan", "opencv-cuda"].contains(library) => World::Gpu,
        Some((_, profile, _)) if profile.starts_with("pi") && !profile.starts_with("pico") || profile.starts_with("jetson") => World::Linux,
        Some(_) => World::Micro,
        None if CORES.iter().any(|(start, _)| core.starts_with(start)) => World::Micro,
        None => return Ok(Err("the board has no profile and no relative that has one")),
    };
    if world == World::Micro && dtype != DType::Int8 {
        return Ok(Err("float on a microcontroller"));
    }
    if text("input")?.is_empty() {
        return Ok(Err("the size of the input is not stated"));
    }
    if world == World::Linux && text("threads")?.is_empty() {
        return Ok(Err("the number of threads is not stated"));
    }
    let stated: Option<f64> = text("clock_mhz")?.parse().ok();
    let profile = known.map(|(_, profile, _)| *profile);
    let clock_hz = match world {
        World::Gpu => GPU_CLOCKS.iter().find(|(name, _)| Some(*name) == profile).map(|(_, clock)| *clock),
        World::Linux => known.map(|(.., clock)| stated.map_or(*clock, |mhz| mhz * 1e6)),
        World::Micro => stated.map(|mhz| mhz * 1e6).or(known.map(|(.., clock)| *clock)),
    };
    let Some(clock_hz) = clock_hz else {
        return Ok(Err("the clock is not stated"));
    };
    let workload = workload(model.architecture, model.variant)?;
    if let Ok(stated) = text("macs")?.parse::<f64>() {
        let ratio = workload.macs() as f64 / stated;
        ensure!((0.88..1.13).contains(&ratio), "{} has {} MACs, {} has {stated}", model.architecture, workload.macs(), text("model")?);
    }
    let latency_ms: f64 = text("latency_ms")?.parse().context("latency_ms")?;
    let threads = match text("threads")? {
        // What runs on a GPU has no number of threads.
        "" => "GPU",
        // Every ArmNN row uses all cores of a board with four.
        "all (default)" => "4",
        stated => stated,
    };
    Ok(Ok(Measurement {
        id: text("id")?.to_owned(),
        world,
        profile,
        board: board.to_owned(),
        core: core_group(core, profile),
        library: library_name(library, framework),
        dtype,
        threads: threads.to_owned(),
        model: format!("{} {:?}", model.architecture, model.variant),
        family: family(model.architecture).to_owned(),
        macs: workload.macs() as f64,
        sizes: sizes(&workload, dtype.bytes()),
        cycles: latency_ms * 1e-3 * clock_hz,
        scored: profile.is_some(),
    }))
}

/// Versions that were overtaken by much faster ones are libraries of their own: framework (its beginning), what sets it apart.
const OVERTAKEN: &[(&str, &str)] =
    &[("ArmNN v19", "-19.08"), ("ArmNN v20", "-20.08"), ("Plumerai 2023", "-2023"), ("X-CUBE-AI 7.1", "-7.1")];

/// The library with its version where that matters; the last one is meant where none is named.
fn library_name(library: &str, framework: &str) -> String {
    let version = OVERTAKEN.iter().find(|(start, _)| framework.starts_with(start)).map_or("", |(_, version)| version);
    format!("{library}{version}")
}

fn core_group(core: &str, profile: Option<&str>) -> String {
    let micro = CORES.iter().find(|(start, _)| core.starts_with(start)).map(|(_, group)| *group);
    micro.or(profile).unwrap_or(core).to_owned()
}

/// A single layer of `kernels.csv` whose shapes are stated, as a model of one operator.
fn kernel(row: &Row, index: usize) -> Result<Option<Measurement>> {
    let text = |key: &str| row.get(key).map(String::as_str).with_context(|| format!("no column {key}"));
    let profile = match text("soc")? {
        "ESP32-P4" => "esp32-p4",
        "ESP32-S3" => "esp32-s3",
        "RP2040" => "pico",
        _ => return Ok(None),
    };
    let library = match text("kernels")? {
        "ANSI C (ESP-NN reference)" => "tflm-reference",
        kernels if kernels.starts_with("CMSIS-NN") => "cmsis-nn",
        "ESP-NN optimized" => "esp-nn",
        _ => return Ok(None),
    };
    let Some(op) = layer(text("op")?, text("input")?, text("filter")?, text("stride")?) else {
        return Ok(None);
    };
    let board = BOARDS.iter().find(|(_, name, _)| *name == profile).map_or(profile, |(board, ..)| board);
    let workload = Workload { name: String::new(), ops: vec![op] };
    Ok(Some(Measurement {
        id: format!("kernels.csv:{}", index + 2),
        world: World::Micro,
        profile: Some(profile),
        board: board.to_owned(),
        core: core_group(text("core")?, Some(profile)),
        library: library.to_owned(),
        dtype: DType::Int8,
        threads: text("threads")?.to_owned(),
        model: String::new(),
        // The layers of the RP2040 are those of one model.
        family: if profile == "pico" { family("mobilenet-v1").to_owned() } else { format!("kernel {index}") },
        macs: workload.macs() as f64,
        // A bare kernel is called by a test, not by an interpreter.
        sizes: if profile == "pico" { sizes(&workload, 1.0) } else { without_constants(sizes(&workload, 1.0)) },
        cycles: text("cycles")?.parse().context("cycles")?,
        scored: false,
    }))
}

/// The sizes without the constants of layers and inferences.
fn without_constants(mut sizes: Terms) -> Terms {
    (sizes[LAYER_TERM], sizes[INFERENCE_TERM]) = (0.0, 0.0);
    sizes
}

/// A layer from shapes such as `1x48x48x8` and `16x1x1x8`, or `8x8x3` and `64x3x3x3 valid`.
fn layer(op: &str, input: &str, filter: &str, stride: &str) -> Option<OpWork> {
    let sides = |text: &str| text.split('x').map(|side| side.parse().ok()).collect::<Option<Vec<u32>>>();
    let (filter, valid) = match filter.strip_suffix(" valid") {
        Some(filter) => (filter, true),
        None => (filter, false),
    };
    let (input, filter) = (sides(input)?, sides(filter)?);
    let stride: u32 = stride.parse().unwrap_or(1);
    let work = |name: &str, class, [h, w, c]: [u32; 3], out: u32, kernel: [u32; 2], depth: u32, groups: u32| {
        let side = |size: u32, kernel: u32| if valid { Some(size.checked_sub(kernel)? / stride + 1) } else { Some(size.div_ceil(stride)) };
        let output = [side(h, kernel[0])?, side(w, kernel[1])?];
        let pad = [0, 1].map(|axis| {
            let covered = (output[axis] - 1) * stride + kernel[axis];
            if valid { 0 } else { covered.saturating_sub([h, w][axis]) / 2 }
        });
        let outputs = u64::from(output[0]) * u64::from(output[1]) * u64::from(out);
        let per_output = u64::from(kernel[0]) * u64::from(kernel[1]) * u64::from(depth);
        Some(OpWork {
            name: String::new(),
            op: name.to_owned(),
            class,
            macs: outputs * per_output,
            outputs,
            inputs: u64::from(h) * u64::from(w) * u64::from(c),
            weights: u64::from(out) * (per_output + 1),
            in_channels: depth,
            out_channels: out,
            kernel,
            stride: [stride; 2],
            groups,
            inner_taps: inner_taps([h, w], output, kernel, [stride; 2], [1, 1], pad),
        })
    };
    match (op, input.as_slice(), filter.as_slice()) {
        ("CONV", &[h, w, c] | &[1, h, w, c], &[out, kh, kw, _]) => {
            work("Conv2D", OpWork::conv_class([kh, kw], 1, c), [h, w, c], out, [kh, kw], c, 1)
        }
        ("DWCONV", &[h, w, c] | &[1, h, w, c], &[1, kh, kw, out]) => {
            work("DepthwiseConv2D", edgectl_profile::OpClass::Depthwise, [h, w, c], out, [kh, kw], 1, c)
        }
        ("FC", &[inputs], &[outputs]) => {
            work("FullyConnected", edgectl_profile::OpClass::Dense, [1, 1, inputs], outputs, [1, 1], inputs, 1)
        }
        _ => None,
    }
}

/// A measurement of a library on the board of a profile, without a model; of several boards, the one with the highest count.
pub(super) fn like(
    profile: &'static str,
    world: World,
    library: &str,
    dtype: DType,
    threads: &str,
    count: impl Fn(&str) -> usize,
) -> Measurement {
    let boards = BOARDS.iter().filter(|(_, known, _)| *known == profile).map(|(board, ..)| *board);
    // The last of equals is taken: `max_by_key` does, and the boards of a profile end with the usual one.
    let board = boards.max_by_key(|board| count(board)).unwrap_or(profile);
    let core = PROFILE_CORES.iter().find(|(known, _)| *known == profile).map_or(profile, |(_, core)| core);
    Measurement {
        id: String::new(),
        world,
        profile: Some(profile),
        board: board.to_owned(),
        core: core.to_owned(),
        library: library.to_owned(),
        dtype,
        threads: threads.to_owned(),
        model: String::new(),
        family: String::new(),
        macs: 0.0,
        sizes: [0.0; TERM_COUNT],
        cycles: 0.0,
        scored: false,
    }
}

/// The cores of microcontrollers, as [`CORES`] groups them.
const PROFILE_CORES: &[(&str, &str)] = &[
    ("esp32", "xtensa-lx6"),
    ("esp32-c3", "rv32imc"),
    ("esp32-c6", "rv32imc"),
    ("esp32-p4", "esp32-p4"),
    ("esp32-s3", "xtensa-lx7"),
    ("nrf52840", "cortex-m4"),
    ("pico", "cortex-m0+"),
    ("pico2", "cortex-m33"),
    ("stm32h7", "cortex-m7"),
    ("stm32l4", "cortex-m4"),
];
