//! Operators that take some of the elements, as ONNX nodes.

use edgectl_graph::{Data, Literal, Span};

use super::builder::ints;
use super::ops::Emitter;
use crate::OnnxError;

impl Emitter<'_> {
    pub(super) fn gather(&mut self, axis: usize, indices: &[usize], dims: &[usize]) -> Result<(), OnnxError> {
        let literal = Literal::new(dims, Data::I64(ints(indices).into()));
        let literal = literal.ok_or_else(|| self.inexpressible("its indices do not fit their shape"))?;
        let inputs = vec![self.parameter("indices", &literal)?];
        self.with_inputs(inputs)?.set_int("axis", ints(&[axis])[0]);
        Ok(())
    }

    pub(super) fn slice(&mut self, spans: &[Span]) -> Result<(), OnnxError> {
        let list = |of: fn(&Span) -> usize| ints(&spans.iter().map(of).collect::<Vec<_>>());
        let (starts, axes) = (list(|span| span.start), list(|span| span.axis));
        let steps: Vec<i64> = spans.iter().map(|span| span.step as i64).collect();
        let ends: Vec<i64> = spans.iter().map(end).collect();
        if self.builder.opset >= 10 {
            let lists = [("starts", starts), ("ends", ends), ("axes", axes), ("steps", steps)];
            let inputs = lists.into_iter().map(|(name, list)| self.parameter(name, &Literal::i64s(list)));
            let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
            return self.with_inputs(inputs).map(drop);
        }
        if steps.iter().any(|&step| step != 1) {
            return Err(self.inexpressible("steps came with opset 10"));
        }
        self.whole(self.output.clone())?.set_ints("starts", starts).set_ints("ends", ends).set_ints("axes", axes);
        Ok(())
    }
}

/// The first index that the slice does not reach; before index 0 it is far below, since -1 would be the last one.
fn end(span: &Span) -> i64 {
    let reach = (span.step as i64).saturating_mul(ints(&[span.len])[0]);
    let end = ints(&[span.start])[0].saturating_add(reach);
    if end < 0 { -i64::MAX } else { end }
}
