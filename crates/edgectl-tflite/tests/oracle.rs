//! Whole int8 models: every byte that an op computes equals what TFLite Micro's reference kernels compute (`vectors/README.md`).
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use edge_format::{AlignedBytes, Program};
use edge_runtime::{Interpreter, Resolver};
use edgectl_lower::{LowerOptions, lower};
use edgectl_tflite::{Model, read};
use serde::Deserialize;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models");
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");

#[derive(Deserialize)]
struct Record {
    model: String,
    real: Vec<String>,
    random: usize,
    tensors: BTreeMap<String, String>,
    outputs: Vec<String>,
}

#[test]
fn digits_mlp() {
    compare("digits_mlp");
}

#[test]
fn fmnist_student() {
    compare("fmnist_student");
}

#[test]
fn fmnist_teacher() {
    compare("fmnist_teacher");
}

#[test]
fn hello_world() {
    compare("hello_world");
}

#[test]
fn kws_dscnn() {
    compare("kws_dscnn");
}

#[test]
fn micro_speech() {
    compare("micro_speech");
}

#[test]
fn nab_machine_temp_ae() {
    compare("nab_machine_temp_ae");
}

#[test]
fn person_detect() {
    compare("person_detect");
}

/// Runs a model on the inputs of its record. `EDGECTL_TFLITE_VECTORS` names another folder of records, for more of them.
fn compare(name: &str) {
    let folder = env::var_os("EDGECTL_TFLITE_VECTORS").map_or_else(|| PathBuf::from(VECTORS), PathBuf::from);
    let record: Record = serde_json::from_slice(&fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap();
    let path = PathBuf::from(MODELS).join(&record.model);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let imported = read(&path).unwrap();
    assert_eq!(imported.warnings, []);
    let Model::Int8(quantized) = imported.model else { panic!("{name} is not int8") };
    let lowered = lower(&quantized, &LowerOptions::default()).unwrap();
    let bytes = AlignedBytes::from(&lowered.program[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = vec![0; program.arena_bytes() as usize];
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap();

    let input = program.tensor(program.inputs().next().unwrap().tensor).unwrap();
    let size = input.byte_length as usize;
    let real = record.real.iter().map(|text| unhex(text));
    let random = (1..=record.random).map(|seed| random_input(seed, size, input.zero_point));
    let inputs: Vec<Vec<i8>> = real.chain(random).collect();
    assert_eq!(inputs.len(), record.outputs.len());
    // Per op of the program: what it computes, and the checksum over all inputs.
    let mut digests: Vec<(&str, u32)> = program.ops().map(|op| (program.tensor(op.outputs().next().unwrap()).unwrap().name, 0)).collect();
    let mut wrong = vec![];
    for (index, (values, expected)) in inputs.iter().zip(&record.outputs).enumerate() {
        interpreter.input_mut(0).unwrap().copy_from_slice(values);
        interpreter
            .invoke_with(|executed| {
                let digest = &mut digests[executed.index as usize].1;
                *digest = crc32(*digest, executed.output);
            })
            .unwrap();
        if interpreter.output(0).unwrap() != unhex(expected) {
            wrong.push(index);
        }
    }
    let differs = digests.iter().find(|(name, crc)| record.tensors.get(*name).is_some_and(|expected| *expected != format!("{crc:08x}")));
    assert_eq!(differs, None, "the first tensor that differs");
    assert_eq!(wrong, [0; 0], "inputs with another output, of {}", inputs.len());
    let missing: Vec<_> = record.tensors.keys().filter(|name| digests.iter().all(|(computed, _)| computed != name)).collect();
    assert!(missing.is_empty(), "nothing computes {missing:?}");
}

fn unhex(text: &str) -> Vec<i8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap().cast_signed()).collect()
}

/// As in `vectors/generate.py`.
fn random_input(seed: usize, size: usize, zero_point: i32) -> Vec<i8> {
    let (hold, spread) = ([1, 7, 40][seed % 3], [256, 64, 16, 4][seed % 4]);
    let mut state = seed as u64;
    let mut noise = Vec::with_capacity(size + hold);
    while noise.len() < size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let byte = (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8;
        noise.extend([i32::from(byte.cast_signed())].repeat(hold));
    }
    let centre = if spread == 256 { 0 } else { zero_point };
    noise[..size].iter().map(|&byte| (centre + ((byte * spread) >> 8)).clamp(-128, 127) as i8).collect()
}

/// CRC-32 as in IEEE 802.3, continued.
fn crc32(crc: u32, bytes: &[i8]) -> u32 {
    let step = |crc: u32, byte: &i8| {
        (0..8).fold(crc ^ u32::from(byte.cast_unsigned()), |crc, _| crc >> 1 ^ 0xEDB8_8320 & (crc & 1).wrapping_neg())
    };
    !bytes.iter().fold(!crc, step)
}
