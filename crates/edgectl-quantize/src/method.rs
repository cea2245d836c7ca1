//! The methods that prepare a float graph for quantization, or quantize its layers with more care than rounding to the nearest.
//!
//! Each has a name, a file and a line in [`METHODS`]. A method of the first two stages rewrites weights and biases of the float graph
//! without changing its function; one of the later stages chooses the integers of one layer.

mod absorb_bias;
mod clip_weights;
mod correct_bias;
mod equalize;
#[cfg(test)]
mod graphs;
mod pair;
mod remove_dead;
mod rewrite;
mod round_adaptive;

use std::fmt;
use std::str::FromStr;

pub(crate) use absorb_bias::absorb_bias;
pub(crate) use clip_weights::clipped_scale;
pub(crate) use correct_bias::{analytic_correction, empirical_correction};
pub(crate) use equalize::{Scaled, equalize};
pub(crate) use pair::candidates;
pub(crate) use remove_dead::remove_dead;
pub(crate) use round_adaptive::{MAX_COLUMNS, round_adaptive};

/// A method. Parsed from and printed as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Method {
    /// Removes channels that do nothing.
    RemoveDead,
    /// Scales the channels between two layers so that they use their common range alike.
    Equalize,
    /// Moves what a channel always adds into the next layer's bias.
    AbsorbBias,
    /// Chooses the scale of weights by their mean squared error.
    ClipWeights,
    /// Rounds weights so that the layer's outputs change least.
    RoundAdaptive,
    /// Corrects the bias for the weights' rounding, by the mean of the inputs.
    CorrectBias,
    /// Corrects the bias by the mean of what a layer's int8 form loses.
    CorrectBiasEmpirical,
}

/// A line of [`METHODS`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MethodInfo {
    /// The method.
    pub method: Method,
    /// Its name, in kebab case.
    pub name: &'static str,
    /// What it does, for a list of methods.
    pub about: &'static str,
}

/// All methods, in the order in which they are applied.
pub const METHODS: &[MethodInfo] = &[
    MethodInfo {
        method: Method::RemoveDead,
        name: "remove-dead",
        about: "remove channels that do nothing on any input, or the same as another",
    },
    MethodInfo {
        method: Method::Equalize,
        name: "equalize",
        about: "scale channels between layers by powers of two, so that they use their common range alike",
    },
    MethodInfo {
        method: Method::AbsorbBias,
        name: "absorb-bias",
        about: "move what a channel always adds into the bias of the next layer",
    },
    MethodInfo { method: Method::ClipWeights, name: "clip-weights", about: "choose weight scales by the mean squared error" },
    MethodInfo {
        method: Method::RoundAdaptive,
        name: "round-adaptive",
        about: "round weights up or down so that the outputs of each layer change least on calibration data",
    },
    MethodInfo {
        method: Method::CorrectBias,
        name: "correct-bias",
        about: "correct biases for the rounding of weights, by the mean of each input channel",
    },
    MethodInfo {
        method: Method::CorrectBiasEmpirical,
        name: "correct-bias-empirical",
        about: "correct biases by the mean difference between each layer's float and int8 outputs on calibration data",
    },
];

impl Method {
    /// The name.
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|info| info.method == self).map_or("", |info| info.name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Method, String> {
        let names = || METHODS.iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
        let found = METHODS.iter().find(|info| info.name == name);
        found.map(|info| info.method).ok_or_else(|| format!("expected one of {}, found {name}", names()))
    }
}

/// What a method found that a user should know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// A part of each channel between two layers was moved into the bias of the second.
    Absorbed {
        /// The first layer.
        from: String,
        /// The second.
        to: String,
        /// The number of channels that changed.
        channels: usize,
    },
    /// Output channels whose weights are all zero: they only carry their bias, and pruning would remove them.
    DeadChannels {
        /// The layer.
        node: String,
        /// The channels.
        channels: Vec<usize>,
    },
    /// Channels between two layers were scaled.
    Equalized {
        /// The first layer.
        from: String,
        /// The second.
        to: String,
        /// The ratio of the greatest channel's range to the smallest's, before.
        spread: f64,
        /// The number of channels that changed.
        channels: usize,
    },
    /// Two layers between which channels cannot be scaled.
    NotEqualized {
        /// The first layer.
        from: String,
        /// The second.
        to: String,
        /// Why.
        reason: String,
    },
    /// Channels were removed that did nothing.
    Removed {
        /// The layers that computed or carried them.
        nodes: Vec<String>,
        /// How many channels.
        removed: usize,
        /// Of how many.
        channels: usize,
    },
    /// A layer too wide for adaptive rounding: it was rounded to the nearest.
    NotRounded {
        /// The layer.
        node: String,
        /// Weights of an output.
        columns: usize,
        /// The most that are possible.
        limit: usize,
    },
    /// Output channels of which all weights become zero: they are too small beside their biases, or for float32 to hold their scale.
    Vanished {
        /// The layer.
        node: String,
        /// How many channels.
        vanished: usize,
        /// How many channels are left that look at their input.
        left: usize,
    },
}

impl Note {
    /// Whether a layer was lost.
    pub fn is_loss(&self) -> bool {
        matches!(self, Note::Vanished { left: 0, .. })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Absorbed { from, to, channels } => write!(f, "\"{from}\" -> \"{to}\": moved a part of {channels} channels into the bias"),
            Note::DeadChannels { node, channels } => write!(f, "\"{node}\": the weights of {} channels are all zero", channels.len()),
            Note::Removed { nodes, removed, channels } => {
                write!(f, "\"{}\": removed {removed} of {channels} channels, which did nothing", nodes.join("\", \""))
            }
            Note::Equalized { from, to, spread, channels } => {
                write!(f, "\"{from}\" -> \"{to}\": scaled {channels} channels whose ranges were spread 1 : {spread:.0}")
            }
            Note::NotEqualized { from, to, reason } => write!(f, "\"{from}\" -> \"{to}\": not equalized: {reason}"),
            Note::NotRounded { node, columns, limit } => {
                write!(f, "\"{node}\": rounded to the nearest: {columns} weights per output, adaptive rounding takes at most {limit}")
            }
            Note::Vanished { node, vanished, left } => {
                let what = if *left == 0 { "all channels".into() } else { format!("{vanished} channels") };
                write!(
                    f,
                    "\"{node}\": the weights of {what} become 0: they are too small beside their biases, or to have a scale in float32"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_table_is_in_order_of_application_and_complete() {
        assert!(METHODS.is_sorted_by(|a, b| a.method < b.method));
        for info in METHODS {
            assert_eq!(info.name.parse::<Method>().unwrap(), info.method);
            assert_eq!(info.method.to_string(), info.name);
        }
        assert!("adaround".parse::<Method>().unwrap_err().starts_with("expected one of remove-dead, equalize, "));
    }
}
