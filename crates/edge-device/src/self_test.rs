//! Proof that a program computes here what it computed where its golden vectors were made: byte for byte.

use edge_format::Golden;
use edge_runtime::Interpreter;
use serde::{Deserialize, Serialize};

/// What a self-test found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    /// Vectors that agreed.
    pub passed: u16,
    /// Vectors that there are; 0 where the image has none.
    pub count: u16,
    /// The first vector that did not.
    pub failure: Option<Failure>,
}

impl SelfTest {
    /// Whether all agreed.
    pub fn is_passed(&self) -> bool {
        self.failure.is_none()
    }
}

impl core::fmt::Display for SelfTest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SelfTest { failure: Some(_), .. } => f.write_str("fail"),
            SelfTest { count: 0, .. } => f.write_str("none"),
            SelfTest { passed, count, .. } => write!(f, "pass {passed}/{count}"),
        }
    }
}

/// Where outputs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The image has no vectors section of its digest, or one that does not fit the program.
    Vectors,
    /// The program did not run.
    Program,
    /// A byte differs.
    Byte {
        /// Which vector.
        vector: u16,
        /// Byte in all outputs, one after the other.
        byte: u32,
        /// In the vector.
        expected: u8,
        /// Computed.
        found: u8,
    },
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Failure::Vectors => f.write_str("the golden vectors do not fit the program"),
            Failure::Program => f.write_str("the program does not run"),
            Failure::Byte { vector, byte, expected, found } => {
                write!(f, "golden vector {vector}, output byte {byte}: expected {expected:02x}, found {found:02x}")
            }
        }
    }
}

/// Replays golden vectors, in order, from a reset on. `between` is called after each op.
pub fn run(interpreter: &mut Interpreter<'_, '_>, vectors: &[u8], mut between: impl FnMut()) -> SelfTest {
    let Ok(golden) = Golden::parse(vectors, &interpreter.program()) else {
        return SelfTest { failure: Some(Failure::Vectors), ..SelfTest::default() };
    };
    let mut test = SelfTest { count: golden.count(), ..SelfTest::default() };
    interpreter.reset();
    for (index, vector) in (0..).zip(golden.vectors()) {
        if let Err(failure) = replay(interpreter, index, vector.inputs, vector.outputs, &mut between) {
            test.failure = Some(failure);
            break;
        }
        test.passed += 1;
    }
    interpreter.reset();
    test
}

fn replay(
    interpreter: &mut Interpreter<'_, '_>,
    vector: u16,
    mut inputs: &[u8],
    mut expected: &[u8],
    between: &mut impl FnMut(),
) -> Result<(), Failure> {
    let program = interpreter.program();
    for index in 0..program.inputs().count() {
        let input = input_bytes(interpreter, index).ok_or(Failure::Program)?;
        let (bytes, rest) = inputs.split_at_checked(input.len()).ok_or(Failure::Vectors)?;
        input.copy_from_slice(bytes);
        inputs = rest;
    }
    interpreter.invoke_with(|_| between()).map_err(|_| Failure::Program)?;
    let mut before = 0;
    for index in 0..program.outputs().count() {
        let output = output_bytes(interpreter, index).ok_or(Failure::Program)?;
        let (bytes, rest) = expected.split_at_checked(output.len()).ok_or(Failure::Vectors)?;
        if let Some((byte, (&expected, &found))) = (before..).zip(bytes.iter().zip(output)).find(|(_, (expected, found))| expected != found)
        {
            return Err(Failure::Byte { vector, byte, expected, found });
        }
        before += output.len() as u32;
        expected = rest;
    }
    Ok(())
}

/// The bytes of a model input, whatever its elements are; `None` where there is no such input.
pub fn input_bytes<'i>(interpreter: &'i mut Interpreter<'_, '_>, index: usize) -> Option<&'i mut [u8]> {
    let program = interpreter.program();
    let tensor = program.inputs().nth(index).and_then(|io| program.tensor(io.tensor))?;
    match tensor.dtype.size_bytes() {
        1 => interpreter.input_mut_of::<i8>(index).ok().map(bytemuck::cast_slice_mut),
        2 => interpreter.input_mut_of::<i16>(index).ok().map(bytemuck::cast_slice_mut),
        _ => interpreter.input_mut_of::<i32>(index).ok().map(bytemuck::cast_slice_mut),
    }
}

/// The bytes of a model output, whatever its elements are; `None` where there is no such output.
pub fn output_bytes<'i>(interpreter: &'i Interpreter<'_, '_>, index: usize) -> Option<&'i [u8]> {
    let program = interpreter.program();
    let tensor = program.outputs().nth(index).and_then(|io| program.tensor(io.tensor))?;
    match tensor.dtype.size_bytes() {
        1 => interpreter.output_of::<i8>(index).ok().map(bytemuck::cast_slice),
        2 => interpreter.output_of::<i16>(index).ok().map(bytemuck::cast_slice),
        _ => interpreter.output_of::<i32>(index).ok().map(bytemuck::cast_slice),
    }
}
