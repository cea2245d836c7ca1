//! Axes: from values to places, and where the ticks go.

use crate::number::short;

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scale {
    /// Equal differences are equally long.
    Linear,
    /// Equal ratios are equally long. Values that are not above zero are left out.
    Log,
}

/// An axis: what it shows, with the unit, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis<'a> {
    /// What it shows: `SNR in dB`.
    pub label: &'a str,
    /// How values become places.
    pub scale: Scale,
}

/// A value to draw a line at.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub value: f64,
    /// What it is.
    pub label: String,
}

impl<'a> Axis<'a> {
    /// A linear axis.
    pub fn linear(label: &'a str) -> Axis<'a> {
        Axis { label, scale: Scale::Linear }
    }

    /// A logarithmic axis.
    pub fn log(label: &'a str) -> Axis<'a> {
        Axis { label, scale: Scale::Log }
    }
}

impl Scale {
    /// Whether a value has a place.
    pub(crate) fn shows(self, value: f64) -> bool {
        // Sums and differences of values must be finite, too.
        value.is_finite() && value.abs() < 1e300 && (self == Scale::Linear || value > 1e-300)
    }
}

/// The values that an axis spans, from its first tick to its last.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    scale: Scale,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Span {
    /// Spans all values that have a place.
    pub(crate) fn new(scale: Scale, values: impl IntoIterator<Item = f64>) -> Span {
        let shown = values.into_iter().filter(|&value| scale.shows(value));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        match scale {
            Scale::Linear => Span::linear(if low <= high { (low, high) } else { (0.0, 1.0) }),
            Scale::Log => Span::log(if low <= high { (low, high) } else { (1.0, 10.0) }),
        }
    }

    fn linear((low, high): (f64, f64)) -> Span {
        let smallest = low.abs().max(high.abs()).max(1e-300) * 1e-9;
        let (low, high) = if high - low > smallest { (low, high) } else { (low - smallest.max(0.5), high + smallest.max(0.5)) };
        let rough = (high - low) / 5.0;
        let decade = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * decade).into_iter().find(|&step| step >= rough * 0.999).unwrap_or(rough);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let count = (last - first).clamp(1.0, 12.0) as usize;
        let ticks: Vec<f64> = (0..=count).map(|i| (first + i as f64) * step).collect();
        Span { scale: Scale::Linear, low: first * step, high: (first + count as f64) * step, ticks }
    }

    fn log((low, high): (f64, f64)) -> Span {
        let (first, last) = (low.log10().floor(), high.log10().ceil());
        let last = if last > first { last } else { first + 1.0 };
        let stride = ((last - first) / 8.0).ceil().max(1.0);
        let mut ticks = vec![];
        let mut exponent = first;
        while exponent <= last {
            ticks.push(10f64.powf(exponent));
            // With few decades, what lies between them helps.
            if last - first <= 2.0 && exponent < last {
                ticks.extend([2.0, 5.0].map(|factor| factor * 10f64.powf(exponent)));
            }
            exponent += stride;
        }
        Span { scale: Scale::Log, low: 10f64.powf(first), high: 10f64.powf(last), ticks }
    }

    /// Where a value is, from 0 at the low end to 1 at the high end; none where it has no place. Values beyond an end are at that end.
    pub(crate) fn place(&self, value: f64) -> Option<f64> {
        let share = match self.scale {
            _ if !self.scale.shows(value) => return None,
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10()),
        };
        Some(share.clamp(0.0, 1.0))
    }

    /// The ticks: their places and labels.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = (f64, String)> + '_ {
        self.ticks.iter().filter_map(|&tick| Some((self.place(tick)?, short(tick))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(span: &Span) -> Vec<String> {
        span.ticks().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&Span::new(Scale::Linear, [0.0, 43.0])), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(labels(&Span::new(Scale::Linear, [-1.2, 0.9])), ["-1.5", "-1", "-0.5", "0", "0.5", "1"]);
    }

    #[test]
    fn logarithmic_ticks_are_decades() {
        assert_eq!(labels(&Span::new(Scale::Log, [3.0, 40_000.0])), ["1", "10", "100", "1k", "10k", "100k"]);
        assert_eq!(labels(&Span::new(Scale::Log, [0.3, 0.4])), ["0.1", "0.2", "0.5", "1"]);
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let span = Span::new(Scale::Log, [-1.0, 0.0, f64::NAN, 1.0, 10.0]);
        assert_eq!(
            [1.0, 10.0, 0.0, -1.0, f64::NAN, f64::INFINITY].map(|value| span.place(value)),
            [Some(0.0), Some(1.0), None, None, None, None]
        );
    }

    #[test]
    fn every_span_has_ends_and_ticks() {
        for values in [vec![], vec![5.0], vec![0.0], vec![1e299, -1e299], vec![1e-299, 2e-299], vec![1e15, 1e15 + 2.0]] {
            for scale in [Scale::Linear, Scale::Log] {
                let span = Span::new(scale, values.clone());
                assert!(span.low < span.high && (2..60).contains(&span.ticks.len()), "{values:?} {span:?}");
            }
        }
    }
}
