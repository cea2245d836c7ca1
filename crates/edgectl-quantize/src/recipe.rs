//! A recipe: a calibrator, methods and a scheme, applied to a graph in one call.

use std::collections::BTreeMap;
use std::fmt;

use edgectl_graph::{Graph, QuantGraph};

use crate::layer::Layer;
use crate::method::{self, Method, Note};
use crate::quantize::quantize_layers;
use crate::{Calibration, Calibrator, Int16, METHODS, QuantizeError, QuantizeOptions};

/// How a graph is quantized.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// How ranges are found.
    pub calibrator: Calibrator,
    /// How those of single tensors are found instead, by name. A tensor that shares its scale with others decides for all of them; a name
    /// that the graph does not have is ignored.
    pub overrides: BTreeMap<String, Calibrator>,
    /// What is done beside, in whatever order given: it is applied in that of [`METHODS`](crate::METHODS).
    pub methods: Vec<Method>,
    /// The scheme.
    pub options: QuantizeOptions,
    /// The nodes with int16 activations.
    pub int16: Int16,
    /// Whether calibration may show but one value of an activation, which then gets a scale for that.
    pub allow_constant: bool,
}

impl Default for Recipe {
    fn default() -> Recipe {
        let calibrator = Calibrator::Percentile { percent: Calibrator::DEFAULT_PERCENT };
        Recipe {
            calibrator,
            overrides: BTreeMap::new(),
            methods: Recipe::default_methods(QuantizeOptions::default()),
            options: QuantizeOptions::default(),
            int16: Int16::None,
            allow_constant: false,
        }
    }
}

/// A graph whose activations have been seen: what can be quantized again and again, with other nodes in int16 each time.
pub struct Calibrated {
    recipe: Recipe,
    graph: Graph,
    calibration: Calibration,
    calibration_bytes: usize,
    notes: Vec<Note>,
}

impl Calibrated {
    /// The float graph, as the methods that rewrite it left it.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Quantizes, with these nodes in int16.
    ///
    /// # Errors
    /// Those of [`quantize`](crate::quantize).
    pub fn quantize(&self, int16: &Int16) -> Result<Quantized, QuantizeError> {
        let recipe = Recipe { int16: int16.clone(), ..self.recipe.clone() };
        let mut notes = self.notes.clone();
        let graph = quantize_layers(self.graph.clone(), &self.calibration.ranges()?, &recipe, Some(&self.calibration), &mut notes)?;
        Ok(Quantized { graph, samples: self.calibration.samples(), calibration_bytes: self.calibration_bytes, notes })
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

impl fmt::Display for Recipe {
    /// `percentile 99.98 + equalize, per tensor`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.calibrator)?;
        METHODS.iter().filter(|info| self.has(info.method)).try_for_each(|info| write!(f, " + {}", info.name))?;
        self.overrides.iter().try_for_each(|(tensor, calibrator)| write!(f, ", {calibrator} for \"{tensor}\""))?;
        let QuantizeOptions { per_channel_conv, per_channel_dense, .. } = self.options;
        f.write_str(if per_channel_conv || per_channel_dense { "" } else { ", per tensor" })?;
        match &self.int16 {
            Int16::None => Ok(()),
            Int16::All => f.write_str(", int16"),
            Int16::Nodes(nodes) => {
                write!(f, ", {} in int16", nodes.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Recipe {
    /// The methods that are applied unless told otherwise. One scale for all weights of a layer costs its small channels so many bits that
    /// their outputs shift; then biases are corrected for it.
    pub fn default_methods(options: QuantizeOptions) -> Vec<Method> {
        let per_channel = options.per_channel_conv && options.per_channel_dense;
        [Method::Equalize].into_iter().chain((!per_channel).then_some(Method::CorrectBiasEmpirical)).collect()
    }

    /// Whether a method is part of it.
    pub fn has(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    /// Quantizes a [prepared](crate::prepare) graph.
    ///
    /// `show` runs the graph that it is given on the calibration data and lets the calibration [observe](Calibration::observe) every
    /// sample. It is called once; once more with the same graph, for the tensors between layers that [`Method::Equalize`] scaled; and once
    /// more with another graph where [`Method::AbsorbBias`] made one.
    ///
    /// # Errors
    /// Those of `show`, and of [`quantize`](crate::quantize).
    pub fn apply<E: From<QuantizeError>>(
        &self,
        graph: Graph,
        show: impl FnMut(&Graph, &mut Calibration) -> Result<(), E>,
    ) -> Result<Quantized, E> {
        Ok(self.calibrate(graph, show)?.quantize(&self.int16)?)
    }

    /// The first half of [`Recipe::apply`]: all that needs to see the float graph run.
    ///
    /// # Errors
    /// Those of `show`, and a graph that cannot be quantized.
    pub fn calibrate<E: From<QuantizeError>>(
        &self,
        mut graph: Graph,
        mut show: impl FnMut(&Graph, &mut Calibration) -> Result<(), E>,
    ) -> Result<Calibrated, E> {
        let mut notes = vec![];
        let mut most_bytes = 0;
        if self.has(Method::RemoveDead) {
            graph = method::remove_dead(&graph, &mut notes)?;
        }
        let mut calibration = self.watch(&graph)?;
        let mut is_shown = false;
        for rewriting in [Method::Equalize, Method::AbsorbBias].into_iter().filter(|&method| self.has(method)) {
            if method::candidates(&graph, &Layer::all(&graph)?).is_empty() {
                continue;
            }
            if !is_shown {
                show(&graph, &mut calibration)?;
                is_shown = true;
            }
            most_bytes = most_bytes.max(calibration.bytes());
            let before = graph.clone();
            if rewriting == Method::Equalize {
                let scaled = method::equalize(&mut graph, &calibration, self.options.per_channel_conv, &mut notes)?;
                if !scaled.is_empty() {
                    // Powers of two leave everything else as it was, to the bit, and no clamp cuts more of what was shown.
                    let mut again = self.watch(&before)?.of_scaled(&scaled);
                    show(&before, &mut again)?;
                    calibration = calibration.carried(&before, &graph, again);
                }
            } else {
                method::absorb_bias(&mut graph, &calibration, &mut notes)?;
                is_shown = graph == before;
                if !is_shown {
                    calibration = self.watch(&graph)?;
                }
            }
        }
        if !is_shown {
            show(&graph, &mut calibration)?;
        }
        calibration.check(self.allow_constant)?;
        let calibration_bytes = most_bytes.max(calibration.bytes());
        Ok(Calibrated { recipe: self.clone(), graph, calibration, calibration_bytes, notes })
    }

    /// Observers of all that the methods need, and of ranges.
    fn watch(&self, graph: &Graph) -> Result<Calibration, QuantizeError> {
        let mut calibration = Calibration::with_overrides(graph, self.calibrator, &self.overrides);
        let layers = Layer::all(graph)?;
        if self.has(Method::Equalize) || self.has(Method::AbsorbBias) {
            for pair in method::candidates(graph, &layers) {
                calibration.watch_channels(graph, pair.from.output, pair.from.geometry.outputs);
            }
        }
        for layer in layers {
            // Where a dense layer's input has more than a batch and channels, they are not on axis 1.
            let rank = graph.fixed_shape(layer.input)?.len();
            if self.has(Method::CorrectBias) && (rank == 2 || !layer.is_dense()) {
                calibration.watch_channels(graph, layer.input, layer.geometry.channels);
            }
            if self.has(Method::RoundAdaptive) || self.has(Method::CorrectBiasEmpirical) {
                calibration.watch_patches(graph, &layer);
            }
        }
        Ok(calibration)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edgectl_graph::{Fact, Op, Shape, Unary};

    use super::*;

    /// `x -> exp -> y -> max pool -> z`: `y` and `z` share their scale.
    #[test]
    fn a_tensor_may_have_a_calibrator_of_its_own_and_takes_those_along_that_share_its_scale() {
        let mut graph = Graph::new("overrides");
        let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 1, 2, 2])));
        let y = graph.add_node("exp", Op::Unary(Unary::Exp), vec![Some(x)], "y").unwrap();
        let z = graph.add_node("pool", Op::GlobalMaxPool, vec![Some(y)], "z").unwrap();
        graph.add_output(z);
        let scales = |name: &str| {
            let overrides = BTreeMap::from([(name.to_owned(), Calibrator::MinMax)]);
            let recipe = Recipe { calibrator: Calibrator::MovingAverage, overrides, ..Recipe::default() };
            let quantized = recipe.apply(graph.clone(), |_, seen| -> Result<(), QuantizeError> {
                [1.0f32, 3.0].into_iter().try_for_each(|value| {
                    let values = [[value; 4], [value.exp(); 4]];
                    seen.observe(values.iter().map(|values| &values[..]))
                })
            });
            let quantized = quantized.unwrap().graph;
            [x, y, z].map(|id| quantized.params(id).unwrap().scale)
        };
        let averages = scales("no such tensor");
        assert_eq!(averages[1], averages[2]);
        for name in ["y", "z"] {
            let overridden = scales(name);
            assert_eq!((overridden[0], overridden[1]), (averages[0], overridden[2]), "{name}");
            assert!(overridden[1] > averages[1] * 1.5, "{name}: {overridden:?} {averages:?}");
        }
    }
}
