//! Broken, hostile and impossible profiles: each `broken/*.yaml` with the error that it must give in `broken/*.error`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use edgectl_profile::{ProfileError, Registry};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// An error with its causes, without the folder's place on this machine.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text.replace(&format!("{}/", folder().display()), "") + "\n"
}

#[test]
fn every_broken_profile_is_refused_with_its_error_and_its_place() {
    let mut registry = Registry::built_in();
    registry.add_folder(&folder()).expect("the folder is there");
    let update = std::env::var_os("UPDATE_BROKEN").is_some();
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).expect("the folder is there").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() > 40, "{} files", files.len());
    for file in files {
        let error = registry.load(file.to_str().expect("UTF-8")).expect_err(&file.display().to_string());
        let expected = file.with_extension("error");
        if update {
            fs::write(&expected, chain(&error)).expect("written");
        }
        assert_eq!(chain(&error), fs::read_to_string(&expected).unwrap_or_default(), "{}", file.display());
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_parsed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large.yaml");
    fs::write(&file, "a: ".to_owned() + &"x".repeat(300 << 10)).expect("written");
    let error = Registry::built_in().load(file.to_str().expect("UTF-8")).expect_err("refused");
    assert!(matches!(error, ProfileError::TooLarge { bytes, limit, .. } if bytes > limit), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bytes.yaml");
    fs::write(&file, [0xff, 0xfe, 0x00, 0xd8]).expect("written");
    let error = Registry::built_in().load(file.to_str().expect("UTF-8")).expect_err("refused");
    assert!(matches!(error, ProfileError::Io { .. }), "{error}");
}

#[test]
fn an_unknown_name_offers_the_nearest_ones() {
    let error = Registry::built_in().load("esp32s3").expect_err("unknown");
    assert_eq!(error.to_string(), "no profile is named \"esp32s3\"; near to it: esp32-s3, esp32, esp32-c3");
    let error = Registry::built_in().load("commodore64").expect_err("unknown");
    assert_eq!(error.to_string(), "no profile is named \"commodore64\"");
}

#[test]
fn no_mutation_of_a_profile_makes_the_reader_panic() {
    let registry = Registry::built_in();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../profiles/nrf52840.yaml")).expect("a profile");
    // A fixed walk over the text, so that a failure repeats.
    let mut state = 0x9e37_79b9_u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    const BYTES: &[u8] = b"\0\t\n :-?&*!|>'\"%@`{}[],#.~0e9\x7f";
    for _ in 0..600 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = BYTES[next(BYTES.len())],
                1 => bytes.insert(at, BYTES[next(BYTES.len())]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let _ = registry.parse("mutated.yaml", &String::from_utf8_lossy(&bytes));
    }
}
