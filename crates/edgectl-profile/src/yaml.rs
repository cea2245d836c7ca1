//! YAML with places. A profile is read twice: once as events, which yields where each key stands and refuses what profiles have no use
//! for (and what makes small files expand to large ones), once as a value.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser};
use serde_yaml::Value;

use crate::error::{Location, ProfileError};

/// Far above the largest profile, far below what would take noticeable time.
pub(crate) const MAX_BYTES: u64 = 256 * 1024;
const MAX_DEPTH: usize = 16;

/// A profile before its schema is checked: a value, and where each of its keys stands, by path (`kernels.cmsis-nn.costs`).
pub(crate) struct Document {
    pub(crate) value: Value,
    pub(crate) places: HashMap<String, Location>,
    file: String,
}

impl Document {
    /// Reads `text`; `file` is what errors name.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Document, ProfileError> {
        if text.len() as u64 > MAX_BYTES {
            return Err(ProfileError::TooLarge { file: file.to_owned(), bytes: text.len() as u64, limit: MAX_BYTES });
        }
        let places = Outline::read(file, text)?;
        let value = serde_yaml::from_str(text).map_err(|error| {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
            ProfileError::Syntax { at: Location { file: file.to_owned(), line, column }, message: error.to_string() }
        })?;
        Ok(Document { value, places, file: file.to_owned() })
    }

    /// Where a key stands, or the nearest mapping around it.
    pub(crate) fn place(&self, path: &str) -> Location {
        let mut path = path;
        loop {
            if let Some(at) = self.places.get(path) {
                return at.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Location { file: self.file.clone(), ..Location::default() },
            }
        }
    }

    /// Lays this document over `base`: mappings merge key by key, everything else is replaced.
    pub(crate) fn over(mut self, base: Document) -> Document {
        let mut places = base.places;
        places.extend(self.places);
        self.value = merge(base.value, self.value);
        self.places = places;
        self
    }
}

fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Mapping(mut base), Value::Mapping(over)) => {
            for (key, value) in over {
                let merged = match base.remove(&key) {
                    Some(below) => merge(below, value),
                    None => value,
                };
                base.insert(key, merged);
            }
            Value::Mapping(base)
        }
        (_, over) => over,
    }
}

/// An open collection: its path, and for a mapping the keys so far and the one that waits for its value.
enum Open {
    Mapping { path: String, seen: HashSet<String>, key: Option<String> },
    Sequence { path: String, next: usize },
}

struct Outline<'a> {
    file: &'a str,
    open: Vec<Open>,
    places: HashMap<String, Location>,
}

impl<'a> Outline<'a> {
    fn read(file: &'a str, text: &str) -> Result<HashMap<String, Location>, ProfileError> {
        let mut outline = Outline { file, open: Vec::new(), places: HashMap::new() };
        let mut documents = 0;
        for event in Parser::new_from_str(text) {
            let (event, span) =
                event.map_err(|error| ProfileError::Syntax { at: outline.at(*error.marker()), message: error.info().to_owned() })?;
            let at = span.start;
            match event {
                Event::Alias(_) => return Err(outline.refuse(at, "anchors and aliases")),
                Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) if anchor != 0 => {
                    return Err(outline.refuse(at, "anchors and aliases"));
                }
                Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                    return Err(outline.refuse(at, "tags"));
                }
                Event::Scalar(text, ..) => outline.scalar(&text, at)?,
                Event::SequenceStart(..) => {
                    let path = outline.enter(at)?;
                    outline.open.push(Open::Sequence { path, next: 0 });
                }
                Event::MappingStart(..) => {
                    let path = outline.enter(at)?;
                    outline.open.push(Open::Mapping { path, seen: HashSet::new(), key: None });
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    outline.open.pop();
                }
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(outline.refuse(at, "several documents"));
                    }
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(outline.places)
    }

    fn at(&self, marker: Marker) -> Location {
        Location { file: self.file.to_owned(), line: marker.line(), column: marker.col() + 1 }
    }

    fn refuse(&self, at: Marker, what: &'static str) -> ProfileError {
        ProfileError::Refused { at: self.at(at), what }
    }

    /// A key of the open mapping, or a value.
    fn scalar(&mut self, text: &str, marker: Marker) -> Result<(), ProfileError> {
        let at = self.at(marker);
        match self.open.last_mut() {
            Some(Open::Mapping { path, seen, key: key @ None }) => {
                if !seen.insert(text.to_owned()) {
                    return Err(ProfileError::DuplicateKey { at, key: text.to_owned() });
                }
                let full = if path.is_empty() { text.to_owned() } else { format!("{path}.{text}") };
                self.places.insert(full, at);
                *key = Some(text.to_owned());
            }
            _ => {
                self.value_path(marker);
            }
        }
        Ok(())
    }

    /// The path of a value that begins here; the mapping waits for the next key.
    fn value_path(&mut self, marker: Marker) -> String {
        let at = self.at(marker);
        match self.open.last_mut() {
            Some(Open::Mapping { path, key, .. }) => {
                let key = key.take().unwrap_or_default();
                if path.is_empty() { key } else { format!("{path}.{key}") }
            }
            Some(Open::Sequence { path, next }) => {
                let full = format!("{path}[{next}]");
                *next += 1;
                self.places.insert(full.clone(), at);
                full
            }
            None => String::new(),
        }
    }

    fn enter(&mut self, at: Marker) -> Result<String, ProfileError> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.refuse(at, "collections nested deeper than 16"));
        }
        if matches!(self.open.last(), Some(Open::Mapping { key: None, .. })) {
            return Err(self.refuse(at, "collections as keys"));
        }
        Ok(self.value_path(at))
    }
}
