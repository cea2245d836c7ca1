//! Whole models on the emulated Pico: its outputs beside the host's, byte for byte.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use edge_device::client::{Client, PROMPT};
use edge_device::image;
use edge_format::AlignedBytes;
use edge_runtime::{Interpreter, Program, Resolver};
use edgectl_bench::device::{Host, compare};
use edgectl_bench::emulator::{self, Emulator, EmulatorError};
use edgectl_lower::LowerOptions;
use edgectl_tflite::Model;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A model, the samples that it is shown, and how many of them: all of small ones. Without a file, they are pseudo-random.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    model: &'static str,
    samples: Option<&'static str>,
    count: usize,
}

const fn subject(name: &'static str, model: &'static str, samples: Option<&'static str>, count: usize) -> Subject {
    Subject { name, model, samples, count }
}

pub(crate) const SUBJECTS: [Subject; 6] = [
    subject("digits_mlp", "fixtures/digits_mlp/int8.tflite", Some("../shared/models/digits_mlp/eval_x.npy"), usize::MAX),
    subject("wand_cnn1d", "../shared/models/wand_cnn1d/model.onnx", Some("../shared/models/wand_cnn1d/eval_x.npy"), usize::MAX),
    subject(
        "nab autoencoder",
        "../shared/models/nab_machine_temp_ae/ref_int8.tflite",
        Some("../shared/models/nab_machine_temp_ae/eval_x.npy"),
        usize::MAX,
    ),
    subject("fmnist/student", "../shared/models/fmnist/student_ref_int8.tflite", Some("../shared/models/fmnist/eval_x.npy"), 20),
    subject("kws_dscnn", "../shared/models/kws_dscnn/ref_int8.tflite", Some("../shared/models/kws_dscnn/eval_x.npy"), 20),
    subject("person_detect", "../shared/models/misc/person_detect_int8.tflite", None, 20),
];

/// Golden vectors in the image, which the firmware replays before it answers.
const VECTORS: usize = 2;

/// Emulated time is slower than ours.
const PATIENCE: Duration = Duration::from_secs(120);

/// `cargo xtask pico [SAMPLES]`: at most so many of each model.
pub(crate) fn run() -> Result<()> {
    let most = std::env::args().nth(2).map(|most| most.parse()).transpose().context("expected a number of samples")?;
    let most: usize = most.unwrap_or(usize::MAX);
    println!("Emulated: the core's cycles at 125 MHz, without misses of the flash's cache.\n");
    println!("{:16} {:9} {:>8} {:>8} {:>13} {:>9} {:>9}", "model", "firmware", "samples", "vectors", "cycles", "ms", "here, s");
    for subject in &SUBJECTS {
        let begin = Instant::now();
        let Some(bytes) = program(subject)? else { continue };
        let program = Program::parse(&bytes)?;
        let mut samples = match subject.samples.map(|file| Path::new(ROOT).join(file)) {
            Some(file) if file.exists() => from_npy(program, &file)?,
            _ => random(program, subject.count)?,
        };
        samples.truncate(subject.count.min(most));
        let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
        let mut host = Host::new(program, &mut arena)?;
        let golden =
            samples.iter().take(VECTORS).map(|inputs| Ok((inputs.concat(), host.infer(inputs)?.concat()))).collect::<Result<Vec<_>>>()?;
        let golden: Vec<(&[u8], &[u8])> = golden.iter().map(|(inputs, outputs)| (&inputs[..], &outputs[..])).collect();
        let image = image::build(&bytes, &golden, 0).context("too long for an image")?;
        let firmware = edgectl_firmware::for_program("pico", &program).context("no firmware has its operators")?;
        let emulator = match Emulator::start(&emulator::default_folder(), firmware, &[(firmware.map.layout.slots[0].offset, &image)], false)
        {
            Err(EmulatorError::NotInstalled { folder }) => {
                println!("SKIPPED: {} is not in {}", emulator::RP2040JS, folder.display());
                return Ok(());
            }
            started => started?,
        };
        let mut client = Client::new(emulator.uart()?, PROMPT * 10);
        client.wait(PATIENCE)?;
        let test = client.status()?.self_test;
        ensure!(test.is_passed() && usize::from(test.passed) == golden.len(), "{}: self-test: {test}", subject.name);
        let mut cycles = 0;
        for (index, inputs) in samples.iter().enumerate() {
            cycles += compare(&mut client, &mut host, inputs, false).with_context(|| format!("{}, sample {index}", subject.name))?;
        }
        let each = cycles / samples.len().max(1) as u64;
        println!(
            "{:16} {:9} {:>8} {:>8} {each:>13} {:>9.2} {:>9.1}",
            subject.name,
            firmware.name,
            samples.len(),
            test.to_string().trim_start_matches("pass "),
            each as f64 / 125e3,
            begin.elapsed().as_secs_f64()
        );
    }
    println!("\nall outputs equal the host's");
    Ok(())
}

/// The program of a model; of an ONNX model the one that `edgectl quantize` makes of it, where that is built.
pub(crate) fn program(subject: &Subject) -> Result<Option<AlignedBytes>> {
    let path = Path::new(ROOT).join(subject.model);
    if !path.exists() {
        println!("{:16} SKIPPED: no {}", subject.name, path.display());
        return Ok(None);
    }
    if path.extension().is_some_and(|extension| extension == "onnx") {
        let edgectl = std::env::var_os("EDGECTL").filter(|path| Path::new(path).exists());
        let Some(edgectl) = edgectl else {
            println!("{:16} SKIPPED: EDGECTL does not name a built edgectl", subject.name);
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let made = folder.path().join("model.edgm");
        let calibration = path.with_file_name("calib_x.npy");
        let ran = Command::new(edgectl).arg("quantize").arg(&path).arg("--calibration").arg(calibration).arg("-o").arg(&made).output()?;
        ensure!(ran.status.success(), "edgectl quantize: {}", String::from_utf8_lossy(&ran.stderr));
        return Ok(Some(AlignedBytes::from(&fs::read(made)?[..])));
    }
    let Model::Int8(graph) = edgectl_tflite::read(&path)?.model else { anyhow::bail!("{} is not int8", path.display()) };
    Ok(Some(AlignedBytes::from(&edgectl_lower::lower(&graph, &LowerOptions::default())?.program[..])))
}

/// Samples as the program's only input takes them.
fn from_npy(program: Program<'_>, file: &Path) -> Result<Vec<Vec<Vec<u8>>>> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let length = bytes.get(8..10).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let (header, data) = bytes.get(10..).and_then(|rest| rest.split_at_checked(length)).context("not an .npy file")?;
    let header = String::from_utf8_lossy(header);
    let values: Vec<f32> = match () {
        () if header.contains("'<f4'") => {
            data.chunks_exact(4).map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]])).collect()
        }
        // Pixels, which models take from 0 to 1.
        () if header.contains("'|u1'") => data.iter().map(|&value| f32::from(value) / 255.0).collect(),
        () => anyhow::bail!("expected 32-bit floats or bytes in {}", file.display()),
    };
    let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all())?;
    let elements = interpreter.input_mut(0)?.len();
    let mut samples = Vec::new();
    for sample in values.chunks_exact(elements) {
        interpreter.write_input(0, sample)?;
        samples.push(vec![interpreter.input_mut(0)?.iter().map(|&x| x.cast_unsigned()).collect()]);
    }
    Ok(samples)
}

pub(crate) fn random(program: Program<'_>, count: usize) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
    let lengths = Host::new(program, &mut arena)?.input_lengths();
    let mut random = fastrand::Rng::with_seed(1);
    let mut sample = || lengths.iter().map(|&length| std::iter::repeat_with(|| random.u8(..)).take(length).collect()).collect();
    Ok((0..count).map(|_| sample()).collect())
}
