//! From the smallest to the greatest value.

use crate::{Observer, Range};

/// Remembers the smallest and the greatest value.
#[derive(Clone, Debug, Default)]
pub struct MinMax(Option<Range>);

impl Observer for MinMax {
    fn observe(&mut self, _values: &[f32], extent: Range) {
        self.0 = Range::either(self.0, Some(extent));
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(MinMax(seen)) = other.as_any().downcast_ref() {
            self.0 = Range::either(self.0, *seen);
        }
    }

    fn range(&self) -> Option<Range> {
        self.0
    }

    fn bytes(&self) -> usize {
        size_of::<MinMax>()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
