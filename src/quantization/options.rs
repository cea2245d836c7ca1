//! Values of options of `quantize`.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use edgectl_onnx::Int8Arithmetic;
use edgectl_quantize::{Int16, Method};

use crate::args::number;

/// The nodes of `--int16`; `None` for auto.
#[derive(Clone, Debug)]
pub(crate) struct Int16Choice(pub(crate) Option<Int16>);

impl FromStr for Int16Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Int16Choice, String> {
        match text {
            "" => Err("expected all, auto, or names of nodes".into()),
            "all" => Ok(Int16Choice(Some(Int16::All))),
            "auto" => Ok(Int16Choice(None)),
            names => match names.split(',').find(|name| matches!(*name, "all" | "auto")) {
                Some(word) => Err(format!("{word} stands alone, without names of nodes")),
                None => Ok(Int16Choice(Some(Int16::Nodes(names.split(',').map(str::to_owned).collect())))),
            },
        }
    }
}

/// What becomes int8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Activations and weights, by calibration
    Static,
    /// Weights; computes in float
    WeightsOnly,
    /// Weights; activations are quantized as they come
    Dynamic,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Static => "static",
            Mode::WeightsOnly => "weights-only",
            Mode::Dynamic => "dynamic",
        }
    }

    /// What layers with int8 weights alone compute in.
    pub(crate) fn arithmetic(self) -> Int8Arithmetic {
        if self == Mode::Dynamic { Int8Arithmetic::Dynamic } else { Int8Arithmetic::Dequantized }
    }
}

/// The methods of `--passes`.
#[derive(Clone, Debug)]
pub(crate) struct Passes(pub(crate) Vec<Method>);

const NONE_WITH_OTHERS: &str = "none leaves out all methods, and stands alone";

impl FromStr for Passes {
    type Err = String;

    fn from_str(text: &str) -> Result<Passes, String> {
        match text {
            "none" => Ok(Passes(vec![])),
            names => {
                let methods = names.split(',').map(Method::from_str).collect::<Result<Vec<_>, _>>();
                let methods =
                    methods.map_err(|error| if names.split(',').any(|name| name == "none") { NONE_WITH_OTHERS.into() } else { error })?;
                match methods.iter().enumerate().find(|(i, method)| methods[..*i].contains(method)) {
                    Some((_, twice)) => Err(format!("{twice} is given twice")),
                    None => Ok(Passes(methods)),
                }
            }
        }
    }
}

pub(crate) fn percentile(text: &str) -> Result<f64, String> {
    number(text, |percent| percent > 50.0 && percent <= 100.0, "a number above 50, at most 100")
}

pub(crate) fn points(text: &str) -> Result<f64, String> {
    number(text, |points| (0.0..=100.0).contains(&points), "points from 0 to 100")
}

/// `30s`, `2m`, `1h`; a number alone means seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let factor = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let seconds = digits.parse::<f64>().map_or(f64::NAN, |number| number * factor);
    let seconds = Some(seconds).filter(|seconds| (0.0..=1e9).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected a time such as 30s, 2m or 1h".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!([seconds("30s"), seconds("2m"), seconds("1h"), seconds("0.5")], [Ok(30.0), Ok(120.0), Ok(3600.0), Ok(0.5)]);
        for text in ["", "s", "-1s", "1d", "1ms", "inf", "nan", "1e99"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
