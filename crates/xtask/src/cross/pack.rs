//! What the images replay: every golden vector, and whole models. `crates/edge-runtime/cross/src/lib.rs` has the layout.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use edge_format::{AlignedBytes, DType, write};
use edge_runtime::{Interpreter, Program, Resolver};
use edgectl_bench::qemu::record;
use edgectl_lower::LowerOptions;
use edgectl_tflite::Model;

/// The cases that the tests of `edge-runtime` replay on the host.
#[allow(clippy::unwrap_used)]
#[path = "../../../edge-runtime/tests/common/mod.rs"]
mod golden;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Models that are replayed; those outside of the repository only where they are there.
const MODELS: [(&str, &str); 6] = [
    ("digits_mlp", "fixtures/digits_mlp/int8.tflite"),
    ("fmnist_student", "../shared/models/fmnist/student_ref_int8.tflite"),
    ("kws_dscnn", "../shared/models/kws_dscnn/ref_int8.tflite"),
    ("micro_speech", "../shared/models/misc/micro_speech_int8.tflite"),
    ("nab_machine_temp_ae", "../shared/models/nab_machine_temp_ae/ref_int8.tflite"),
    ("person_detect", "../shared/models/misc/person_detect_int8.tflite"),
];

/// Invocations of a model.
const INVOCATIONS: usize = 2;

/// Writes a pack; gives the names of the models in it.
pub(super) fn write_pack(path: &Path) -> Result<Vec<&'static str>> {
    let mut pack = Vec::new();
    for op in golden::ops() {
        for (index, case) in golden::cases(op).iter().enumerate() {
            let inputs: Vec<u8> = case.activations().iter().flat_map(golden::Tensor::bytes).collect();
            let program = write(&case.program()).with_context(|| format!("{op} {}", case.name))?;
            // What remembers has one activation, whose values for all invocations follow each other.
            let invocations = case.output.data.len() / case.output.elements();
            record(&mut pack, &format!("{op}/{index}"), &program, &inputs, &case.output.bytes(), invocations);
        }
    }
    let mut models = Vec::new();
    for (name, file) in MODELS {
        let file = Path::new(ROOT).join(file);
        if !file.exists() {
            eprintln!("SKIPPED {name}: no {}", file.display());
            continue;
        }
        let Model::Int8(graph) = edgectl_tflite::read(&file)?.model else { anyhow::bail!("{name} is not int8") };
        let program = edgectl_lower::lower(&graph, &LowerOptions::default()).with_context(|| name)?.program;
        let (inputs, outputs) = run(&program).with_context(|| name)?;
        record(&mut pack, name, &program, &inputs, &outputs, INVOCATIONS);
        models.push(name);
    }
    pack.extend([0; 32]);
    std::fs::write(path, pack).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(models)
}

/// Writes the program of every golden vector that is not large into a folder: where a fuzzer begins.
pub(super) fn write_seeds(folder: &Path, limit_bytes: usize) -> Result<usize> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut written = 0;
    for op in golden::ops() {
        for (index, case) in golden::cases(op).iter().enumerate() {
            let program = write(&case.program()).with_context(|| format!("{op} {}", case.name))?;
            if program.len() <= limit_bytes {
                let path = folder.join(format!("{op}-{index}"));
                std::fs::write(&path, program).with_context(|| path.display().to_string())?;
                written += 1;
            }
        }
    }
    Ok(written)
}

/// Some inputs for a program and what the host makes of them, one invocation after the other.
fn run(program: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let bytes = AlignedBytes::from(program);
    let program = Program::parse(&bytes)?;
    let is_int8 = |tensor| program.tensor(tensor).is_some_and(|tensor| tensor.dtype == DType::I8);
    ensure!(program.inputs().chain(program.outputs()).all(|io| is_int8(io.tensor)), "inputs and outputs are not all int8");
    let mut arena = AlignedBytes::from(&vec![0; program.arena_bytes() as usize][..]);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all())?;
    let (mut inputs, mut outputs, mut state) = (Vec::new(), Vec::new(), 1u32);
    for _ in 0..INVOCATIONS {
        for index in 0..program.inputs().count() {
            for element in interpreter.input_mut(index)? {
                // Marsaglia's xorshift.
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                *element = state as i8;
                inputs.push(*element as u8);
            }
        }
        interpreter.invoke()?;
        for index in 0..program.outputs().count() {
            outputs.extend(interpreter.output(index)?.iter().map(|q| q.cast_unsigned()));
        }
    }
    Ok((inputs, outputs))
}
