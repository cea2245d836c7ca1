//! What the tests share: the binary, the fixtures, and runs that must succeed.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use edgectl_testkit::{Cases, Ran};
use serde_json::Value;

/// The root of the repository.
pub(crate) static ROOT: LazyLock<&Path> = LazyLock::new(|| Path::new(env!("CARGO_MANIFEST_DIR")));

static PATHS: LazyLock<[PathBuf; 2]> = LazyLock::new(|| [ROOT.join("tests/cases"), ROOT.join("fixtures")]);

/// The binary with its cases and fixtures.
pub(crate) static CASES: LazyLock<Cases<'static>> =
    LazyLock::new(|| Cases { binary: Path::new(env!("CARGO_BIN_EXE_edgectl")), cases: &PATHS[0], fixtures: &PATHS[1] });

/// The path of a fixture.
pub(crate) fn fixture(name: &str) -> String {
    PATHS[1].join(name).to_string_lossy().into_owned()
}

/// Runs the binary, which must succeed.
pub(crate) fn edgectl(folder: &Path, arguments: &[&str]) -> Ran {
    let ran = CASES.edgectl(folder, arguments).unwrap();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "edgectl {arguments:?}");
    ran
}

/// Runs the binary, which must succeed with one JSON document.
pub(crate) fn edgectl_json(folder: &Path, arguments: &[&str]) -> Value {
    let ran = edgectl(folder, &[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap()
}
