//! What happens when the world does not play along: streams that close, disks that are full, interrupts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use edgectl_testkit::npy;

use crate::support::{CASES, fixture};

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A shell that runs `script` with the binary as `$0` and these arguments as `$@`.
#[cfg(unix)]
fn shell(folder: &Path, script: &str, arguments: &[&str]) -> Output {
    Command::new("sh").current_dir(folder).arg("-c").arg(script).arg(CASES.binary).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

#[test]
fn a_quantized_model_is_not_quantized_again() {
    let [onnx, calibration] = ["digits_mlp/model.onnx", "digits_mlp/calib_x.npy"].map(fixture);
    let folder = tempfile::tempdir().unwrap();
    let quantize = |model: &str, outputs: &[&str]| {
        CASES.edgectl(folder.path(), [&["quantize", model, "--calibration", &calibration, "--scale", "1/16"], outputs].concat()).unwrap()
    };
    assert_eq!(quantize(&onnx, &["-o", "m.edgm", "-o", "m.onnx"]).status, 0);
    let ran = quantize("m.edgm", &["-o", "again.edgm"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("m.edgm is an int8 program already; expected a model with a graph"), "{}", ran.stderr);
    assert!(ran.files.is_empty());
    let ran = quantize("m.onnx", &["-o", "again.edgm"]);
    let expected = "warning: m.onnx is quantized already and keeps its scales: --calibration is not read\n";
    assert_eq!((ran.status, ran.stderr.as_str()), (0, expected));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = shell(folder.path(), "exec \"$0\" \"$@\" > /dev/full", &["inspect", &fixture("digits_mlp/model.onnx")]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: cannot write the result to stdout\n  caused by No space left on device (os error 28)\n\
                    hint: free some space, or write elsewhere\n";
    assert_eq!(stderr(&output), expected);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let script = "{ \"$0\" \"$@\"; echo $? > status; } | true";
    for arguments in [&["inspect", &fixture("fmnist_student/model.onnx"), "--dump"][..], &["completions", "zsh"], &["--help"]] {
        let output = shell(folder.path(), script, arguments);
        assert_eq!(stderr(&output), "", "{arguments:?}");
        assert_eq!(fs::read_to_string(folder.path().join("status")).unwrap(), "0\n", "{arguments:?}");
    }
}

/// The limit on the size of a file stands in for a disk that fills up: it needs no privilege.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_no_output() {
    let [onnx, calibration] = ["digits_mlp/model.onnx", "digits_mlp/calib_x.npy"].map(fixture);
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let arguments = ["quantize", &onnx, "--calibration", &calibration, "--scale", "1/16", "-o", "m.edgm", "-o", "m.onnx"];
    let output = shell(folder.path(), script, &arguments);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let expected = "error: cannot write m.edgm\n  caused by File too large (os error 27)\nhint: free some space, or write elsewhere\n";
    assert_eq!(stderr(&output), expected);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_is_refused_early() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("m.edgm");
    fs::write(&target, "precious").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o444)).unwrap();
    if fs::File::options().append(true).open(&target).is_ok() {
        eprintln!("skipped: permissions do not bind this user");
        return;
    }
    let [onnx, calibration] = ["digits_mlp/model.onnx", "digits_mlp/calib_x.npy"].map(fixture);
    let arguments = ["quantize", &onnx, "--calibration", &calibration, "--scale", "1/16", "-o", "m.edgm"];
    let ran = CASES.edgectl(folder.path(), arguments).unwrap();
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.starts_with("error: cannot write m.edgm\n  caused by Permission denied"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

#[cfg(unix)]
#[test]
fn outputs_get_the_permissions_that_the_user_set() {
    use std::os::unix::fs::PermissionsExt;

    let [onnx, calibration] = ["digits_mlp/model.onnx", "digits_mlp/calib_x.npy"].map(fixture);
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.edgm");
    fs::write(&old, "old").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o600)).unwrap();
    let arguments = ["quantize", &onnx, "--calibration", &calibration, "--scale", "1/16", "-o", "new.edgm", "-o", "old.edgm"];
    let output = shell(folder.path(), "umask 027; exec \"$0\" \"$@\"", &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("new.edgm"), mode("old.edgm")), (0o640, 0o600));
    assert_eq!(fs::read(&old).unwrap(), fs::read(folder.path().join("new.edgm")).unwrap());
}

/// Interrupted while it works, with its temporary files open.
#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_nothing() {
    use std::os::unix::process::ExitStatusExt;

    const SIGINT: i32 = 2;
    const SAMPLES: usize = 1_000_000;
    let data = tempfile::tempdir().unwrap();
    let many = data.path().join("many.npy");
    fs::write(&many, npy("|u1", &[SAMPLES, 64], &vec![3; SAMPLES * 64])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = CASES.command(folder.path());
    command.args(["run", &fixture("digits_mlp/model.onnx"), "--input"]).arg(&many).args(["--scale", "1/16", "--output", "out.npz"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while names(folder.path()).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no temporary file appeared");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill").arg(format!("-{SIGINT}")).arg(child.id().to_string()).status().unwrap();
    assert!(kill.success());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(SIGINT), "{status}");
    assert_eq!(names(folder.path()), [""; 0]);
}
