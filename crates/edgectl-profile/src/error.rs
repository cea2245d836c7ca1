//! What can be wrong with a profile, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A place in a profile; lines and columns count from 1, and are 0 where only the file is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The path, or `NAME.yaml (built in)`.
    pub file: String,
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// One value that a device cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key's place.
    pub at: Location,
    /// The key, as `processors.cpu.clock_hz`.
    pub key: String,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.at, self.key, self.message)
    }
}

/// Why a profile was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A key stands twice in one mapping.
    #[error("{at}: the key {key:?} stands here for the second time")]
    DuplicateKey {
        /// The second key.
        at: Location,
        /// The key.
        key: String,
    },
    /// A profile extends itself, over others or directly.
    #[error("{at}: a profile extends itself: {}", chain.join(" -> "))]
    ExtendsCycle {
        /// The `extends` that closes the cycle.
        at: Location,
        /// The names, from the first one to itself.
        chain: Vec<String>,
    },
    /// Values that no device has, or that contradict each other: all of them.
    #[error("{}", problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid {
        /// At least one.
        problems: Vec<Problem>,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// YAML that is not used in profiles: anchors, aliases, tags, several documents, deep nesting.
    #[error("{at}: {what} are refused in profiles")]
    Refused {
        /// Where.
        at: Location,
        /// What.
        what: &'static str,
    },
    /// An unknown or missing key, or a value of another type.
    #[error("{at}: {key}: {message}")]
    Schema {
        /// The key, or the mapping that lacks one.
        at: Location,
        /// Its path.
        key: String,
        /// What was expected.
        message: String,
    },
    /// Not YAML.
    #[error("{at}: {message}")]
    Syntax {
        /// Where.
        at: Location,
        /// What the parser says.
        message: String,
    },
    /// The file is larger than a profile can be.
    #[error("{file}: {bytes} bytes; a profile has at most {limit}")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A profile cannot be written as YAML.
    #[error("cannot write the profile {profile}: {message}")]
    Unwritable {
        /// The profile.
        profile: String,
        /// What the serializer says.
        message: String,
    },
    /// No profile has this name.
    #[error("no profile is named {name:?}{}", also_near(nearest))]
    Unknown {
        /// The name.
        name: String,
        /// Names that are spelled alike, the nearest first.
        nearest: Vec<String>,
    },
}

fn also_near(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; near to it: {}", names.join(", ")),
    }
}
