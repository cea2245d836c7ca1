//! What becomes of each class when a model is replaced by another: the int8 program for the float model.
//!
//! A model can lose a class and keep a good overall accuracy: the others make up for it. That is what is looked for here.

use crate::agreement::argmax;
use crate::stats::wilson_95;

/// Counts by class. The truth is the label; where a sample has none, it is the class that float gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassTable {
    rows: Vec<ClassCounts>,
    samples: u64,
    changed: u64,
}

/// The counts of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// Samples that are of the class.
    pub samples: u64,
    /// Of these, how many float gives the class.
    pub float_correct: u64,
    /// Of these, how many int8 gives the class.
    pub int8_correct: u64,
    /// Samples that float gives the class, be they of it or not.
    pub float_given: u64,
    /// Samples that int8 gives the class, be they of it or not.
    pub int8_given: u64,
}

/// A class that does not survive.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Collapse {
    /// The class is given to most samples, and far more often than float does.
    Dominates {
        /// The class.
        class: usize,
        /// Share of all samples to which float gives it.
        float: f64,
        /// Share of all samples to which int8 gives it.
        int8: f64,
    },
    /// Far fewer of the class's samples are recognized.
    RecallFalls {
        /// The class.
        class: usize,
        /// Its samples.
        samples: u64,
        /// Share that float recognizes.
        float: f64,
        /// Share that int8 recognizes.
        int8: f64,
    },
    /// The class is given to no sample any more.
    Vanishes {
        /// The class.
        class: usize,
        /// Samples to which float gives it.
        float: u64,
    },
}

/// Samples to which float must give a class before its absence means something.
const LEAST_GIVEN: u64 = 5;
/// The fall of the recall from which on it counts.
const LEAST_FALL: f64 = 0.1;

impl ClassTable {
    /// Adds a sample: the outputs of both models. Returns whether the class differs.
    pub fn update(&mut self, float: &[f32], int8: &[f32], label: Option<i64>) -> bool {
        let classes = float.len().min(int8.len());
        if self.rows.len() < classes {
            self.rows.resize(classes, ClassCounts::default());
        }
        if classes == 0 {
            return false;
        }
        let (float, int8) = (argmax(&float[..classes]), argmax(&int8[..classes]));
        self.rows[float].float_given += 1;
        self.rows[int8].int8_given += 1;
        let truth = label.map_or(Some(float), |label| usize::try_from(label).ok());
        if let Some(row) = truth.and_then(|truth| self.rows.get_mut(truth)) {
            row.samples += 1;
            row.float_correct += u64::from(truth == Some(float));
            row.int8_correct += u64::from(truth == Some(int8));
        }
        self.samples += 1;
        self.changed += u64::from(float != int8);
        float != int8
    }

    /// The counts; the index is the class.
    pub fn rows(&self) -> &[ClassCounts] {
        &self.rows
    }

    /// The number of samples.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The number of samples to which float and int8 give different classes.
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// The classes that do not survive, by class. Each is reported once, for the first of: it vanishes, it dominates, its recall falls by at
    /// least 0.1. Chance is ruled out: the 95 % intervals of float and int8 must be apart.
    pub fn collapses(&self) -> Vec<Collapse> {
        let apart = |float: u64, int8: u64, of: u64| {
            let (float, int8) = (wilson_95(float, of), wilson_95(int8, of));
            float.low > int8.high || int8.low > float.high
        };
        let collapse = |(class, row): (usize, &ClassCounts)| {
            let share = |count: u64| count as f64 / self.samples.max(1) as f64;
            let (float, int8) = (share(row.float_given), share(row.int8_given));
            if row.float_given >= LEAST_GIVEN && row.int8_given == 0 {
                return Some(Collapse::Vanishes { class, float: row.float_given });
            }
            if int8 > 0.5 && int8 > 2.0 * float && apart(row.float_given, row.int8_given, self.samples) {
                return Some(Collapse::Dominates { class, float, int8 });
            }
            let recall = |correct: u64| correct as f64 / row.samples.max(1) as f64;
            let (float, int8) = (recall(row.float_correct), recall(row.int8_correct));
            let falls = float - int8 >= LEAST_FALL && apart(row.float_correct, row.int8_correct, row.samples);
            falls.then_some(Collapse::RecallFalls { class, samples: row.samples, float, int8 })
        };
        self.rows.iter().enumerate().filter_map(collapse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outputs that give a class.
    fn one_hot(class: usize) -> [f32; 3] {
        [0, 1, 2].map(|i| if i == class { 1.0 } else { 0.0 })
    }

    fn table(samples: impl IntoIterator<Item = (usize, usize, Option<i64>)>) -> ClassTable {
        let mut table = ClassTable::default();
        for (float, int8, label) in samples {
            assert_eq!(table.update(&one_hot(float), &one_hot(int8), label), float != int8);
        }
        table
    }

    #[test]
    fn a_faithful_model_has_no_collapse() {
        let faithful = table((0..300).map(|i| (i % 3, if i % 50 == 0 { (i + 1) % 3 } else { i % 3 }, Some(i as i64 % 3))));
        assert_eq!((faithful.collapses(), faithful.changed(), faithful.samples()), (vec![], 6, 300));
    }

    #[test]
    fn a_class_that_is_given_to_no_sample_vanishes() {
        let vanished = table((0..90).map(|i| (i % 3, if i % 3 == 2 { i % 2 } else { i % 3 }, None)));
        assert_eq!(vanished.collapses(), [Collapse::Vanishes { class: 2, float: 30 }]);
        // Too few to mean anything.
        assert_eq!(table((0..9).map(|i| (i % 3, i % 2, None))).collapses(), []);
    }

    #[test]
    fn a_class_that_swallows_the_others_dominates() {
        let swallowed = table((0..90).map(|i| (i % 3, if i % 10 < 8 { 1 } else { i % 3 }, None)));
        let Some(Collapse::Dominates { class: 1, float, int8 }) = swallowed.collapses().into_iter().nth(1) else {
            panic!("{:?}", swallowed.collapses())
        };
        assert!((float - 1.0 / 3.0).abs() < 1e-9 && int8 > 0.8);
    }

    #[test]
    fn a_fall_of_the_recall_counts_where_it_cannot_be_chance() {
        let fallen = |samples: i64| table((0..samples).map(|i| (0, if i % 5 == 0 { 1 } else { 0 }, Some(0)))).collapses();
        assert_eq!(fallen(10), []);
        assert_eq!(fallen(100), [Collapse::RecallFalls { class: 0, samples: 100, float: 1.0, int8: 0.8 }]);
    }

    #[test]
    fn labels_beyond_the_classes_and_empty_outputs_are_no_trouble() {
        let mut table = ClassTable::default();
        assert!(!table.update(&[], &[], Some(3)));
        assert!(table.update(&[0.0, 1.0], &[1.0, 0.0], Some(i64::MAX)));
        assert!(table.update(&[0.0, 1.0], &[1.0, 0.0], Some(-1)));
        assert_eq!(table.rows().iter().map(|row| row.samples).sum::<u64>(), 0);
    }
}
