//! What bytes are that are no ONNX model.

use crate::OnnxError;

/// Offset, bytes, what they mark.
const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG\r\n\x1a\n", "PNG image"),
    (0, b"\xff\xd8\xff", "JPEG image"),
    (0, b"GIF8", "GIF image"),
    (0, b"BM", "BMP image"),
    (0, b"\x1f\x8b", "gzip archive"),
    (0, b"BZh", "bzip2 archive"),
    (0, b"\xfd7zXZ\0", "xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "zstd archive"),
    (0, b"PK\x03\x04", "zip archive (PyTorch, Keras and NumPy use these)"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 file"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"\x7fELF", "ELF executable"),
    (0, b"%PDF", "PDF document"),
    (0, b"GGUF", "GGUF model"),
    (0, b"ORTM", "ORT format model"),
    (4, b"ORTM", "ORT format model"),
    (4, b"TFL3", "TensorFlow Lite model"),
    (8, b"{\"", "safetensors file"),
];

/// The error for bytes that could not be decoded, given what the decoder says.
pub(crate) fn explain(bytes: &[u8], what: String) -> OnnxError {
    let magic = MAGIC.iter().find(|(offset, magic, _)| bytes.get(*offset..).is_some_and(|rest| rest.starts_with(magic)));
    if let Some((_, _, found)) = magic {
        return OnnxError::NotOnnx { found };
    }
    if bytes.is_empty() {
        return OnnxError::NotOnnx { found: "an empty file" };
    }
    if std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())) {
        return OnnxError::NotOnnx { found: "text" };
    }
    match end_of_fields(bytes) {
        Some(expected) if expected > bytes.len() as u64 => {
            OnnxError::Truncated { expected_bytes: expected, found_bytes: bytes.len() as u64 }
        }
        _ => OnnxError::Malformed { what },
    }
}

/// Where the last of the outermost fields ends; `None` where one of them is no field of a model.
fn end_of_fields(bytes: &[u8]) -> Option<u64> {
    let len = bytes.len() as u64;
    let mut at = 0u64;
    while at < len {
        let size = match varint(bytes, &mut at)? {
            // Fields 1 and 5 of ModelProto are varints, the others have a length.
            tag if matches!(tag >> 3, 1 | 5) && tag & 7 == 0 => varint(bytes, &mut at).map(|_| 0)?,
            tag if matches!(tag >> 3, 2..=4 | 6..=8 | 14 | 20 | 25 | 26) && tag & 7 == 2 => varint(bytes, &mut at)?,
            _ => return None,
        };
        at = at.checked_add(size).filter(|&end| end <= i64::MAX as u64)?;
    }
    Some(at)
}

/// A variable-length integer; one that is cut off counts as zero, and its end lies beyond the bytes.
fn varint(bytes: &[u8], at: &mut u64) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.get(usize::try_from(*at).ok()?);
        *at += 1;
        let Some(byte) = byte else { return Some(0) };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
