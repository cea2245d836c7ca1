//! Reading `.npy` headers, versions 1 to 3.
//!
//! The format is numpy's (`numpy.lib.format`): magic, version, header length, then a Python literal
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` and the elements. The literal is parsed strictly: these three keys,
//! once each, and nothing else.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::array::{Array, Store, size_bytes};
use crate::{DType, DataError};

const MAGIC: &[u8] = b"\x93NUMPY";
/// No numeric array needs more; numpy itself refuses more than 10 000 unless told otherwise.
const MAX_HEADER_BYTES: usize = 1 << 16;
/// numpy's limit up to version 1.
const MAX_RANK: usize = 32;

/// A checked header.
pub(crate) struct Header {
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
    pub(crate) shape: Vec<usize>,
    /// Bytes before the first element.
    pub(crate) header_bytes: u64,
    /// Bytes of the elements.
    pub(crate) data_bytes: u64,
}

/// Opens a `.npy` file and checks its header against its length.
pub(crate) fn open(path: &Path) -> Result<Array, DataError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::open(path).map_err(DataError::io(path))?;
    let file_bytes = file.metadata().map_err(DataError::io(path))?.len();
    let header = read_header(&mut BufReader::new(file), path, &name)?;
    let found = file_bytes.saturating_sub(header.header_bytes);
    if found != header.data_bytes {
        return Err(DataError::Length { path: path.into(), what: format!("array `{name}`"), expected: header.data_bytes, found });
    }
    let store = Store::File { path: path.into(), start: header.header_bytes };
    Ok(Array { name, dtype: header.dtype, big_endian: header.big_endian, shape: header.shape, store })
}

/// Opens `NAME_y.npy` beside `NAME_x.npy`, where it exists.
pub(crate) fn open_labels(path: &Path) -> Result<Option<Array>, DataError> {
    let labels = labels_path(path);
    match labels {
        Some(labels) if labels.try_exists().map_err(DataError::io(&labels))? => open(&labels).map(Some),
        _ => Ok(None),
    }
}

fn labels_path(path: &Path) -> Option<PathBuf> {
    let name = path.file_stem()?.to_str()?.strip_suffix("_x")?;
    Some(path.with_file_name(format!("{name}_y.npy")))
}

/// Reads a header; the reader then stands on the first element.
pub(crate) fn read_header(reader: &mut impl Read, path: &Path, name: &str) -> Result<Header, DataError> {
    let mut take = |bytes: usize| {
        let mut buffer = Vec::new();
        reader.by_ref().take(bytes as u64).read_to_end(&mut buffer).map_err(DataError::io(path))?;
        Ok::<_, DataError>(buffer)
    };
    let found = take(MAGIC.len())?;
    if found != MAGIC {
        return Err(DataError::Magic { path: path.into(), format: "npy", expected: MAGIC, found });
    }
    let bad = |reason: String| DataError::Header { path: path.into(), what: format!("array `{name}`"), reason };
    let short = || bad("the file ends within the header".to_owned());
    let version = take(2)?;
    let length_bytes = match version.as_slice() {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        [major, minor] => return Err(bad(format!("version {major}.{minor}, expected 1.0, 2.0 or 3.0"))),
        _ => return Err(short()),
    };
    let length = match *take(length_bytes)?.as_slice() {
        [a, b] => u32::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => return Err(short()),
    } as usize;
    if length > MAX_HEADER_BYTES {
        return Err(bad(format!("{length} bytes long, expected at most {MAX_HEADER_BYTES}")));
    }
    let text = take(length)?;
    if text.len() != length {
        return Err(short());
    }
    let text = std::str::from_utf8(&text).map_err(|_| bad("not text".to_owned()))?;
    let literal = Literal::parse(text).map_err(bad)?;
    let (dtype, big_endian) = parse_descr(literal.descr).ok_or_else(|| DataError::DType {
        path: path.into(),
        array: name.into(),
        found: literal.descr.chars().take(80).collect(),
    })?;
    // With at most one dimension above 1, both orders are the same bytes.
    if literal.fortran_order && literal.shape.iter().filter(|&&dim| dim > 1).count() > 1 {
        return Err(DataError::FortranOrder { path: path.into(), array: name.into(), shape: literal.shape });
    }
    let data_bytes = size_bytes(dtype, &literal.shape).ok_or_else(|| bad(format!("shape {:?} overflows", literal.shape)))?;
    let header_bytes = (MAGIC.len() + 2 + length_bytes + length) as u64;
    Ok(Header { dtype, big_endian, shape: literal.shape, header_bytes, data_bytes })
}

/// A numpy type string, such as `<f4`, as type and whether it is big-endian.
fn parse_descr(descr: &str) -> Option<(DType, bool)> {
    let (order, kind) = descr.split_at_checked(1)?;
    let dtype = match kind {
        "b1" => DType::Bool,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        _ => return None,
    };
    match order {
        "<" => Some((dtype, false)),
        ">" => Some((dtype, true)),
        "|" if dtype.size_bytes() == 1 => Some((dtype, false)),
        _ => None,
    }
}

/// The dictionary of a header.
struct Literal<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl<'a> Literal<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let mut tokens = Tokens(text);
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        tokens.expect('{')?;
        while !tokens.eat('}') {
            let key = tokens.string()?;
            tokens.expect(':')?;
            let repeated = match key {
                // A structured type is a list; it is named as it stands.
                "descr" if tokens.peek() == Some('[') => descr.replace(tokens.until(']')?).is_some(),
                "descr" => descr.replace(tokens.string()?).is_some(),
                "fortran_order" => fortran_order.replace(tokens.boolean()?).is_some(),
                "shape" => shape.replace(tokens.tuple()?).is_some(),
                _ => return Err(format!("unknown key {key:?}")),
            };
            if repeated {
                return Err(format!("key {key:?} appears twice"));
            }
            if !tokens.eat(',') {
                tokens.expect('}')?;
                break;
            }
        }
        if let Some(c) = tokens.peek() {
            return Err(format!("{c:?} after the dictionary"));
        }
        Ok(Self {
            descr: descr.ok_or("no key \"descr\"")?,
            fortran_order: fortran_order.ok_or("no key \"fortran_order\"")?,
            shape: shape.ok_or("no key \"shape\"")?,
        })
    }
}

/// What is left of a header's text.
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    fn peek(&mut self) -> Option<char> {
        self.0 = self.0.trim_start();
        self.0.chars().next()
    }

    fn eat(&mut self, token: char) -> bool {
        let rest = (self.peek() == Some(token)).then(|| &self.0[token.len_utf8()..]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, token: char) -> Result<(), String> {
        if self.eat(token) { Ok(()) } else { Err(format!("expected {token:?}, found {}", self.found())) }
    }

    fn found(&mut self) -> String {
        self.peek().map_or_else(|| "the end".to_owned(), |c| format!("{c:?}"))
    }

    /// The text up to and with `end`.
    fn until(&mut self, end: char) -> Result<&'a str, String> {
        let at = self.0.find(end).ok_or_else(|| format!("no closing {end:?}"))?;
        let (text, rest) = self.0.split_at(at + end.len_utf8());
        self.0 = rest;
        Ok(text)
    }

    fn string(&mut self) -> Result<&'a str, String> {
        match self.peek() {
            Some(quote @ ('\'' | '"')) => {
                self.expect(quote)?;
                self.until(quote).map(|text| &text[..text.len() - quote.len_utf8()])
            }
            _ => Err(format!("expected a string, found {}", self.found())),
        }
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(format!("expected True or False, found {}", self.found()))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let mut items = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            if items.len() == MAX_RANK {
                return Err(format!("more than {MAX_RANK} dimensions"));
            }
            self.peek();
            let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
            let (digits, rest) = self.0.split_at(end);
            let item =
                digits.parse().map_err(|_| format!("expected a dimension, found {:?}", digits.chars().take(24).collect::<String>()))?;
            items.push(item);
            self.0 = rest;
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(items)
    }
}
