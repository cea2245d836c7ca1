//! Runs a program on zeros and prints its outputs: `cargo run -p edge-runtime --example host -- MODEL.edgm`.
#![allow(clippy::print_stdout)]

use std::error::Error;

use edge_format::AlignedBytes;
use edge_runtime::{Interpreter, Program, Resolver, work};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("expected the path of a program")?;
    let bytes = AlignedBytes::from(&std::fs::read(path)?[..]);
    let program = Program::parse(&bytes)?;
    println!("{}: {} ops, {} steps, an arena of {} bytes", program.name(), program.op_count(), work(program), program.arena_bytes());
    let mut arena = AlignedBytes::from(&vec![0; program.arena_bytes() as usize][..]);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all())?;
    for (index, io) in program.inputs().enumerate() {
        let zero = program.tensor(io.tensor).map_or(0, |tensor| tensor.zero_point as i8);
        interpreter.input_mut(index)?.fill(zero);
    }
    interpreter.invoke()?;
    for (index, io) in program.outputs().enumerate() {
        println!("{} {}: {:?}", io.name, io.shape, interpreter.output(index)?);
    }
    Ok(())
}
