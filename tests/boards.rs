//! From a model to a board: packed, signed, deployed to an emulated Raspberry Pi Pico over its UART and through its boot loader, proven there.
//! Where the emulator is not installed, the tests say so.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use edgectl_bench::emulator::{self, Emulator, EmulatorError};
use edgectl_bundle::{Bundle, Digest, File, SecretKey, Trust};
use edgectl_firmware::{ALL, Firmware};
use serde_json::Value;

use crate::support::{CASES, fixture};

const PASSWORD: &str = "correct horse";
/// An emulated board takes most of a processor.
static ONE: Mutex<()> = Mutex::new(());

fn emulator(firmware: &Firmware) -> Option<Emulator> {
    match Emulator::start(&emulator::default_folder(), firmware, &[], false) {
        Ok(emulator) => Some(emulator),
        Err(error @ (EmulatorError::NotInstalled { .. } | EmulatorError::Start { .. })) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = CASES.command(folder).env("EDGECTL_KEY_PASSWORD", PASSWORD).args(arguments).args(["--format", "json"]).output().unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(String::from_utf8_lossy(&output.stderr).into_owned()));
    (output.status.code().unwrap(), value)
}

/// A folder with a key and `first.edgepkg`, `second.edgepkg` for a Pico.
fn packed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert_eq!(run(at, &["keys", "generate", "-o", "a.key"]).0, 0);
    let (program, data) = (fixture("digits_mlp/int8.tflite"), fixture("digits_mlp/eval_x.npy"));
    for (version, name) in [("1.0.0", "first.edgepkg"), ("2.0.0", "second.edgepkg")] {
        let golden = if version == "1.0.0" { vec!["--seed", "1"] } else { vec!["--golden", data.as_str()] };
        let package = ["package", program.as_str(), "--profile", "pico", "--name", "digits", "--key", "a.key", "--version", version];
        let (status, report) = run(at, &[&package[..], &golden, &["-o", name]].concat());
        assert_eq!(status, 0, "{report}");
    }
    folder
}

/// The same bundle with one byte of an output in its golden vectors wrong, signed like it.
fn with_a_wrong_vector(folder: &Path, from: &str, to: &str) {
    let key = fs::read_to_string(folder.join("a.key")).unwrap();
    let key = SecretKey::open(&key, Some(PASSWORD)).unwrap();
    let public = fs::read_to_string(folder.join("a.pub")).unwrap().parse().unwrap();
    let source = fs::File::open(folder.join(from)).unwrap();
    let mut bundle = Bundle::read(source).unwrap().verify(&Trust::only(public), &edgectl_bundle::Policy::NONE, &mut |_| ()).unwrap();
    let mut manifest = bundle.manifest().clone();
    let mut golden = bundle.content("golden.edgv").unwrap();
    *golden.last_mut().unwrap() ^= 1;
    let file = manifest.files.iter_mut().find(|file| file.path == "golden.edgv").unwrap();
    file.digest = Digest::of(&golden);
    let mut content = |file: &File| {
        let content = if file.path == "golden.edgv" { golden.clone() } else { bundle.content(&file.path).unwrap() };
        Ok(Cursor::new(content))
    };
    let mut out = vec![];
    edgectl_bundle::write(&manifest, &[edgectl_bundle::sign(&manifest, &key).unwrap()], &mut content, &mut out).unwrap();
    fs::write(folder.join(to), out).unwrap();
}

#[test]
fn a_board_proves_what_it_got_or_goes_back() {
    let _one = ONE.lock();
    let Some(board) = emulator(&ALL[0]) else { return };
    let folder = packed();
    let at = folder.path();
    let port = format!("serial:tcp:127.0.0.1:{}", board.uart_port());
    let deploy = |bundle: &str| run(at, &["deploy", bundle, "--key", "a.pub", "--to", &port, "--timeout", "60"]);

    let (status, first) = deploy("first.edgepkg");
    assert_eq!(status, 0, "{first}");
    let text = first.to_string();
    assert!(text.contains("committed") && text.contains("8 of 8 golden vectors"), "{text}");
    let (status, again) = deploy("first.edgepkg");
    assert_eq!(status, 0, "{again}");
    assert!(again.to_string().contains("unchanged"), "{again}");

    let (status, second) = deploy("second.edgepkg");
    assert_eq!(status, 0, "{second}");
    // What lies in the second slot is the image that the program and its vectors make.
    let slot = ALL[0].map.layout.slots[1];
    let program = fs::read(at.join("second.edgepkg")).unwrap();
    let start = program.windows(8).position(|window| window == b"\x89EDGM\r\n\x1a").unwrap();
    let head = board.read_flash(slot.offset + 128, 64).unwrap();
    assert_eq!(head, program[start..start + 64]);

    with_a_wrong_vector(at, "first.edgepkg", "wrong.edgepkg");
    let (status, wrong) = deploy("wrong.edgepkg");
    let text = wrong.to_string();
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("reverted") && text.contains("golden vector 7, output byte 9"), "{text}");
    let (status, back) = deploy("second.edgepkg");
    assert_eq!(status, 0, "{back}");
    assert!(back.to_string().contains("unchanged"), "the release before runs again: {back}");
}

#[test]
fn a_board_is_lent_programs_and_runs_its_own_again() {
    let _one = ONE.lock();
    let Some(board) = emulator(&ALL[0]) else { return };
    let folder = packed();
    let at = folder.path();
    let port = format!("serial:tcp:127.0.0.1:{}", board.uart_port());
    let bench = |profile: &str, save: &str| {
        let model = fixture("digits_mlp/float.tflite");
        let data = fixture("digits_mlp/calib_x.npy");
        assert_eq!(run(at, &["quantize", &model, "--scale", "1/16", "--calibration", &data, "-o", "own.edgm"]).0, 0);
        let program = fixture("digits_mlp/int8.tflite");
        run(at, &["bench", "own.edgm", &program, "--profile", profile, "--to", &port, "--timeout", "60", "--save", save])
    };
    let (status, first) = run(at, &["deploy", "first.edgepkg", "--key", "a.pub", "--to", &port, "--timeout", "60"]);
    assert_eq!(status, 0, "{first}");

    let (status, found) = bench("pico", "measured.json");
    assert_eq!(status, 0, "{found}");
    let cycles = |index: usize| found["findings"][index]["latency"]["value_us"].as_f64().unwrap() * 125.0;
    // What rp2040js counts; a dense layer of 2,560 weights and one of 160.
    assert!((50_000.0..100_000.0).contains(&cycles(0)) && (50_000.0..100_000.0).contains(&cycles(1)), "{found}");
    let ops = found["findings"][1]["ops"].as_array().unwrap();
    assert!(ops.len() >= 3 && ops.iter().all(|op| op["latency_us"].as_f64().unwrap() > 0.0), "{ops:?}");
    let text = found.to_string();
    assert!(text.contains("measured on the board") && text.contains("outputs equal the host's"), "{text}");

    let (status, again) = run(at, &["deploy", "first.edgepkg", "--key", "a.pub", "--to", &port, "--timeout", "60"]);
    assert_eq!(status, 0, "{again}");
    assert!(again.to_string().contains("unchanged"), "its own image runs again: {again}");

    let (status, calibrated) = run(at, &["profiles", "calibrate", "pico", "--measurements", "measured.json", "-o", "mine.yaml"]);
    assert_eq!(status, 0, "{calibrated}");
    let (status, error) = bench("pico2", "not.json");
    assert_eq!(status, 2, "{error}");
    assert!(error.to_string().contains("the board has a rp2040: expected RP2350"), "{error}");
    assert!(!at.join("not.json").exists());
}

/// A boot loader's volume: takes the file, puts it into the emulated board's flash, and goes away.
fn boot_loader(volume: &Path, board: &Emulator) {
    let info = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n";
    fs::write(volume.join("INFO_UF2.TXT"), info).unwrap();
    let chip = edgectl_deploy::uf2::chip(edgectl_deploy::uf2::Family::Rp2040).0;
    loop {
        thread::sleep(Duration::from_millis(20));
        let Ok(bytes) = fs::read(volume.join("edgectl.uf2")) else { continue };
        let count = bytes.get(24..28).map_or(u32::MAX, |count| u32::from_le_bytes(count.try_into().unwrap()));
        if bytes.len() as u64 != u64::from(count) * 512 {
            continue;
        }
        for (offset, bytes) in edgectl_deploy::uf2::parse(&bytes, &chip).unwrap() {
            for (piece, bytes) in (0..).step_by(4096).zip(bytes.chunks(4096)) {
                board.write_flash(offset + piece, bytes).unwrap();
            }
        }
        board.control("reset").unwrap();
        fs::remove_file(volume.join("INFO_UF2.TXT")).unwrap();
        return;
    }
}

#[test]
fn a_board_that_waits_for_a_file_proves_what_it_got() {
    let _one = ONE.lock();
    // Another firmware than the one that the file brings.
    let Some(board) = emulator(&ALL[1]) else { return };
    let (folder, volume) = (packed(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let path = volume.path().to_str().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| boot_loader(volume.path(), &board));
        while !volume.path().join("INFO_UF2.TXT").exists() {
            thread::sleep(Duration::from_millis(5));
        }
        let to = format!("uf2:{path}+serial:tcp:127.0.0.1:{}", board.uart_port());
        let (status, found) = run(at, &["deploy", "first.edgepkg", "--key", "a.pub", "--to", &to, "--timeout", "60"]);
        assert_eq!(status, 0, "{found}");
        assert!(found.to_string().contains("8 of 8 golden vectors"), "{found}");
    });
    let firmware = ALL[0].image;
    assert_eq!(board.read_flash(0, 4096).unwrap(), firmware[..4096]);
}

#[test]
fn what_a_volume_took_and_no_board_has_proven_is_not_done() {
    let (folder, volume) = (packed(), tempfile::tempdir().unwrap());
    let (at, path) = (folder.path(), volume.path());
    let deploy = |to: &str| run(at, &["deploy", "first.edgepkg", "--key", "a.pub", "--to", to]);
    let to = format!("uf2:{}", path.display());

    // No volume of a boot loader: nothing is written.
    let (status, found) = deploy(&to);
    assert_eq!(status, 2, "{found}");
    assert!(found.to_string().contains("has no readable INFO_UF2.TXT"), "{found}");
    fs::write(path.join("INFO_UF2.TXT"), "UF2 Bootloader v1.0\nModel: Feather M4\nBoard-ID: SAMD51\n").unwrap();
    let (status, found) = deploy(&to);
    assert_eq!(status, 2, "{found}");
    assert!(found.to_string().contains("expected RPI-RP2 or RP2350"), "{found}");
    fs::write(path.join("INFO_UF2.TXT"), "UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n").unwrap();
    let (status, found) = deploy(&to);
    assert_eq!(status, 2, "{found}");
    assert!(found.to_string().contains("the board has a rp2350: expected pico (RP2040)"), "{found}");
    assert_eq!(fs::read_dir(path).unwrap().count(), 1);

    // It takes the file and goes away, and nobody is there afterwards.
    fs::write(path.join("INFO_UF2.TXT"), "Board-ID: RPI-RP2\n").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !path.join("edgectl.uf2").exists() {
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(500));
            fs::remove_file(path.join("INFO_UF2.TXT")).unwrap();
        });
        let (status, found) = deploy(&format!("{to}+serial:tcp:127.0.0.1:1"));
        assert_eq!(status, 1, "{found}");
        let text = found.to_string();
        assert!(text.contains("not_verified") && text.contains("\"code\":19"), "{text}");
    });
}

#[test]
fn a_board_that_is_not_there_is_named() {
    let folder = packed();
    let deploy = |to: &str| run(folder.path(), &["deploy", "first.edgepkg", "--key", "a.pub", "--to", to, "--timeout", "1"]);
    for (to, expected) in [
        ("serial:/dev/there-is-no-such-port", "cannot open /dev/there-is-no-such-port"),
        ("serial:board:e660583883724a32", "no board e660583883724a32"),
        ("uf2:/there/is/no/such/volume", "is not the volume of a board"),
    ] {
        let (status, found) = deploy(to);
        assert_eq!(status, 2, "{found}");
        assert!(found.to_string().contains(expected), "{to}: {found}");
    }
}
