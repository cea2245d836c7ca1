//! The order in which the gates of a recurrent layer lie, in ONNX and in the graph.

use edgectl_graph::Cell;

/// For each of the graph's gates, its place in ONNX.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order(&'static [usize]);

impl Order {
    /// Of a long short-term memory: input, output, forget, cell in ONNX; input, forget, cell, output in the graph. The gates of a gated
    /// recurrent unit have one order.
    pub(crate) fn of(cell: Cell) -> Order {
        match cell {
            Cell::Lstm { .. } => Order(&[0, 2, 3, 1]),
            _ => Order(&[0, 1, 2]),
        }
    }

    /// The rows of all gates in the order of the graph.
    pub(crate) fn imported(self, values: &[f32]) -> Vec<f32> {
        let gate = values.len() / self.0.len();
        self.0.iter().flat_map(|&place| &values[place * gate..][..gate]).copied().collect()
    }

    /// The rows of all gates in the order of ONNX.
    pub(crate) fn exported(self, values: &[f32], gates: usize) -> Vec<f32> {
        let gate = values.len() / gates.max(1);
        let of = |place: usize| self.0.iter().position(|&other| other == place).unwrap_or(place);
        (0..gates).flat_map(|place| &values[of(place) * gate..][..gate]).copied().collect()
    }
}

/// A number of units as an attribute.
pub(crate) fn size(units: usize) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_come_back_where_they_were() {
        let (lstm, gru) = (Order::of(Cell::Lstm { clip: 0.0 }), Order::of(Cell::Gru { reset_after: true }));
        // Input, output, forget, cell: two rows each.
        let onnx = [1.0, 1.5, 4.0, 4.5, 2.0, 2.5, 3.0, 3.5];
        assert_eq!(lstm.imported(&onnx), [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5]);
        assert_eq!(lstm.exported(&lstm.imported(&onnx), 4), onnx);
        assert_eq!(gru.exported(&gru.imported(&onnx[..6]), 3), onnx[..6]);
    }
}
