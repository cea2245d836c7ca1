//! Elementwise functions as ONNX nodes, taken apart where the opset has no operator for them.

use edgectl_graph::{Activation, Unary};

use super::ops::{Emitter, merge_extra};
use crate::OnnxError;

/// The first opset that has an operator, or one beyond all where none has.
fn since(unary: Unary) -> i64 {
    match unary {
        Unary::Gelu { .. } => 20,
        Unary::HardSwish => 14,
        Unary::Mish => 18,
        Unary::Silu => 24,
        _ => 0,
    }
}

impl Emitter<'_> {
    pub(super) fn unary(&mut self, unary: Unary) -> Result<(), OnnxError> {
        if self.builder.opset < since(unary) {
            return self.taken_apart(unary);
        }
        match unary {
            Unary::Clip { min, max } => {
                let x = self.operand(0)?;
                let node = self.node;
                merge_extra(self.clip(node.name.clone(), x, Activation { min, max })?, node).map(drop)
            }
            Unary::Elu { alpha } | Unary::LeakyRelu { alpha } => self.attribute_float("alpha", alpha),
            Unary::Gelu { tanh: true } => {
                self.whole(self.output.clone())?.set_string("approximate", "tanh");
                Ok(())
            }
            Unary::HardSigmoid { alpha, beta } => {
                self.whole(self.output.clone())?.set_float("alpha", alpha).set_float("beta", beta);
                Ok(())
            }
            Unary::Selu { alpha, gamma } => {
                self.whole(self.output.clone())?.set_float("alpha", alpha).set_float("gamma", gamma);
                Ok(())
            }
            Unary::Pow { exponent } => {
                let inputs = vec![self.scalar("exponent", exponent)?];
                self.with_inputs(inputs).map(drop)
            }
            _ => self.whole(self.output.clone()).map(drop),
        }
    }

    /// The function as several nodes, of which the last stands for the operator.
    fn taken_apart(&mut self, unary: Unary) -> Result<(), OnnxError> {
        let x = self.operand(0)?;
        let gate = match unary {
            Unary::HardSwish => {
                let gate = self.builder.unique(format!("{}/gate", self.output));
                let name = self.helper("gate");
                let node = self.builder.node("HardSigmoid", name, vec![x.clone()], gate.clone());
                node.set_float("alpha", 1.0 / 6.0).set_float("beta", 0.5);
                gate
            }
            Unary::Mish => {
                let softplus = self.step("Softplus", "softplus", vec![x.clone()]);
                self.step("Tanh", "gate", vec![softplus])
            }
            Unary::Gelu { tanh } => {
                let curve = if tanh { self.gelu_tanh(&x)? } else { self.gelu_erf(&x)? };
                let one = self.scalar("one", 1.0)?;
                let sum = self.step("Add", "sum", vec![curve, one]);
                let half = self.scalar("half", 0.5)?;
                self.step("Mul", "gate", vec![sum, half])
            }
            _ => self.step("Sigmoid", "gate", vec![x.clone()]),
        };
        self.own("Mul", vec![x, gate], self.output.clone()).map(drop)
    }

    /// `erf(x / sqrt(2))`
    fn gelu_erf(&mut self, x: &str) -> Result<String, OnnxError> {
        let root = self.scalar("root", std::f32::consts::SQRT_2)?;
        let scaled = self.step("Div", "scaled", vec![x.into(), root]);
        Ok(self.step("Erf", "erf", vec![scaled]))
    }

    /// `tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))`
    fn gelu_tanh(&mut self, x: &str) -> Result<String, OnnxError> {
        let square = self.step("Mul", "square", vec![x.into(), x.into()]);
        let cube = self.step("Mul", "cube", vec![square, x.into()]);
        let weight = self.scalar("weight", 0.044_715)?;
        let weighted = self.step("Mul", "weighted", vec![cube, weight]);
        let bent = self.step("Add", "bent", vec![x.into(), weighted]);
        let factor = self.scalar("factor", (2.0 / std::f32::consts::PI).sqrt())?;
        let scaled = self.step("Mul", "scaled", vec![bent, factor]);
        Ok(self.step("Tanh", "tanh", vec![scaled]))
    }

    /// A node on the way to the output; returns its own output.
    pub(super) fn step(&mut self, op_type: &str, what: &str, inputs: Vec<String>) -> String {
        let output = self.builder.unique(format!("{}/{what}", self.output));
        let name = self.helper(what);
        self.builder.node(op_type, name, inputs, output.clone());
        output
    }
}
