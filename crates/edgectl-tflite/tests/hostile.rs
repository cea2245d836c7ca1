//! Real models, damaged in thousands of ways: each ends in a model or in an error, never in a panic, and no model is much larger than its file.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::fs;
use std::path::Path;

use common::{Operator, Spec, Tensor};
use edge_format::{AlignedBytes, Program};
use edge_runtime::{Interpreter, Resolver};
use edgectl_graph::Literal;
use edgectl_lower::{LowerOptions, lower};
use edgectl_tflite::{Model, import};

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models");
const FILES: &[&str] = &[
    "digits_mlp/ref_float.tflite",
    "fmnist/student_ref_float.tflite",
    "fmnist/student_ref_int8.tflite",
    "kws_dscnn/ref_int8.tflite",
    "misc/hello_world_int8.tflite",
    "misc/micro_speech_int8.tflite",
];
/// Damaged copies of each file.
const COPIES: usize = 700;
/// The most bytes of constants and names in a model, per byte of its file: 16 reads, and int8 becomes float beside itself.
const GROWTH: usize = 16 * 5;
/// The largest arena in which a damaged model is run.
const LARGEST_ARENA: u32 = 1 << 20;

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Reads a model, and lowers and runs it where it can be read.
fn survive(bytes: &[u8]) -> bool {
    let Ok(imported) = import(bytes) else { return false };
    let graph = match &imported.model {
        Model::Float(graph) => graph,
        Model::Int8(quantized) => quantized.graph(),
    };
    let size: usize =
        graph.tensors().iter().map(|tensor| tensor.name.len() + 5 * tensor.literal.as_ref().map_or(0, Literal::elements)).sum();
    assert!(size <= GROWTH * bytes.len(), "{size} bytes from a file of {}", bytes.len());
    let Model::Int8(quantized) = imported.model else { return true };
    let Ok(lowered) = lower(&quantized, &LowerOptions::default()) else { return false };
    let aligned = AlignedBytes::from(&lowered.program[..]);
    let program = Program::parse(&aligned).unwrap();
    if program.arena_bytes() <= LARGEST_ARENA {
        let mut arena = vec![0; program.arena_bytes() as usize];
        if let Ok(mut interpreter) = Interpreter::new(program, &mut arena, Resolver::all()) {
            interpreter.invoke().unwrap();
        }
    }
    true
}

#[test]
fn damaged_models_end_cleanly() {
    for file in FILES {
        let Ok(original) = fs::read(Path::new(MODELS).join(file)) else {
            eprintln!("skipped: {file} is not there");
            continue;
        };
        assert!(survive(&original), "{file}");
        // Tables are small and constants large: most damage goes where there is structure, at the ends of the file.
        let ends = original.len().min(2048);
        let mut random = Random(original.len() as u64);
        let mut read = 0;
        for copy in 0..COPIES {
            let mut bytes = original.clone();
            for _ in 0..1 + copy % 4 {
                let at = match random.below(4) {
                    0 => random.below(bytes.len()),
                    1 => 8 + random.below(ends - 8),
                    _ => bytes.len() - 1 - random.below(ends),
                };
                match random.below(5) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.next() as u8,
                    2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                    // An offset, a length or a dimension.
                    3 => {
                        let word = [0, 1, u32::MAX, i32::MAX as u32, 1 << 16, random.next() as u32][random.below(6)];
                        let at = (at & !3).min(bytes.len() - 4);
                        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
                    }
                    // A part of the file in the place of another.
                    _ => {
                        let (from, len) = (random.below(bytes.len()), 1 + random.below(16));
                        let len = len.min(bytes.len() - from).min(bytes.len() - at);
                        bytes.copy_within(from..from + len, at);
                    }
                }
            }
            read += usize::from(survive(&bytes));
        }
        assert!((COPIES / 20..COPIES).contains(&read), "{file}: {read} of {COPIES} copies can still be read");
    }
}

#[test]
fn every_truncation_ends_cleanly() {
    let Ok(original) = fs::read(Path::new(MODELS).join("misc/hello_world_int8.tflite")) else { return };
    for len in 0..original.len() {
        survive(&original[..len]);
    }
}

/// A chain of layers that all have the same weights, so that the model is as many times larger than its file.
fn shared_weights(layers: i32) -> Spec {
    let weights = Tensor::f32s("w", &[64, 64], &[0.0; 64 * 64]);
    let values = (0..=layers).map(|layer| Tensor::new(&format!("x{layer}"), common::FLOAT32, &[1, 64]));
    let tensors = [weights].into_iter().chain(values).collect();
    let operators = (1..=layers).map(|layer| Operator::new(9, &[layer, 0, -1], &[layer + 1], &[])).collect();
    Spec::new(tensors, operators, &[1], &[layers + 1])
}

#[test]
fn a_small_file_is_no_huge_model() {
    assert_eq!(shared_weights(14).float().nodes().len(), 14);
    let error = "malformed TensorFlow Lite model: its parts overlap: together they are more than 16 times as large as the file";
    for layers in [40, 500] {
        assert_eq!(shared_weights(layers).error(), error);
    }
}
