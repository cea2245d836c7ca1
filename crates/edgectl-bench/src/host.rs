//! Runs an int8 program on this machine.

use std::time::{Duration, Instant};

use edge_format::Program;
use edge_runtime::{Interpreter, Resolver, RuntimeError};

use crate::measure::{Protocol, Times, measure};
use crate::stats::median;

/// Passes over the program in which every op is timed, after the measurement as a whole, which the clock does not slow down.
const PROFILE_PASSES: usize = 50;

/// The most that such passes take together; at least one is made.
const PROFILE_TIME: Duration = Duration::from_secs(1);

/// By how much the arena of one block is moved against that of the block before: a cache line.
const SHIFT_BYTES: usize = 64;

/// A program's times.
#[derive(Clone, Debug, PartialEq)]
pub struct HostRun {
    /// Of whole inferences.
    pub times: Times,
    /// The median time of each op, in the program's order.
    pub op_us: Vec<f64>,
}

/// Measures a program on one thread, with the kernels that this machine has. Its inputs are noise: the kernels take the same time for any.
///
/// # Errors
/// Where the runtime cannot execute the program.
pub fn run(program: Program<'_>, protocol: Protocol) -> Result<HostRun, RuntimeError> {
    let begin = Instant::now();
    let times = measure(protocol, &mut || begin.elapsed(), |block| {
        with_arena(program, block.index, |interpreter| block.repeat(|| interpreter.invoke()))
    })?;
    let op_us = with_arena(program, 0, profile)?;
    Ok(HostRun { times, op_us })
}

/// Sets the program up in an arena of its own, the inputs filled.
fn with_arena<T>(
    program: Program<'_>,
    shift: usize,
    work: impl FnOnce(&mut Interpreter<'_, '_>) -> Result<T, RuntimeError>,
) -> Result<T, RuntimeError> {
    let shift = shift % 64 * SHIFT_BYTES;
    let mut memory = vec![0; program.arena_bytes() as usize + shift];
    let mut interpreter = Interpreter::new(program, &mut memory[shift..], Resolver::fastest())?;
    let mut random = fastrand::Rng::with_seed(1);
    for index in 0..program.inputs().count() {
        interpreter.input_mut(index)?.fill_with(|| random.i8(..));
    }
    work(&mut interpreter)
}

fn profile(interpreter: &mut Interpreter<'_, '_>) -> Result<Vec<f64>, RuntimeError> {
    let mut times: Vec<Vec<f64>> = vec![vec![]; interpreter.program().op_count() as usize];
    let begin = Instant::now();
    for _ in 0..PROFILE_PASSES {
        let mut before = Instant::now();
        interpreter.invoke_with(|executed| {
            let now = Instant::now();
            if let Some(times) = times.get_mut(executed.index as usize) {
                times.push((now - before).as_nanos() as f64 / 1e3);
            }
            before = Instant::now();
        })?;
        if begin.elapsed() > PROFILE_TIME {
            break;
        }
    }
    Ok(times.into_iter().map(median).collect())
}
