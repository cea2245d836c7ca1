//! The files that `quantize` writes.

use std::path::Path;

use serde::Serialize;

use crate::output::OutputError;

/// What a file is, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    Edgm,
    QdqOnnx,
    Report,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Result<Format, OutputError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("edgm") => Ok(Format::Edgm),
            Some("onnx") => Ok(Format::QdqOnnx),
            _ => Err(OutputError::Extension { path: path.into(), expected: ".edgm or .onnx" }),
        }
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Format::Edgm => "int8 program: what edge-runtime executes, here and on a device",
            Format::QdqOnnx => "ONNX with QDQ pairs: for onnxruntime, TensorRT and others",
            Format::Report => "what quantization does to the model, to look at: open it in a browser",
        }
    }
}
