//! Operators that change the size of images, as ONNX nodes.

use edgectl_graph::{Coordinates, Interpolation, Literal, Resize, Rounding};

use super::builder::ints;
use super::ops::Emitter;
use crate::OnnxError;

impl Emitter<'_> {
    pub(super) fn depth_to_space(&mut self, block: usize, channel_first: bool) -> Result<(), OnnxError> {
        if self.builder.opset < 11 && channel_first {
            return Err(self.inexpressible("a mode came with opset 11"));
        }
        let modes = self.builder.opset >= 11;
        let node = self.whole(self.output.clone())?;
        node.set_int("blocksize", ints(&[block])[0]);
        if modes {
            node.set_string("mode", if channel_first { "CRD" } else { "DCR" });
        }
        Ok(())
    }

    pub(super) fn resize(&mut self, resize: &Resize) -> Result<(), OnnxError> {
        let mode = if resize.interpolation == Interpolation::Linear { "linear" } else { "nearest" };
        let opset = self.builder.opset;
        if opset < 11 {
            let plain = matches!(resize.interpolation, Interpolation::Linear | Interpolation::Nearest(Rounding::Floor));
            if resize.coordinates != Coordinates::Asymmetric || !plain {
                return Err(self.inexpressible("modes of coordinates came with opset 11"));
            }
            let (x, scales) = (self.operand(0)?, self.scales(resize)?);
            let op_type = if opset < 10 { "Upsample" } else { "Resize" };
            self.own(op_type, vec![x, scales], self.output.clone())?.set_string("mode", mode);
            return Ok(());
        }
        // Up to opset 12 no input may be left out, but it may be empty.
        let empty = |this: &mut Self, name: &str| match Literal::f32([0], vec![]) {
            Some(empty) if opset < 13 => this.parameter(name, &empty),
            _ => Ok(String::new()),
        };
        let region = empty(self, "roi")?;
        let inputs = match self.input_shape().and_then(|shape| shape.fixed()) {
            Some(shape) => {
                let scales = empty(self, "scales")?;
                let sizes = Literal::i64s(ints(&[&shape[..2], &resize.sizes].concat()));
                vec![region, scales, self.parameter("sizes", &sizes)?]
            }
            None => vec![region, self.scales(resize)?],
        };
        let node = self.with_inputs(inputs)?;
        node.set_string("mode", mode);
        node.set_string(
            "coordinate_transformation_mode",
            match resize.coordinates {
                Coordinates::AlignCorners => "align_corners",
                Coordinates::Asymmetric => "asymmetric",
                Coordinates::HalfPixel => "half_pixel",
            },
        );
        if let Interpolation::Nearest(rounding) = resize.interpolation {
            node.set_string(
                "nearest_mode",
                match rounding {
                    Rounding::Ceil => "ceil",
                    Rounding::Floor => "floor",
                    Rounding::PreferCeil => "round_prefer_ceil",
                    Rounding::PreferFloor => "round_prefer_floor",
                },
            );
        }
        Ok(())
    }

    /// One scale per axis, from which engines find the same sizes.
    fn scales(&mut self, resize: &Resize) -> Result<String, OnnxError> {
        let from =
            self.input_shape().map(|shape| shape.dims().iter().skip(2).map(|dim| dim.fixed()).collect::<Vec<_>>()).unwrap_or_default();
        let spatial = from.into_iter().zip(&resize.sizes).map(|(from, &to)| {
            let from = from? as f32;
            let scale = to as f32 / from;
            ((from * scale).floor() as usize == to).then_some(scale)
        });
        let scales: Option<Vec<f32>> = [Some(1.0); 2].into_iter().chain(spatial).collect();
        let literal = scales.and_then(|scales| Literal::f32([scales.len()], scales));
        let literal = literal.ok_or_else(|| self.inexpressible(format!("no scale gives the sizes {:?}", resize.sizes)))?;
        self.parameter("scales", &literal)
    }
}
