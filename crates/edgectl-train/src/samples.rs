//! Data in memory: samples as the model takes them, labels, and what a teacher says of them.

use std::collections::BTreeMap;

use crate::TrainError;

/// Samples of one shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    shape: Vec<usize>,
    inputs: Vec<f32>,
    labels: Option<Vec<i64>>,
    targets: Vec<Target>,
}

/// Values that belong to each sample, as a teacher computed them.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    values: Vec<f32>,
    len: usize,
}

impl Samples {
    /// Samples of this shape (without a batch), one after the other, as the model takes them.
    ///
    /// # Errors
    /// Values that are not a whole number of samples, or labels of another number.
    pub fn new(shape: Vec<usize>, inputs: Vec<f32>, labels: Option<Vec<i64>>) -> Result<Samples, TrainError> {
        let element: usize = shape.iter().product();
        if element == 0 || !inputs.len().is_multiple_of(element) {
            return Err(TrainError::Length { what: "the samples".into(), expected: element, found: inputs.len() });
        }
        let samples = inputs.len() / element;
        if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != samples) {
            return Err(TrainError::Length { what: "the labels".into(), expected: samples, found: labels.len() });
        }
        Ok(Samples { shape, inputs, labels, targets: vec![] })
    }

    /// Adds what a teacher says, as many values for each sample; returns the number by which a term of an objective knows it.
    ///
    /// # Errors
    /// Values that are not as many for each sample.
    pub fn add_target(&mut self, values: Vec<f32>) -> Result<usize, TrainError> {
        if values.is_empty() || !values.len().is_multiple_of(self.len()) {
            return Err(TrainError::Length { what: "a teacher's outputs".into(), expected: self.len(), found: values.len() });
        }
        self.targets.push(Target { len: values.len() / self.len(), values });
        Ok(self.targets.len() - 1)
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.inputs.len() / self.shape.iter().product::<usize>().max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// The shape of a sample.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// A sample, as the model takes it.
    pub fn input(&self, sample: usize) -> &[f32] {
        let element: usize = self.shape.iter().product();
        &self.inputs[sample * element..][..element]
    }

    /// Some of the samples one after the other.
    pub(crate) fn inputs(&self, places: &[usize]) -> Vec<f32> {
        places.iter().flat_map(|&place| self.input(place)).copied().collect()
    }

    /// The labels, where there are any.
    pub fn labels(&self) -> Option<&[i64]> {
        self.labels.as_deref()
    }

    /// The number of targets.
    pub(crate) fn targets(&self) -> usize {
        self.targets.len()
    }

    /// The values of a target for some of the samples, one after the other.
    pub(crate) fn target(&self, target: usize, places: &[usize]) -> Vec<f32> {
        let Target { values, len } = &self.targets[target];
        places.iter().flat_map(|&place| &values[place * len..][..*len]).copied().collect()
    }

    /// Values of a target per sample; none where there is no such target.
    pub(crate) fn target_len(&self, target: usize) -> Option<usize> {
        self.targets.get(target).map(|target| target.len)
    }

    /// Some of the samples, in this order.
    pub fn select(&self, places: &[usize]) -> Samples {
        let pick = |target: usize| Target { values: self.target(target, places), len: self.targets[target].len };
        Samples {
            shape: self.shape.clone(),
            inputs: self.inputs(places),
            labels: self.labels.as_ref().map(|labels| places.iter().map(|&place| labels[place]).collect()),
            targets: (0..self.targets.len()).map(pick).collect(),
        }
    }

    /// Takes a share of the samples out for validation: where there are labels, the same share of each class, at least one.
    ///
    /// # Errors
    /// A class of one sample, or too few samples.
    pub fn split(&self, share: f64, seed: u64) -> Result<(Samples, Samples), TrainError> {
        if !(share > 0.0 && share < 1.0) {
            return Err(TrainError::Option {
                option: "validation share",
                expected: "more than 0 and less than 1",
                found: share.to_string(),
            });
        }
        if self.len() < 2 {
            return Err(TrainError::TooFew { expected: 2, found: self.len() });
        }
        let mut classes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for place in 0..self.len() {
            classes.entry(self.labels.as_ref().map_or(0, |labels| labels[place])).or_default().push(place);
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut train, mut validation) = (vec![], vec![]);
        for (class, mut places) in classes {
            if places.len() < 2 {
                return Err(TrainError::ClassMissing { class, found: places.len() });
            }
            random.shuffle(&mut places);
            let held = ((places.len() as f64 * share).round() as usize).clamp(1, places.len() - 1);
            validation.extend_from_slice(&places[..held]);
            train.extend_from_slice(&places[held..]);
        }
        train.sort_unstable();
        validation.sort_unstable();
        Ok((self.select(&train), self.select(&validation)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn samples(labels: &[i64]) -> Samples {
        let inputs = (0..2 * labels.len()).map(|i| i as f32).collect();
        let mut samples = Samples::new(vec![2], inputs, Some(labels.to_vec())).unwrap();
        samples.add_target((0..labels.len()).map(|i| i as f32).collect()).unwrap();
        samples
    }

    #[test]
    fn a_split_has_every_class_on_both_sides_and_loses_nothing() {
        let all = samples(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        let (train, validation) = all.split(0.2, 7).unwrap();
        assert_eq!((train.len(), validation.len()), (9, 3));
        for part in [&train, &validation] {
            assert!(part.labels().unwrap().contains(&1));
            let places: Vec<usize> = (0..part.len()).collect();
            let [firsts, targets] = [part.inputs(&places).into_iter().step_by(2).collect::<Vec<_>>(), part.target(0, &places)];
            assert_eq!(firsts, targets.iter().map(|target| 2.0 * target).collect::<Vec<_>>());
        }
        assert_eq!(all.split(0.2, 7).unwrap().1, validation);
        assert!(matches!(samples(&[0, 0, 1]).split(0.5, 0), Err(TrainError::ClassMissing { class: 1, found: 1 })));
    }

    #[test]
    fn lengths_must_fit() {
        assert!(Samples::new(vec![2], vec![0.0; 3], None).is_err());
        assert!(Samples::new(vec![0], vec![], None).is_err());
        assert!(Samples::new(vec![2], vec![0.0; 4], Some(vec![1])).is_err());
    }
}
