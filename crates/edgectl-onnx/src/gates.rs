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
