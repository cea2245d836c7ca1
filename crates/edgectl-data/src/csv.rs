//! Reading `.csv`: comma-separated numbers, one sample per line, optionally a header and a column of labels.
//!
//! Fields may stand in double quotes (in a header these may hold commas); blank lines are skipped. Everything else must be a number.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::dataset::{DataFacts, Sample, SampleStream};
use crate::error::list;
use crate::{DType, DataError, ParseOptionError, dtype};

/// Room for a million fields.
const MAX_LINE_BYTES: usize = 1 << 24;

/// The column that holds the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelColumn {
    /// By position, from 0. Written as text it counts from 1, as columns do in messages.
    Index(usize),
    /// By its name in the header.
    Name(String),
}

impl FromStr for LabelColumn {
    type Err = ParseOptionError;

    /// A whole number of at least 1 is a position, anything else a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<usize>() {
            Ok(column @ 1..) => Ok(Self::Index(column - 1)),
            Err(_) if !text.is_empty() => Ok(Self::Name(text.to_owned())),
            _ => Err(ParseOptionError { what: "label column", expected: "a column number from 1, or a name", found: text.to_owned() }),
        }
    }
}

impl std::fmt::Display for LabelColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{}", index + 1),
            Self::Name(name) => write!(f, "`{name}`"),
        }
    }
}

/// A CSV file whose lines were counted.
#[derive(Debug)]
pub(crate) struct CsvFile {
    path: PathBuf,
    columns: usize,
    label: Option<usize>,
    header: bool,
    rows: usize,
}

impl CsvFile {
    /// Reads the first line, then counts the others.
    pub(crate) fn open(path: &Path, label: Option<&LabelColumn>, header: Option<bool>) -> Result<Self, DataError> {
        let mut lines = Lines::open(path)?;
        let Some((_, first)) = lines.next_line()? else {
            return Err(DataError::Empty { path: path.into(), found: "no line".into() });
        };
        let names: Vec<_> = fields(first).map(str::to_owned).collect();
        let columns = names.len();
        let header = header.unwrap_or_else(|| names.iter().all(|name| name.parse::<f32>().is_err()));
        let position = |column: &LabelColumn| match column {
            LabelColumn::Index(index) => (*index < columns).then_some(*index),
            LabelColumn::Name(name) => names.iter().position(|n| n == name).filter(|_| header),
        };
        let missing = |column: &LabelColumn| DataError::LabelColumn {
            path: path.into(),
            column: column.to_string(),
            found: if header { list(&names) } else { format!("{columns} columns without names") },
        };
        let label = label.map(|column| position(column).ok_or_else(|| missing(column))).transpose()?;
        let mut rows = usize::from(!header);
        while lines.next_line()?.is_some() {
            rows += 1;
        }
        Ok(Self { path: path.into(), columns, label, header, rows })
    }

    pub(crate) fn facts(&self) -> DataFacts {
        DataFacts {
            samples: self.rows,
            sample_shape: vec![self.columns - usize::from(self.label.is_some())],
            dtype: DType::F32,
            labelled: self.label.is_some(),
            class_names: Vec::new(),
            layout: None,
        }
    }

    pub(crate) fn samples(&self) -> Result<SampleStream, DataError> {
        let mut lines = Lines::open(&self.path)?;
        if self.header {
            lines.next_line()?;
        }
        let (columns, label) = (self.columns, self.label);
        Ok(Box::new((0..).map_while(move |index| lines.next_sample(index, columns, label).transpose())))
    }
}

/// The lines of a file that are not blank, and where we are.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    number: usize,
    bytes: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io(path))?;
        Ok(Self { path: path.into(), reader: BufReader::new(file), number: 0, bytes: Vec::new() })
    }

    /// The next line, trimmed, and its number from 1.
    fn next_line(&mut self) -> Result<Option<(usize, &str)>, DataError> {
        loop {
            self.bytes.clear();
            let limit = MAX_LINE_BYTES as u64 + 1;
            let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.bytes).map_err(DataError::io(&self.path))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read > MAX_LINE_BYTES {
                return Err(self.bad(format!("longer than {MAX_LINE_BYTES} bytes")));
            }
            if !self.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        // Spreadsheets begin the file with a byte order mark.
        let bytes = self.bytes.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.number == 1).unwrap_or(&self.bytes);
        match std::str::from_utf8(bytes) {
            Ok(line) => Ok(Some((self.number, line.trim()))),
            Err(_) => Err(self.bad("not UTF-8 text".into())),
        }
    }

    fn bad(&self, reason: String) -> DataError {
        DataError::CsvLine { path: self.path.clone(), line: self.number, reason }
    }

    fn next_sample(&mut self, index: usize, columns: usize, label_column: Option<usize>) -> Result<Option<Sample>, DataError> {
        let path = self.path.clone();
        let Some((line, text)) = self.next_line()? else { return Ok(None) };
        let found = fields(text).count();
        if found != columns {
            return Err(DataError::RaggedRow { path, line, expected: columns, found });
        }
        let mut values = Vec::with_capacity(columns);
        let mut label = None;
        for (column, field) in fields(text).enumerate() {
            let Ok(value) = field.parse::<f64>() else {
                return Err(DataError::NotANumber { path, line, column: column + 1, found: field.chars().take(40).collect() });
            };
            if label_column == Some(column) {
                label = Some(dtype::label(value).ok_or_else(|| DataError::Label { path: path.clone(), sample: index, found: value })?);
            } else {
                values.push(value as f32);
            }
        }
        Ok(Some(Sample { index, shape: vec![values.len()], values, label }))
    }
}

/// Splits a line at the commas that are not between double quotes; fields come trimmed and without their quotes.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(|field| {
        let field = field.trim();
        field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field)
    })
}
