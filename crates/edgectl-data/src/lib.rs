//! Data sets, preprocessing and metrics, streamed sample by sample.
//!
//! ```text
//! DATA ──DataSet::open──▶ DataSet ──samples()──▶ Sample ──Pipeline::apply──▶ model input
//!                                                   │ label                     │ outputs
//!                                                   └──────────▶ Metric, Agreement ◀──────┘
//! ```
//!
//! Opening reads headers only (a CSV is scanned once to count its rows), and iterating holds one sample, so the memory needed does
//! not grow with the data. Nothing is guessed from sizes: the extension names the format, and where a file is not plain the caller's
//! options say what it means. Every file may be hostile: lengths are checked against the file before anything is allocated.
//!
//! This crate knows nothing of models, graphs or terminals: it sees shapes and vectors of `f32`.

mod agreement;
mod array;
mod classes;
mod csv;
mod dataset;
mod dtype;
mod error;
mod images;
mod lint;
mod metric;
mod npy;
mod npz;
mod pipeline;
mod preprocess;
mod resize;
mod safetensors;
mod stats;
mod write;

pub use agreement::{Agreement, AgreementValue};
pub use classes::{ClassCounts, ClassTable, Collapse};
pub use csv::LabelColumn;
pub use dataset::{DataFacts, DataOptions, DataSet, Sample, Samples};
pub use dtype::DType;
pub use error::DataError;
pub use images::ColorModel;
pub use lint::{Copies, Finding, Portrait, lint};
pub use metric::{Metric, MetricError, MetricKind, MetricValue, Reference};
pub use pipeline::Pipeline;
pub use preprocess::{ImageSize, Layout, ParseOptionError, Preprocess, Ratio};
pub use stats::{Interval, wilson_95};
pub use write::{Element, NpyWriter, NpzWriter, WriteError, write_npy};
