//! Observers: what is remembered of the values that a tensor takes.

/// The real values that a tensor's int8 values shall span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Smallest value; finite.
    pub min: f32,
    /// Greatest value; finite, not below `min`.
    pub max: f32,
}

impl Range {
    /// The smallest range that holds both.
    pub fn union(self, other: Range) -> Range {
        Range { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// From the smallest to the greatest of some values, all finite; `None` where there are none.
    pub fn of(values: &[f32]) -> Option<Range> {
        let first = *values.first()?;
        let (min, max) = values.iter().fold((first, first), |(min, max), &x| (min.min(x), max.max(x)));
        Some(Range { min, max })
    }

    /// The smallest range that holds what either may have seen.
    pub(crate) fn either(a: Option<Range>, b: Option<Range>) -> Option<Range> {
        a.into_iter().chain(b).reduce(Range::union)
    }
}

/// Watches the values of one tensor in constant memory. What it concludes depends neither on the order of the samples nor on how they
/// were divided among observers that were then merged.
pub trait Observer: Send + Sync {
    /// Takes notice of one sample's values, all finite; `extent` reaches from the smallest to the greatest of them.
    fn observe(&mut self, values: &[f32], extent: Range);

    /// Takes notice of all that another observer of the same kind has seen; one of another kind is ignored.
    fn merge(&mut self, other: &dyn Observer);

    /// The range, or `None` where nothing was seen.
    fn range(&self) -> Option<Range>;

    /// Bytes that it takes, whatever it has seen.
    fn bytes(&self) -> usize;

    /// For [`Observer::merge`].
    fn as_any(&self) -> &dyn std::any::Any;
}
