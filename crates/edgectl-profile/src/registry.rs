//! Where profiles are found: built in, in the user's folders, or at a path.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_yaml::Value;

use crate::error::{Problem, ProfileError};
use crate::schema::Profile;
use crate::validate::problems;
use crate::yaml::{Document, MAX_BYTES};

/// Name, text: `profiles/*.yaml`, sorted by name.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));
const MAX_CHAIN: usize = 8;

/// Where a profile is from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In the binary.
    BuiltIn,
    /// A file.
    File(PathBuf),
}

/// Profiles by name. Those of the user's folders come before the built-in ones of the same name.
#[derive(Clone, Debug)]
pub struct Registry {
    names: BTreeMap<String, Origin>,
}

impl Registry {
    /// The profiles that are built in.
    pub fn built_in() -> Registry {
        Registry { names: BUILT_IN.iter().map(|(name, _)| ((*name).to_owned(), Origin::BuiltIn)).collect() }
    }

    /// Adds the `*.yaml` files of a folder; they are read when they are asked for.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn add_folder(&mut self, folder: &Path) -> Result<(), ProfileError> {
        let failed = |source| ProfileError::Io { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "yaml")
                && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
            {
                self.names.insert(name.to_owned(), Origin::File(path.clone()));
            }
        }
        Ok(())
    }

    /// Names with their origins, sorted.
    pub fn profiles(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.names.iter().map(|(name, origin)| (name.as_str(), origin))
    }

    /// Reads a profile and what it extends, and checks it. What contains a `/` or ends in `.yaml` or `.yml` is a path.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn load(&self, name_or_path: &str) -> Result<Profile, ProfileError> {
        let origin = if is_path(name_or_path) { Origin::File(PathBuf::from(name_or_path)) } else { self.find(name_or_path)? };
        let document = self.read(&origin, name_or_path)?;
        profile(document)
    }

    /// Checks the text of a profile as if it stood in the file `file`.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn parse(&self, file: &str, text: &str) -> Result<Profile, ProfileError> {
        let document = Document::parse(file, text)?;
        profile(self.extend(document, &Origin::File(PathBuf::from(file)), &mut vec![file.to_owned()])?)
    }

    fn find(&self, name: &str) -> Result<Origin, ProfileError> {
        self.names.get(name).cloned().ok_or_else(|| {
            let mut near: Vec<(usize, &String)> =
                self.names.keys().map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), known), known)).collect();
            near.retain(|(distance, known)| *distance <= 3.max(known.len() / 3) || known.contains(name) || name.contains(known.as_str()));
            near.sort();
            ProfileError::Unknown { name: name.to_owned(), nearest: near.into_iter().take(3).map(|(_, known)| known.clone()).collect() }
        })
    }

    fn read(&self, origin: &Origin, name: &str) -> Result<Document, ProfileError> {
        let document = parse(origin, name)?;
        self.extend(document, origin, &mut vec![name.to_owned()])
    }

    /// Lays `document` over the profile that it extends, and that over its own.
    fn extend(&self, document: Document, origin: &Origin, chain: &mut Vec<String>) -> Result<Document, ProfileError> {
        let Some(base) = document.value.get("extends").and_then(Value::as_str).map(str::to_owned) else {
            return Ok(document);
        };
        let at = document.place("extends");
        let base_origin = match origin {
            Origin::File(file) if is_path(&base) => Origin::File(file.parent().unwrap_or(Path::new("")).join(&base)),
            _ if is_path(&base) => Origin::File(PathBuf::from(&base)),
            // A user's `pico` may extend the built-in one.
            Origin::File(_) if chain.last() == Some(&base) && BUILT_IN.iter().any(|(name, _)| *name == base) => Origin::BuiltIn,
            _ => self.find(&base).map_err(|error| ProfileError::Invalid {
                problems: vec![Problem { at: at.clone(), key: "extends".to_owned(), message: error.to_string() }],
            })?,
        };
        let key = |origin: &Origin, name: &str| match origin {
            Origin::BuiltIn => name.to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        let next = key(&base_origin, &base);
        let first = chain.iter().position(|name| *name == next || (*name == base && matches!(base_origin, Origin::File(_))));
        if first.is_some() || chain.len() >= MAX_CHAIN {
            let mut chain = chain.split_off(first.unwrap_or(0));
            chain.push(base);
            return Err(ProfileError::ExtendsCycle { at, chain });
        }
        chain.push(next);
        let below = parse(&base_origin, &base)?;
        let below = self.extend(below, &base_origin, chain)?;
        Ok(document.over(below))
    }
}

fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".yaml") || name.ends_with(".yml")
}

fn parse(origin: &Origin, name: &str) -> Result<Document, ProfileError> {
    match origin {
        Origin::BuiltIn => {
            let text = BUILT_IN.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
            Document::parse(&format!("{name}.yaml (built in)"), text)
        }
        Origin::File(path) => Document::parse(&path.display().to_string(), &read(path)?),
    }
}

fn read(path: &Path) -> Result<String, ProfileError> {
    let failed = |source| ProfileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a larger file is seen as such without being read.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))
}

fn profile(document: Document) -> Result<Profile, ProfileError> {
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&document.value, &mut track);
    let profile = Profile::deserialize(tracked).map_err(|error| {
        let path = track.path().to_string();
        // `.` is the whole, `?` a key that is not one.
        let path = if path == "." { String::new() } else { path.trim_end_matches(".?").to_owned() };
        let message = error.to_string();
        // The parser prefixes its own path.
        let message = message.strip_prefix(&format!("{path}: ")).unwrap_or(&message).to_owned();
        ProfileError::Schema { at: document.place(&path), key: if path.is_empty() { "profile".to_owned() } else { path }, message }
    })?;
    match problems(&profile, &document) {
        problems if problems.is_empty() => Ok(profile),
        problems => Err(ProfileError::Invalid { problems }),
    }
}
