//! Normalizations as ONNX nodes, taken apart where the opset has no operator for them.

use super::builder::ints;
use super::ops::Emitter;
use crate::OnnxError;

/// `LayerNormalization`, `RMSNormalization` and the `GroupNormalization` with parameters per channel came with these opsets.
const LAYER_OPSET: i64 = 17;
const RMS_OPSET: i64 = 23;
const GROUP_OPSET: i64 = 21;

impl Emitter<'_> {
    pub(super) fn group_norm(&mut self, groups: usize, epsilon: f32) -> Result<(), OnnxError> {
        if self.builder.opset >= GROUP_OPSET {
            let groups = ints(&[groups])[0];
            self.whole(self.output.clone())?.set_float("epsilon", epsilon).set_int("num_groups", groups);
            return Ok(());
        }
        if self.input_shape().and_then(|shape| shape.dims().get(1)?.fixed()) != Some(groups) {
            return Err(self.inexpressible(format!("groups of channels came with opset {GROUP_OPSET}")));
        }
        let inputs = (0..3).map(|index| self.operand(index)).collect::<Result<_, _>>()?;
        self.own("InstanceNormalization", inputs, self.output.clone())?.set_float("epsilon", epsilon);
        Ok(())
    }

    pub(super) fn layer_norm(&mut self, axis: usize, epsilon: f32, center: bool) -> Result<(), OnnxError> {
        if self.builder.opset >= if center { LAYER_OPSET } else { RMS_OPSET } {
            let axis = ints(&[axis])[0];
            self.whole(self.output.clone())?.set_int("axis", axis).set_float("epsilon", epsilon);
            return Ok(());
        }
        let rank = self.input_shape().map_or(0, |shape| shape.rank());
        let axes: Vec<usize> = (axis..rank).collect();
        let x = self.operand(0)?;
        let deviation = if center {
            let mean = self.mean("mean", x.clone(), &axes)?;
            self.step("Sub", "deviation", vec![x, mean])
        } else {
            x
        };
        let square = self.step("Mul", "square", vec![deviation.clone(), deviation.clone()]);
        let variance = self.mean("variance", square, &axes)?;
        let epsilon = self.scalar("epsilon", epsilon)?;
        let sum = self.step("Add", "sum", vec![variance, epsilon]);
        let root = self.step("Sqrt", "root", vec![sum]);
        let normalized = self.step("Div", "normalized", vec![deviation, root]);
        let scale = self.operand(1)?;
        if self.node.input(2).is_none() {
            return self.own("Mul", vec![normalized, scale], self.output.clone()).map(drop);
        }
        let scaled = self.step("Mul", "scaled", vec![normalized, scale]);
        let bias = self.operand(2)?;
        self.own("Add", vec![scaled, bias], self.output.clone()).map(drop)
    }

    /// The mean over some axes, which stay.
    fn mean(&mut self, what: &str, x: String, axes: &[usize]) -> Result<String, OnnxError> {
        let axes = ints(axes);
        if self.builder.opset < 18 {
            let output = self.step("ReduceMean", what, vec![x]);
            if let Some(node) = self.builder.proto.node.last_mut() {
                node.set_ints("axes", axes);
            }
            return Ok(output);
        }
        let list = self.parameter(&format!("{what}_axes"), &edgectl_graph::Literal::i64s(axes))?;
        Ok(self.step("ReduceMean", what, vec![x, list]))
    }
}
