//! Bundles from outside: packed, signed, verified, refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{CASES, edgectl, fixture};

const PASSWORD: &str = "correct horse";

fn with_password(folder: &Path) -> Command {
    let mut command = CASES.command(folder);
    command.env("EDGECTL_KEY_PASSWORD", PASSWORD).env_remove("SOURCE_DATE_EPOCH");
    command
}

/// Runs the binary with the password of all keys: status and standard output; standard error where that is empty.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = with_password(folder).args(arguments).output().unwrap();
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn ok(folder: &Path, arguments: &[&str]) -> String {
    let (status, text) = run(folder, arguments);
    assert_eq!(status, 0, "edgectl {arguments:?}: {text}");
    text
}

fn package(folder: &Path, more: &[&str]) -> String {
    let program = fixture("digits_mlp/int8.tflite");
    let data = fixture("digits_mlp/eval_x.npy");
    let common = ["package", &program, "--profile", "pico", "--name", "digits", "--golden", &data, "--created", "2026-11-01T00:00:00Z"];
    ok(folder, &[&common, more].concat())
}

/// Keys `a` and `b`, and `prod.edgepkg`, signed with `a`.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for key in ["a.key", "b.key"] {
        ok(at, &["keys", "generate", "-o", key]);
    }
    package(at, &["--channel", "prod", "--expires", "90d", "--counter", "7", "--key", "a.key", "-o", "prod.edgepkg"]);
    folder
}

fn verdict(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let (status, text) =
        run(folder, &[&["verify", "prod.edgepkg", "--format", "json", "--at", "2026-12-01T00:00:00Z"], arguments].concat());
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

#[test]
fn a_bundle_is_verified_by_who_trusts_its_key() {
    let folder = prepared();
    let at = folder.path();
    let (status, found) = verdict(at, &["--key", "a.pub", "--channel", "prod", "--profile", "pico"]);
    assert_eq!((status, found["verdict"].as_str()), (0, Some("verified")));
    assert_eq!(found["manifest"]["counter"], 7);
    assert_eq!(found["manifest"]["expires"], "2027-01-30T00:00:00Z");
    assert_eq!(found["manifest"]["evidence"]["golden"]["vectors"], 8);
    for (arguments, reason) in [
        (&["--key", "b.pub"][..], "key_unknown"),
        (&["--key", "a.pub", "--channel", "beta"], "wrong_channel"),
        (&["--key", "a.pub", "--profile", "pi4"], "wrong_target"),
        (&["--key", "a.pub", "--installed-security-version", "1"], "rollback"),
        (&["--key", "a.pub", "--installed-counter", "8"], "rollback"),
    ] {
        let (status, found) = verdict(at, arguments);
        assert_eq!((status, found["reason"]["name"].as_str()), (1, Some(reason)), "{arguments:?}");
        assert!(found.get("manifest").is_none(), "nothing of a refused bundle is shown as if it were true");
    }
    let (status, text) = run(at, &["verify", "prod.edgepkg", "--key", "a.pub", "--at", "2027-01-30T00:00:00Z"]);
    assert_eq!(status, 1);
    assert!(text.contains("refused: the bundle has expired on 2027-01-30T00:00:00Z"), "{text}");
}

#[test]
fn the_same_files_give_the_same_bundle() {
    let folder = prepared();
    let at = folder.path();
    package(at, &["--channel", "prod", "--expires", "90d", "--counter", "7", "--key", "a.key", "-o", "again.edgepkg"]);
    assert_eq!(fs::read(at.join("prod.edgepkg")).unwrap(), fs::read(at.join("again.edgepkg")).unwrap());
}

#[test]
fn two_people_must_sign() {
    let folder = prepared();
    let at = folder.path();
    let key = |name: &str| {
        let text = fs::read_to_string(at.join(name)).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    };
    let trust = format!(
        r#"{{"format": 1, "thresholds": {{"prod": 2}}, "keys": [
            {{"name": "Ada", "key": "{}", "role": "release"}}, {{"name": "Bo", "key": "{}", "role": "release"}}]}}"#,
        key("a.pub"),
        key("b.pub")
    );
    fs::write(at.join("trust.json"), trust).unwrap();
    let (status, found) = verdict(at, &["--trust", "trust.json"]);
    assert_eq!((status, found["reason"]["name"].as_str()), (1, Some("threshold")));
    // The same person once more is not another one.
    ok(at, &["keys", "sign", "prod.edgepkg", "--key", "a.key"]);
    assert_eq!(verdict(at, &["--trust", "trust.json"]).0, 1);
    ok(at, &["keys", "sign", "prod.edgepkg", "--key", "b.key"]);
    let (status, found) = verdict(at, &["--trust", "trust.json"]);
    assert_eq!(status, 0);
    let names: Vec<_> = found["signed_by"].as_array().unwrap().iter().map(|by| by["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"Ada") && names.contains(&"Bo") && names.len() == 2, "{names:?}");
}

#[test]
fn an_altered_bundle_is_refused() {
    let folder = prepared();
    let path = folder.path().join("prod.edgepkg");
    let bytes = fs::read(&path).unwrap();
    let mut altered = bytes.clone();
    let program = bytes.windows(4).position(|window| window == b"\x89EDG").unwrap();
    altered[program + 200] ^= 1;
    fs::write(&path, altered).unwrap();
    let (status, found) = verdict(folder.path(), &["--key", "a.pub"]);
    assert_eq!((status, found["reason"]["name"].as_str()), (1, Some("digest")));
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let (status, text) = run(folder.path(), &["verify", "prod.edgepkg", "--key", "a.pub"]);
    assert_eq!(status, 2);
    assert!(text.contains("the end of the bundle: ends after 1023 bytes: expected 1024"), "{text}");
    let (status, _) = run(folder.path(), &["inspect", "prod.edgepkg"]);
    assert_eq!(status, 2);
}

#[test]
fn nothing_is_written_when_signing_fails() {
    let folder = prepared();
    let at = folder.path();
    let (before, names) = (fs::read(at.join("prod.edgepkg")).unwrap(), || fs::read_dir(at).unwrap().count());
    let count = names();
    let program = fixture("digits_mlp/int8.tflite");
    let mut command = CASES.command(at);
    command.env("EDGECTL_KEY_PASSWORD", "wrong").args(["package", &program, "--profile", "pico", "--key", "a.key", "-o", "prod.edgepkg"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("wrong password for the secret key, or a damaged file"), "{text}");
    assert_eq!((fs::read(at.join("prod.edgepkg")).unwrap(), names()), (before, count));
}

#[cfg(unix)]
#[test]
fn a_secret_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = prepared();
    let key = folder.path().join("a.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(folder.path().join("content"), "x").unwrap();
    let (status, text) = run(folder.path(), &["keys", "sign", "content", "--key", "a.key"]);
    assert_eq!(status, 2);
    assert!(text.contains("a.key can be read by others: its mode is 644, expected 600"), "{text}");
    assert!(!folder.path().join("content.minisig").exists());
}

#[test]
fn a_key_comes_from_the_environment_in_a_pipeline() {
    let folder = prepared();
    let at = folder.path();
    fs::write(at.join("content"), "x").unwrap();
    let secret = fs::read_to_string(at.join("a.key")).unwrap();
    // As one line, too, which is all that some settings keep.
    for secret in [secret.as_str(), secret.lines().nth(1).unwrap()] {
        let sign = ["keys", "sign", "content", "--key", "env:RELEASE_KEY"];
        let output = with_password(at).env("RELEASE_KEY", secret).args(sign).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        edgectl(at, &["keys", "verify", "content", "--key", "a.pub"]);
    }
    fs::write(at.join("content"), "y").unwrap();
    let (status, text) = run(at, &["keys", "verify", "content", "--key", "a.pub"]);
    assert_eq!(status, 1);
    assert!(text.contains("refused: the signature of key"), "{text}");
}
