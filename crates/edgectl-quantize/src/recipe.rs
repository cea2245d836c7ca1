//! A recipe: a calibrator, methods and a scheme, applied to a graph in one call.

use edgectl_graph::{Graph, QuantGraph};

use crate::layer::Layer;
use crate::method::{self, Method, Note};
use crate::quantize::quantize_layers;
use crate::{Calibration, Calibrator, QuantizeError, QuantizeOptions};

/// How a graph is quantized.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// How ranges are found.
    pub calibrator: Calibrator,
    /// What is done beside, in whatever order given: it is applied in that of [`METHODS`](crate::METHODS).
    pub methods: Vec<Method>,
    /// The scheme.
    pub options: QuantizeOptions,
}

impl Default for Recipe {
    fn default() -> Recipe {
        let calibrator = Calibrator::Percentile { percent: Calibrator::DEFAULT_PERCENT };
        Recipe { calibrator, methods: Recipe::DEFAULT_METHODS.to_vec(), options: QuantizeOptions::default() }
    }
}

/// A quantized graph, and what there is to say about it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantized {
    /// The graph. Its float weights are those that the methods left.
    pub graph: QuantGraph,
    /// The number of calibration samples.
    pub samples: u64,
    /// The most bytes that a set of observers could take, however many samples were shown.
    pub calibration_bytes: usize,
    /// What the methods found, in the order in which they were applied.
    pub notes: Vec<Note>,
}

impl Recipe {
    /// The methods that are applied unless told otherwise.
    pub const DEFAULT_METHODS: &[Method] = &[Method::Equalize];

    /// Whether a method is part of it.
    pub fn has(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    /// Quantizes a [prepared](crate::prepare) graph.
    ///
    /// `show` runs the graph that it is given on the calibration data and lets the calibration [observe](Calibration::observe) every
    /// sample. It is called once to three times: the methods that rewrite the graph look at it first.
    ///
    /// # Errors
    /// Those of `show`, and of [`quantize`](crate::quantize).
    pub fn apply<E: From<QuantizeError>>(
        &self,
        mut graph: Graph,
        mut show: impl FnMut(&Graph, &mut Calibration) -> Result<(), E>,
    ) -> Result<Quantized, E> {
        let mut notes = vec![];
        let mut most_bytes = 0;
        for rewriting in [Method::Equalize, Method::AbsorbBias].into_iter().filter(|&method| self.has(method)) {
            let mut seen = Calibration::without_ranges(self.calibrator);
            for pair in method::candidates(&graph, &Layer::all(&graph)?) {
                seen.watch_channels(&graph, pair.from.output, pair.from.geometry.outputs);
            }
            if seen.observed().next().is_some() {
                show(&graph, &mut seen)?;
                most_bytes = most_bytes.max(seen.bytes());
                match rewriting {
                    Method::Equalize => method::equalize(&mut graph, &seen, self.options.per_channel_conv, &mut notes)?,
                    _ => method::absorb_bias(&mut graph, &seen, &mut notes)?,
                }
            }
        }
        let mut calibration = Calibration::new(&graph, self.calibrator);
        self.watch_layers(&graph, &mut calibration)?;
        show(&graph, &mut calibration)?;
        let quantized = quantize_layers(graph, &calibration.ranges()?, self, Some(&calibration), &mut notes)?;
        Ok(Quantized { graph: quantized, samples: calibration.samples(), calibration_bytes: most_bytes.max(calibration.bytes()), notes })
    }

    /// Asks for what the methods that work on layers need.
    fn watch_layers(&self, graph: &Graph, calibration: &mut Calibration) -> Result<(), QuantizeError> {
        for layer in Layer::all(graph)? {
            // Where a dense layer's input has more than a batch and channels, they are not on axis 1.
            let rank = graph.fixed_shape(layer.input)?.len();
            if self.has(Method::CorrectBias) && (rank == 2 || !layer.is_dense()) {
                calibration.watch_channels(graph, layer.input, layer.geometry.channels);
            }
            if self.has(Method::RoundAdaptive) || self.has(Method::CorrectBiasEmpirical) {
                calibration.watch_patches(graph, &layer);
            }
        }
        Ok(())
    }
}
