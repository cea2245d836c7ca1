//! Resizing of images.

use edge_format::ResizeNearestParams;
use edge_runtime::prepare;
use edgectl_graph::{Coordinates, Interpolation, Node, Resize};

use super::conv::{planar, planar_pair};
use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, resize: &Resize) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let shape = builder.shape(x)?;
    let order = layout::channels_last(shape.len());
    let input = builder.in_order(x, &order)?;
    let input = planar(builder, input);
    let result = builder.output(output, &order)?;
    let result = planar(builder, result);
    let (from, to) = (planar_pair(&shape[2..], 1)?, planar_pair(&resize.sizes, 1)?);
    match resize.interpolation {
        Interpolation::Linear => {
            let [align_corners, half_pixel] = [Coordinates::AlignCorners, Coordinates::HalfPixel].map(|mode| mode == resize.coordinates);
            builder.push(prepare::resize_bilinear(from, to, align_corners, half_pixel), vec![input], result);
        }
        Interpolation::Nearest(rounding) => {
            let mut inputs = vec![input];
            for (from, to) in from.into_iter().zip(to) {
                let indices = Resize::nearest(resize.coordinates, rounding, from as usize, to as usize);
                let indices = indices.map(|index| layout::dim(index).map(u32::cast_signed)).collect::<Result<Vec<_>, _>>()?;
                inputs.push(builder.constant_i32("", &indices));
            }
            builder.push(ResizeNearestParams {}, inputs, result);
        }
    }
    Ok(())
}
