//! Arguments that several subcommands share.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use edgectl_data::{ColorModel, DataOptions, ImageSize, LabelColumn, Layout, MetricKind, Preprocess, Ratio};

use crate::engine::Port;
use crate::samples::Samples;

/// A value that is one of these names: help and completions list them.
pub(crate) fn one_of<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// A number of which `within` holds; what is no number is not.
pub(crate) fn number<T: FromStr + Copy>(text: &str, within: impl Fn(T) -> bool, expected: &str) -> Result<T, String> {
    text.parse().ok().filter(|&number| within(number)).ok_or_else(|| format!("expected {expected}"))
}

/// The names of all metrics.
pub(crate) fn metrics() -> impl TypedValueParser<Value = MetricKind> {
    one_of(MetricKind::ALL.map(MetricKind::name))
}

/// How data are read, and how they become the model's input: `(raw * scale - mean) / std`. Several inputs take them as they are stored.
#[derive(Args, Debug)]
#[command(next_help_heading = "Data and preprocessing")]
pub(crate) struct DataArgs {
    /// Factor of the raw values, such as 1/255
    #[arg(long, value_name = "RATIO")]
    scale: Option<Ratio>,
    /// Subtracted after scaling: one value, or one per channel
    #[arg(long, value_name = "VALUE,..", value_delimiter = ',', allow_negative_numbers = true)]
    mean: Vec<f32>,
    /// Divides after subtracting: one value, or one per channel
    #[arg(long, value_name = "VALUE,..", value_delimiter = ',')]
    std: Vec<f32>,
    /// Resize images, bilinear
    #[arg(long, value_name = "HxW")]
    resize: Option<ImageSize>,
    /// Layout of the stored images
    #[arg(long, value_parser = one_of::<Layout>(["nchw", "nhwc"]))]
    layout: Option<Layout>,
    /// Layout of the model's input, where it is an image [default: nchw]
    #[arg(long, value_name = "LAYOUT", value_parser = one_of::<Layout>(["nchw", "nhwc"]))]
    model_layout: Option<Layout>,
    /// Decode images to this colour model
    #[arg(long, value_name = "MODEL", value_parser = one_of::<ColorModel>(["gray", "rgb"]))]
    color: Option<ColorModel>,
    /// .csv: the column of labels, by its name or its position from 1
    #[arg(long, value_name = "COLUMN")]
    labels: Option<LabelColumn>,
    /// .csv: whether the first line names the columns
    #[arg(long, value_name = "BOOL")]
    csv_header: Option<bool>,
    /// .npz, .safetensors: the array of samples [default: x]; models with several inputs read an array of each input's name
    #[arg(long, value_name = "NAME")]
    x_key: Option<String>,
    /// .npz, .safetensors: the array of labels [default: y]
    #[arg(long, value_name = "NAME")]
    y_key: Option<String>,
}

impl DataArgs {
    /// The layout of the model's input, where it is an image.
    pub(crate) fn model_layout(&self) -> Layout {
        self.model_layout.unwrap_or_default()
    }

    /// How raw data become the model's input, as a document; `None` where nothing is done to them.
    pub(crate) fn document(&self) -> Option<serde_json::Value> {
        let numbers = |values: &[f32]| (!values.is_empty()).then(|| values.iter().map(f32::to_string).collect::<Vec<_>>());
        let steps = [
            ("color", self.color.map(|color| color.to_string().into())),
            ("resize", self.resize.map(|size| format!("{}x{}", size.height, size.width).into())),
            ("scale", self.scale.map(|scale| scale.value().to_string().into())),
            ("mean", numbers(&self.mean).map(Into::into)),
            ("std", numbers(&self.std).map(Into::into)),
            ("layout", self.layout.map(|layout| layout.to_string().into())),
            ("model_layout", self.model_layout.map(|layout| layout.to_string().into())),
        ];
        let steps: serde_json::Map<_, _> = steps.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        (!steps.is_empty()).then(|| serde_json::json!({ "schema_version": 1, "formula": "(raw * scale - mean) / std", "steps": steps }))
    }

    /// Opens data that feed these inputs: the first so many samples, where there is a limit.
    pub(crate) fn open(&self, path: &Path, limit: Option<NonZeroUsize>, inputs: &[Port]) -> Result<Samples> {
        self.open_part(path, (limit, false), inputs)
    }

    /// As `open`, with the samples taken evenly from all of the data.
    pub(crate) fn open_spread(&self, path: &Path, limit: Option<NonZeroUsize>, inputs: &[Port]) -> Result<Samples> {
        self.open_part(path, (limit, true), inputs)
    }

    fn open_part(&self, path: &Path, (limit, spread): (Option<NonZeroUsize>, bool), inputs: &[Port]) -> Result<Samples> {
        let options = DataOptions {
            limit,
            spread,
            x_key: self.x_key.clone(),
            y_key: self.y_key.clone(),
            label_column: self.labels.clone(),
            csv_header: self.csv_header,
            color: self.color,
        };
        let preprocess = Preprocess {
            resize: self.resize,
            scale: self.scale.unwrap_or_default(),
            mean: self.mean.clone(),
            std: self.std.clone(),
            layout: self.layout,
            model_layout: self.model_layout(),
        };
        Samples::open(path, &options, &preprocess, inputs)
    }
}
