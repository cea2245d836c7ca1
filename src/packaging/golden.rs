//! Golden vectors: what the program computes here, so that a device can show that it computes the same.

use std::num::NonZeroUsize;

use anyhow::{Context, Result, ensure};
use edge_format::{AlignedBytes, DType, Io, Program, write_golden};
use edge_runtime::{Interpreter, Resolver};
use fastrand::Rng;

use crate::cmd::package::Args;
use crate::engine::{self, Port};
use crate::ui::Ui;

/// Golden vectors, and where they are from.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u64,
    pub(crate) source: String,
}

/// Makes golden vectors of data, or of random inputs.
pub(crate) fn make(program: Program<'_>, args: &Args, ui: &Ui) -> Result<Made> {
    let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).context("cannot run the program")?;
    let (inputs, source) = match &args.content.golden {
        Some(path) => {
            let ports: Vec<Port> = program.inputs().map(engine::port).collect();
            let mut inputs = vec![];
            args.data.open_spread(path, Some(args.content.vectors), &ports)?.chunks(|samples| {
                for sample in samples {
                    let mut bytes = vec![];
                    for (index, values) in sample.inputs.iter().enumerate() {
                        interpreter.write_input(index, values)?;
                        bytes.extend(&*interpreter.input_bytes_mut(index)?);
                    }
                    inputs.push(bytes);
                }
                Ok(())
            })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (inputs, format!("data {}", name.replace(char::is_control, " ")))
        }
        None => return random(program, args.content.vectors, args.content.seed, ui),
    };
    of_inputs(&mut interpreter, inputs, source, ui)
}

/// Makes golden vectors of random inputs.
pub(crate) fn random(program: Program<'_>, count: NonZeroUsize, seed: u64, ui: &Ui) -> Result<Made> {
    let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).context("cannot run the program")?;
    let mut random = Rng::with_seed(seed);
    let inputs = (0..count.get()).map(|at| program.inputs().flat_map(|io| random_input(&program, io, at, &mut random)).collect());
    of_inputs(&mut interpreter, inputs.collect(), format!("random, seed {seed}"), ui)
}

fn of_inputs(interpreter: &mut Interpreter<'_, '_>, inputs: Vec<Vec<u8>>, source: String, ui: &Ui) -> Result<Made> {
    ensure!(!inputs.is_empty(), "there are no golden vectors");
    let progress = ui.progress("golden vectors", inputs.len());
    interpreter.reset();
    let mut vectors: Vec<(Vec<u8>, Vec<u8>)> = vec![];
    for input in inputs {
        vectors.push((input.clone(), replay(interpreter, &input)?));
        progress.advance(1);
    }
    let pairs: Vec<(&[u8], &[u8])> = vectors.iter().map(|(inputs, outputs)| (&inputs[..], &outputs[..])).collect();
    let bytes = write_golden(&pairs).context("too many golden vectors: expected at most 65,535")?;
    Ok(Made { bytes, count: vectors.len() as u64, source })
}

/// Runs the program once: from the bytes of all inputs to those of all outputs.
fn replay(interpreter: &mut Interpreter<'_, '_>, mut input: &[u8]) -> Result<Vec<u8>> {
    let program = interpreter.program();
    for index in 0..program.inputs().count() {
        let place = interpreter.input_bytes_mut(index)?;
        let (bytes, rest) = input.split_at_checked(place.len()).context("a golden vector is too short")?;
        place.copy_from_slice(bytes);
        input = rest;
    }
    interpreter.invoke()?;
    let mut outputs = vec![];
    for index in 0..program.outputs().count() {
        outputs.extend(interpreter.output_bytes(index)?);
    }
    Ok(outputs)
}

/// The first is zero in real numbers, the second goes from end to end of the range; indices, which must stay in theirs, are 0.
fn random_input(program: &Program<'_>, io: Io<'_>, at: usize, random: &mut Rng) -> Vec<u8> {
    let Some(tensor) = program.tensor(io.tensor) else { return vec![] };
    let length = tensor.byte_length as usize;
    let size = tensor.dtype.size_bytes() as usize;
    match (tensor.dtype, at) {
        (DType::I8 | DType::U8 | DType::I16, 0) => tensor.zero_point.to_le_bytes().into_iter().take(size).cycle().take(length).collect(),
        (DType::I8 | DType::U8, 1) => (0..length).map(|at| if at % 2 == 0 { 0x80 } else { 0x7F }).collect(),
        (DType::I8 | DType::U8 | DType::I16, _) => std::iter::repeat_with(|| random.u8(..)).take(length).collect(),
        _ => vec![0; length],
    }
}
