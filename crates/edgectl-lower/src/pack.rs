//! Weights in the layout of the kernels that will read them, for whole programs.

use edge_format::{AlignedBytes, DType, OpSpec, Packing, Params, PlaceSpec, Program, ProgramSpec, write};
use edge_runtime::Isa;

use crate::LowerError;

/// The program with its weights packed, wherever there are kernels for that: what a host runs of a portable program.
///
/// # Errors
/// Where the program would be too large.
pub fn pack(program: &Program<'_>, packing: Packing) -> Result<Vec<u8>, LowerError> {
    let mut spec = ProgramSpec::from(program);
    apply(&mut spec, packing);
    Ok(write(&spec)?)
}

/// The program with its weights packed for the kernels that [`Resolver::fastest`](edge_runtime::Resolver::fastest) has.
///
/// # Errors
/// Where the program would be too large.
pub fn pack_for_this_machine(program: &Program<'_>) -> Result<AlignedBytes, LowerError> {
    Ok(AlignedBytes::from(&pack(program, Isa::detect().packing())?[..]))
}

/// Packs the weights of convolutions and dense layers, and moves into their biases what the packing asks for.
pub(crate) fn apply(spec: &mut ProgramSpec, packing: Packing) {
    let uses = |spec: &ProgramSpec, tensor: u32| spec.ops.iter().flat_map(|op| &op.inputs).filter(|&&input| input == tensor).count();
    for index in 0..spec.ops.len() {
        let OpSpec { params, ref inputs, .. } = spec.ops[index];
        let groups = match params {
            Params::Conv2d(params) => params.groups as usize,
            Params::FullyConnected(_) => 1,
            _ => continue,
        };
        let &[x, filter, bias, ..] = &inputs[..] else { continue };
        // A tensor that something else reads too stays as it is.
        if uses(spec, filter) == 1 && uses(spec, bias) == 1 {
            let _: Option<()> = pack_op(spec, packing, [x, filter, bias].map(|tensor| tensor as usize), groups);
        }
    }
}

/// Packs one op's weights; `None` where they cannot be.
fn pack_op(spec: &mut ProgramSpec, packing: Packing, [x, filter, bias]: [usize; 3], groups: usize) -> Option<()> {
    let x = spec.tensors.get(x).filter(|x| x.dtype == DType::I8)?;
    let weights = spec.tensors.get(filter).filter(|filter| filter.dtype == DType::I8)?;
    let biases = spec.tensors.get(bias).filter(|bias| bias.dtype == DType::I32)?;
    let (PlaceSpec::Data(filter_bytes), PlaceSpec::Data(bias_bytes)) = (&weights.place, &biases.place) else { return None };
    let (&rows, columns) = weights.shape.split_first()?;
    let (rows, columns) = (rows as usize, columns.iter().product::<u32>() as usize);
    if !Packing::fits([rows, columns], groups) || filter_bytes.len() != rows * columns || bias_bytes.len() != rows * size_of::<i32>() {
        return None;
    }
    let filter_values: Vec<i8> = filter_bytes.iter().map(|byte| byte.cast_signed()).collect();
    let moved = packing.x_offset() - x.zero_point;
    let bias_values = bias_bytes.as_chunks().0.iter().zip(filter_values.chunks_exact(columns)).flat_map(|(&bias, row)| {
        let sum = row.iter().fold(0i32, |sum, &weight| sum.wrapping_add(weight.into()));
        i32::from_le_bytes(bias).wrapping_add(moved.wrapping_mul(sum)).to_le_bytes()
    });
    let bias_place = PlaceSpec::Data(bias_values.collect());
    spec.tensors[filter].place = PlaceSpec::Packed(packing, Packing::pack(columns, &filter_values));
    spec.tensors[bias].place = bias_place;
    Some(())
}
