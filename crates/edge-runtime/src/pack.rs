//! Weights in the layout of the kernels that will read them, for whole programs.

use alloc::vec;
use alloc::vec::Vec;

use edge_format::{AlignedBytes, DType, Matrix, OpSpec, Packing, Params, PlaceSpec, Program, ProgramSpec, Shape, WriteError, write};

use crate::Isa;

/// The program with its weights packed, wherever there are kernels for that: what a host runs of a portable program.
///
/// # Errors
/// Where the program would be too large.
pub fn pack(program: &Program<'_>, packing: Packing) -> Result<Vec<u8>, WriteError> {
    let mut spec = ProgramSpec::from(program);
    apply(&mut spec, packing);
    write(&spec)
}

/// The program with its weights packed for the kernels that [`Resolver::fastest`](crate::Resolver::fastest) has.
///
/// # Errors
/// Where the program would be too large.
pub fn pack_for_this_machine(program: &Program<'_>) -> Result<AlignedBytes, WriteError> {
    Ok(AlignedBytes::from(&pack(program, Isa::detect().packing())?[..]))
}

/// Packs the weights of convolutions and dense layers, and moves into their biases what the packing asks for.
pub fn apply(spec: &mut ProgramSpec, packing: Packing) {
    let uses = |spec: &ProgramSpec, tensor: u32| spec.ops.iter().flat_map(|op| &op.inputs).filter(|&&input| input == tensor).count();
    for index in 0..spec.ops.len() {
        let OpSpec { params, ref inputs, .. } = spec.ops[index];
        let kind = match params {
            Params::Conv2d(params) => Kind::Rows { groups: params.groups as usize },
            Params::FullyConnected(_) => Kind::Rows { groups: 1 },
            Params::DepthwiseConv2d(params) if params.depth_multiplier == 1 => {
                Kind::Channels { dilation: [params.dilation_h, params.dilation_w], stride: [params.stride_h, params.stride_w] }
            }
            _ => continue,
        };
        let &[x, filter, bias, ..] = &inputs[..] else { continue };
        // A tensor that something else reads too stays as it is.
        if uses(spec, filter) == 1 && uses(spec, bias) == 1 {
            let _: Option<()> = pack_op(spec, packing, [x, filter, bias].map(|tensor| tensor as usize), kind);
        }
    }
}

/// What weights are rows of.
#[derive(Clone, Copy)]
enum Kind {
    /// Of a matrix, in groups of a convolution.
    Rows { groups: usize },
    /// Of a depthwise filter, whose last axis is that of channels.
    Channels { dilation: [u32; 2], stride: [u32; 2] },
}

/// Packs one op's weights; `None` where they cannot be.
fn pack_op(spec: &mut ProgramSpec, packing: Packing, [x, filter, bias]: [usize; 3], kind: Kind) -> Option<()> {
    let x = spec.tensors.get(x).filter(|x| x.dtype == DType::I8)?;
    let weights = spec.tensors.get(filter).filter(|filter| filter.dtype == DType::I8)?;
    let biases = spec.tensors.get(bias).filter(|bias| bias.dtype == DType::I32)?;
    let (PlaceSpec::Data(filter_bytes), PlaceSpec::Data(bias_bytes)) = (&weights.place, &biases.place) else { return None };
    let mut values: Vec<i8> = filter_bytes.iter().map(|byte| byte.cast_signed()).collect();
    let mut shape = weights.shape.clone();
    let groups = match kind {
        Kind::Rows { groups } => groups,
        Kind::Channels { dilation, stride } => {
            let &[1, height, width, channels] = &shape[..] else { return None };
            if !crate::packs_depthwise([height, width], dilation, stride) {
                return None;
            }
            values = (0..channels as usize).flat_map(|channel| values.iter().skip(channel).step_by(channels as usize)).copied().collect();
            shape = vec![channels, height, width, 1];
            1
        }
    };
    let matrix = Matrix::of(&Shape::new(&shape)?)?;
    let columns = matrix.runs * matrix.run;
    if !matrix.fits(groups) || values.len() != matrix.rows * columns || bias_bytes.len() != matrix.rows * size_of::<i32>() {
        return None;
    }
    let moved = packing.x_offset() - x.zero_point;
    let bias_values = bias_bytes.as_chunks().0.iter().zip(values.chunks_exact(columns)).flat_map(|(&bias, row)| {
        let sum = row.iter().fold(0i32, |sum, &weight| sum.wrapping_add(weight.into()));
        i32::from_le_bytes(bias).wrapping_add(moved.wrapping_mul(sum)).to_le_bytes()
    });
    let bias_place = PlaceSpec::Data(bias_values.collect());
    spec.tensors[filter].place = PlaceSpec::Packed(packing, matrix.pack(&values));
    spec.tensors[filter].shape = shape;
    spec.tensors[bias].place = bias_place;
    Some(())
}
