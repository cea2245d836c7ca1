//! Recurrent layers.

use edgectl_graph::{Cell, Literal, Recurrent};

use super::ops::Emitter;
use crate::OnnxError;
use crate::gates::{self, Order};

impl Emitter<'_> {
    /// `LSTM` or `GRU` with its weights in float, since there is no other form of it: with its sequences time major, and without the axis
    /// of directions.
    pub(super) fn recurrent(&mut self, recurrent: &Recurrent) -> Result<(), OnnxError> {
        if matches!(recurrent.cell, Cell::Lstm { clip } if clip > 0.0) {
            return Err(self.inexpressible("its cell is bounded"));
        }
        if self.builder.opset < 7 {
            return Err(self.inexpressible("it is another operator before opset 7"));
        }
        let mut x = self.operand(0)?;
        if !recurrent.time_major {
            x = self.transposed(x, "time_major")?;
        }
        let constants = [1, 2, 3, 4].map(|index| self.constant(index));
        let [weights, recurrent_weights, bias, last] = constants;
        let (weights, recurrent_weights, bias) = (weights?, recurrent_weights?, bias?);
        let (order, gates, units) = (Order::of(recurrent.cell), recurrent.cell.gates(), bias.elements() / recurrent.cell.gates());
        let directed = |literal: &Literal| {
            let shape = [&[1], literal.shape()].concat();
            let values = order.exported(literal.as_f32().unwrap_or_default(), gates);
            Literal::f32(shape, values)
        };
        let both_biases = match (recurrent.cell, last) {
            (Cell::Gru { .. }, last) => [bias, last?],
            (_, _) => [bias.clone(), Literal::f32(vec![gates * units], vec![0.0; gates * units]).unwrap_or(bias)],
        };
        let both: Vec<f32> = both_biases.iter().flat_map(|bias| order.exported(bias.as_f32().unwrap_or_default(), gates)).collect();
        let constants = [directed(&weights), directed(&recurrent_weights), Literal::f32(vec![1, both.len()], both)];
        let mut inputs = vec![x];
        for (literal, what) in constants.into_iter().zip(["weights", "recurrent_weights", "biases"]) {
            let literal = literal.ok_or_else(|| self.inexpressible("its constants do not fit each other"))?;
            inputs.push(self.builder.new_constant(format!("{}/{what}", self.output), &literal)?);
        }
        let directions = self.builder.unique(format!("{}/directions", self.output));
        let size = gates::size(units);
        let node = self.own(recurrent.cell.name(), inputs, directions.clone())?;
        node.set_int("hidden_size", size);
        if let Cell::Gru { reset_after } = recurrent.cell {
            node.set_int("linear_before_reset", reset_after.into());
        }
        let target = self.builder.new_constant(format!("{}/shape", self.output), &Literal::i64s(vec![0, -1, size]))?;
        let output = self.output.clone();
        if recurrent.time_major {
            self.builder.node("Reshape", self.helper("steps"), vec![directions, target], output);
            return Ok(());
        }
        let steps = self.builder.unique(format!("{output}/steps"));
        self.builder.node("Reshape", steps.clone(), vec![directions, target], steps.clone());
        let name = self.helper("batch_major");
        self.builder.node("Transpose", name, vec![steps], output).set_ints("perm", vec![1, 0, 2]);
        Ok(())
    }

    /// The first two axes in the other order.
    fn transposed(&mut self, x: String, what: &str) -> Result<String, OnnxError> {
        let output = self.builder.unique(format!("{}/{what}", self.output));
        self.builder.node("Transpose", output.clone(), vec![x], output.clone()).set_ints("perm", vec![1, 0, 2]);
        Ok(output)
    }

    fn constant(&self, index: usize) -> Result<Literal, OnnxError> {
        let literal = self.node.input(index).and_then(|id| self.graph.literal(id));
        literal.cloned().ok_or_else(|| self.inexpressible("its weights are computed"))
    }
}
