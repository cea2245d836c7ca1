//! From the smallest to the greatest value.

use crate::{Observer, Range};

/// Remembers the smallest and the greatest value.
#[derive(Clone, Debug, Default)]
pub struct MinMax(Option<Range>);

impl Observer for MinMax {
    fn observe(&mut self, values: &[f32]) {
        self.0 = self.0.into_iter().chain(Range::of(values)).reduce(Range::union);
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(MinMax(seen)) = other.as_any().downcast_ref() {
            self.0 = self.0.into_iter().chain(*seen).reduce(Range::union);
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
