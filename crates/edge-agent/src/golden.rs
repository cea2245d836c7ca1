//! Golden vectors of a program: the bytes of its inputs, and those that its outputs must have.
//!
//! ```text
//! "EDGV" | format u32 = 1 | vectors u32 | 0u32 | vectors × (inputs | outputs)
//! ```
//!
//! Little-endian; inputs and outputs in the program's order and types, without gaps.

use edge_format::Program;

const HEAD: usize = 16;

/// Golden vectors of a program.
#[derive(Clone, Debug)]
pub struct Golden<'b> {
    input_bytes: usize,
    output_bytes: usize,
    bytes: &'b [u8],
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'b> {
    /// All inputs.
    pub inputs: &'b [u8],
    /// All outputs.
    pub outputs: &'b [u8],
}

impl<'b> Golden<'b> {
    /// Checks that there are as many as it says.
    ///
    /// # Errors
    ///
    /// In words.
    pub fn parse(bytes: &'b [u8], program: &Program<'_>) -> Result<Golden<'b>, String> {
        let size = |tensor: u32, elements: u32| program.tensor(tensor).map_or(0, |tensor| tensor.dtype.size_bytes() * elements) as usize;
        let input_bytes: usize = program.inputs().map(|io| size(io.tensor, io.shape.elements())).sum();
        let output_bytes: usize = program.outputs().map(|io| size(io.tensor, io.shape.elements())).sum();
        let (head, rest) = bytes.split_at_checked(HEAD).ok_or("cut short")?;
        let word = |at: usize| head.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
        if &head[..4] != b"EDGV" || word(4) != Some(1) {
            return Err("not a file of golden vectors".into());
        }
        let expected = word(8).and_then(|vectors| (vectors as usize).checked_mul(input_bytes + output_bytes));
        if expected != Some(rest.len()) {
            return Err(format!("they are not this program's: {input_bytes} + {output_bytes} bytes each do not make {}", rest.len()));
        }
        Ok(Golden { input_bytes, output_bytes, bytes: rest })
    }

    /// All of them.
    pub fn vectors(&self) -> impl Iterator<Item = Vector<'b>> + use<'b> {
        let (inputs, each) = (self.input_bytes, (self.input_bytes + self.output_bytes).max(1));
        self.bytes.chunks_exact(each).map(move |vector| Vector { inputs: &vector[..inputs], outputs: &vector[inputs..] })
    }
}
