//! What bytes are that are no TensorFlow Lite model.

use crate::TfliteError;

/// The file identifier, behind the offset of the root table.
const IDENTIFIER: &[u8] = b"TFL3";

/// First bytes, what they mark.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras uses these)"),
    (b"PK\x03\x04", "a zip archive (Keras and PyTorch use these)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "an ELF executable"),
    (b"GGUF", "a GGUF model"),
];

/// Demands the identifier of TensorFlow Lite's schema.
pub(crate) fn expect_tflite(bytes: &[u8]) -> Result<(), TfliteError> {
    if bytes.get(4..8) == Some(IDENTIFIER) {
        return Ok(());
    }
    let magic = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    let text = || std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()));
    let found = match magic {
        Some((_, name)) => name,
        // An ONNX model begins with its version (field 1), mostly followed by its producer (field 2).
        None if matches!(bytes, [0x08, 3..=20, 0x12, ..]) => "an ONNX model",
        None if bytes.is_empty() => "an empty file",
        None if text() => "text",
        None if bytes.get(4..8).is_some_and(|id| id.starts_with(b"TFL")) => "another version of its schema",
        None => "bytes without the identifier \"TFL3\"",
    };
    Err(TfliteError::NotTflite { found })
}
