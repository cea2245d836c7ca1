//! Watching a float graph run.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, TensorId};

use crate::group::{Groups, Source};
use crate::{Calibrator, Observer, QuantizeError, Range};

/// Observers of all activations whose range must be found.
pub struct Calibration {
    calibrator: Calibrator,
    tensors: Vec<(TensorId, String)>,
    observers: Vec<Box<dyn Observer>>,
    samples: u64,
}

impl Calibration {
    /// Observers for a [prepared](crate::prepare) graph that have seen nothing.
    pub fn new(graph: &Graph, calibrator: Calibrator) -> Calibration {
        let sources = Groups::new(graph).sources(graph).into_values().flatten();
        let mut tensors: Vec<_> = sources
            .filter_map(|source| match source {
                Source::Free(id) => Some((id, graph.tensor(id).name.clone())),
                Source::Constant(_) | Source::Fixed(..) | Source::Padding(_) => None,
            })
            .collect();
        tensors.sort();
        let observers = tensors.iter().map(|_| calibrator.observer()).collect();
        Calibration { calibrator, tensors, observers, samples: 0 }
    }

    /// Another calibration of the same tensors that has seen nothing.
    pub fn fork(&self) -> Calibration {
        let observers = self.tensors.iter().map(|_| self.calibrator.observer()).collect();
        Calibration { calibrator: self.calibrator, tensors: self.tensors.clone(), observers, samples: 0 }
    }

    /// The tensors whose values must be shown.
    pub fn observed(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.tensors.iter().map(|(id, _)| *id)
    }

    /// Bytes that the observers take, however many samples they see.
    pub fn bytes(&self) -> usize {
        self.observers.iter().map(|observer| observer.bytes()).sum()
    }

    /// Shows the values of one sample, in the order of [`Calibration::observed`].
    ///
    /// # Errors
    /// A value that is not finite, or a wrong number of tensors.
    pub fn observe<'a>(&mut self, values: impl ExactSizeIterator<Item = &'a [f32]>) -> Result<(), QuantizeError> {
        if values.len() != self.tensors.len() {
            return Err(QuantizeError::Observed { expected: self.tensors.len(), found: values.len() });
        }
        for (values, ((_, name), observer)) in values.zip(self.tensors.iter().zip(&mut self.observers)) {
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(QuantizeError::NotFinite { tensor: name.clone(), value });
            }
            observer.observe(values);
        }
        self.samples += 1;
        Ok(())
    }

    /// Adds what another calibration of the same tensors has seen.
    pub fn merge(&mut self, other: &Calibration) {
        for (observer, other) in self.observers.iter_mut().zip(&other.observers) {
            observer.merge(&**other);
        }
        self.samples += other.samples;
    }

    /// The ranges found.
    ///
    /// # Errors
    /// Where no sample was observed.
    pub fn ranges(&self) -> Result<Ranges, QuantizeError> {
        let ranges = self.tensors.iter().zip(&self.observers).map(|((id, _), observer)| Some((*id, observer.range()?)));
        let ranges = ranges.collect::<Option<BTreeMap<_, _>>>().ok_or(QuantizeError::NoSamples)?;
        Ok(Ranges { ranges, samples: self.samples })
    }
}

/// The ranges of the observed tensors of one graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    pub(crate) ranges: BTreeMap<TensorId, Range>,
    samples: u64,
}

impl Ranges {
    /// The number of samples they rest on.
    pub fn samples(&self) -> u64 {
        self.samples
    }
}
