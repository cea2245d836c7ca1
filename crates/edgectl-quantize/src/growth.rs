//! Whether more calibration samples would still move the scales.
//!
//! The samples are dealt out, so that each of some nested sets is spread over all of them: a quarter of the samples is every fourth one.
//! What a half of the samples finds, against what all of them find, says what twice as many could still change.

use edgectl_graph::TensorId;

use crate::{Range, Ranges};

/// The ranges found from growing sets of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Growth {
    steps: Vec<Ranges>,
}

/// The ranges found from a set of samples against those found from all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GrowthPoint {
    /// The number of samples.
    pub samples: u64,
    /// Tensors whose range differs by more than [`Growth::MOVED`].
    pub moved: usize,
    /// Tensors with a range.
    pub tensors: usize,
    /// The mean difference, as a share of the range.
    pub mean: f64,
    /// The greatest difference, as a share of the range.
    pub worst: f64,
}

impl Growth {
    /// The difference of a range, as a share of it, from which on it has moved.
    pub const MOVED: f64 = 0.1;

    /// The set that a sample belongs to first, by its place in the data: of eight consecutive samples, one is in the smallest set, another
    /// completes the second, two more the third, four more the last.
    pub fn step_of(sample: usize) -> usize {
        match sample % 8 {
            0 => 0,
            4 => 1,
            2 | 6 => 2,
            _ => 3,
        }
    }

    /// The number of nested sets.
    pub const STEPS: usize = 4;

    /// The ranges of nested sets, from the smallest to all samples.
    pub fn new(steps: Vec<Ranges>) -> Growth {
        Growth { steps }
    }

    /// Takes the ranges of some tensors, of the same graph and sets, for those that it had.
    pub fn replace(&mut self, some: Growth) {
        for (step, some) in self.steps.iter_mut().zip(some.steps) {
            step.ranges.extend(some.ranges);
            step.extents.extend(some.extents);
        }
    }

    /// Every set against the last one, smallest first.
    pub fn points(&self) -> Vec<GrowthPoint> {
        let Some(all) = self.steps.last() else { return vec![] };
        let point = |ranges: &Ranges| {
            let differences: Vec<f64> = all.ranges.iter().map(|(id, range)| difference(ranges, *id, *range)).collect();
            GrowthPoint {
                samples: ranges.samples(),
                moved: differences.iter().filter(|&&difference| difference > Growth::MOVED).count(),
                tensors: differences.len(),
                mean: differences.iter().sum::<f64>() / differences.len().max(1) as f64,
                worst: differences.iter().copied().fold(0.0, f64::max),
            }
        };
        self.steps.iter().map(point).collect()
    }

    /// The point of half of the samples; `None` where there is no such half.
    pub fn half(&self) -> Option<GrowthPoint> {
        let points = self.points();
        let (half, all) = (points.iter().rev().nth(1)?, points.last()?);
        (half.samples < all.samples).then_some(*half)
    }

    /// The point of half of the samples, where the ranges still move: where that half misses more than a quarter of the ranges.
    pub fn too_few(&self) -> Option<GrowthPoint> {
        self.half().filter(|half| half.moved * 4 > half.tensors)
    }
}

/// How far the ends of a tensor's range are from those in `all`, as a share of that range. Both hold zero, as the scales do.
fn difference(ranges: &Ranges, id: TensorId, all: Range) -> f64 {
    let ends = |range: Range| (f64::from(range.min.min(0.0)), f64::from(range.max.max(0.0)));
    let Some(found) = ranges.ranges.get(&id) else { return 1.0 };
    let ((low, high), (all_low, all_high)) = (ends(*found), ends(all));
    let extent = all_high - all_low;
    if extent <= 0.0 { 0.0 } else { ((low - all_low).abs() + (high - all_high).abs()) / extent }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edgectl_graph::{Fact, Graph, Op, Shape, Unary};

    use super::*;
    use crate::{Calibration, Calibrator};

    /// Samples whose values grow as `value` says, dealt out as they would be.
    fn growth(samples: usize, value: impl Fn(usize) -> f32) -> Growth {
        let mut graph = Graph::new("growth");
        let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 1])));
        let y = graph.add_node("exp", Op::Unary(Unary::Exp), vec![Some(x)], "y").unwrap();
        graph.add_output(y);
        let mut seen = Calibration::new(&graph, Calibrator::MinMax);
        let mut steps = vec![];
        for step in 0..Growth::STEPS {
            for sample in (0..samples).filter(|&sample| Growth::step_of(sample) == step) {
                let value = value(sample);
                seen.observe([[value], [value.exp()]].iter().map(|values| &values[..])).unwrap();
            }
            steps.push(seen.ranges().unwrap());
        }
        Growth::new(steps)
    }

    #[test]
    fn sets_are_nested_and_double() {
        let sizes: Vec<u64> = growth(80, |_| 1.0).points().iter().map(|point| point.samples).collect();
        assert_eq!(sizes, [10, 20, 40, 80]);
    }

    #[test]
    fn ranges_that_have_settled_need_no_more_samples() {
        let settled = growth(80, |sample| (sample % 5) as f32);
        assert_eq!(settled.too_few(), None);
        assert_eq!(settled.half().map(|half| (half.samples, half.moved)), Some((40, 0)));
        assert_eq!(growth(1, |_| 1.0).half(), None);
        assert_eq!(settled.points().last().map(|point| (point.moved, point.worst)), Some((0, 0.0)));
    }

    #[test]
    fn what_is_seen_again_takes_the_place_of_what_was_seen() {
        let (mut all, unsettled) = (growth(16, |_| 1.0), growth(16, |sample| if sample == 3 { 4.0 } else { 1.0 }));
        assert_eq!(all.too_few(), None);
        all.replace(unsettled.clone());
        assert_eq!(all, unsettled);
    }

    #[test]
    fn ranges_that_one_sample_decides_need_more() {
        // Sample 3 is in no set but the last.
        let found = growth(16, |sample| if sample == 3 { 4.0 } else { 1.0 }).too_few().unwrap();
        assert_eq!((found.samples, found.moved, found.tensors), (8, 2, 2));
        assert!(found.worst > 0.7);
    }
}
