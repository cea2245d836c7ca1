//! ESP32 boards from the command line: packed, signed, flashed through the loader, proven by the firmware, watched. The board is a stand-in
//! that esptool takes for a chip.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use edge_device::memory_map::ESP32;
use edgectl_esp_standin::elf::firmware;
use edgectl_esp_standin::fault::Always;
use edgectl_esp_standin::{Setup, StandIn};
use serde_json::Value;

use crate::support::{CASES, fixture};

const PASSWORD: &str = "correct horse";

fn board(chip: &str) -> StandIn {
    StandIn::start(Setup { slots: Some(ESP32.layout), ..Setup::new(chip) }).unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = CASES.command(folder).env("EDGECTL_KEY_PASSWORD", PASSWORD).args(arguments).args(["--format", "json"]).output().unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(String::from_utf8_lossy(&output.stderr).into_owned()));
    (output.status.code().unwrap(), value)
}

/// A folder with a key and a firmware for the chip.
fn folder(chip: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["keys", "generate", "-o", "a.key"]).0, 0);
    fs::write(folder.path().join("firmware.elf"), firmware(chip, "0.1.0")).unwrap();
    folder
}

fn package(folder: &Path, profile: &str, output: &str, more: &[&str]) -> (i32, Value) {
    let program = fixture("digits_mlp/int8.tflite");
    let base = ["package", program.as_str(), "--profile", profile, "--firmware", "firmware.elf", "--name", "digits", "-o", output];
    run(folder, &[&base[..], more].concat())
}

#[test]
fn a_board_is_flashed_and_proves_what_it_got() {
    let folder = folder("esp32c3");
    let at = folder.path();
    let (status, report) = package(at, "esp32-c3", "first.edgepkg", &["--key", "a.key"]);
    assert_eq!(status, 0, "{report}");
    let parts = &report["manifest"]["targets"][0]["flash"]["parts"];
    assert_eq!(parts.as_array().map(Vec::len), Some(3), "{report}");
    let board = board("esp32c3");
    let to = format!("serial:{}?mac=60:55:F9:01:02:03", board.port().display());
    let deploy = |to: &str| run(at, &["deploy", "first.edgepkg", "--key", "a.pub", "--to", to, "--timeout", "3"]);
    let (status, first) = deploy(&to);
    assert_eq!(status, 0, "{first}");
    assert!(first.to_string().contains("8 of 8 golden vectors"), "{first}");
    let (status, again) = deploy(&to);
    assert_eq!(status, 0, "{again}");
    assert!(again.to_string().contains("unchanged"), "{again}");
    board.reset_to_loader();
    let begin = Instant::now();
    let (status, again) = deploy(&to);
    assert_eq!(status, 0, "{again}");
    assert!(again.to_string().contains("unchanged"), "{again}");
    eprintln!("nothing to do, through the loader: {:.2} s", begin.elapsed().as_secs_f32());

    // Other boards are left alone, with words that say what is wrong.
    let (status, other) = deploy(&to.replace("60:55:F9:01:02:03", "60:55:F9:01:02:04"));
    assert_eq!(status, 2);
    assert!(other.to_string().contains("expected 60:55:f9:01:02:04"), "{other}");
    board.repair();
    board.fail_always(Always::Encryption);
    let (status, locked) = deploy(&to);
    assert_eq!(status, 2);
    assert!(locked.to_string().contains("the chip has flash encryption"), "{locked}");
    assert!(locked.to_string().contains(r#""status":"refused""#) && locked.to_string().contains(r#""error":"esp_locked""#), "{locked}");
}

#[test]
fn the_firmware_that_is_shipped_is_packed_for_each_chip() {
    let folder = folder("esp32c3");
    let (at, program) = (folder.path(), fixture("digits_mlp/int8.tflite"));
    for firmware in edgectl_firmware::ESP32 {
        let package = ["package", program.as_str(), "--profile", firmware.profile, "--name", "digits", "--key", "a.key", "-o"];
        let (status, report) = run(at, &[&package[..], &[&format!("{}.edgepkg", firmware.chip)]].concat());
        assert_eq!(status, 0, "{report}");
        let board = board(firmware.chip);
        let to = format!("serial:{}?via=loader", board.port().display());
        let deploy = ["deploy", &format!("{}.edgepkg", firmware.chip), "--key", "a.pub", "--to", &to, "--timeout", "3"];
        let (status, found) = run(at, &deploy);
        // That it starts and answers is the stand-in's own doing; that its boot loader would start it is not.
        assert_eq!(status, 0, "{}: {found}", firmware.chip);
        assert!(board.is_running());
    }
}

#[test]
fn all_that_lies_in_flash_is_one_file() {
    let folder = folder("esp32");
    let at = folder.path();
    let (status, report) = package(at, "esp32", "flash.bin", &[]);
    assert_eq!(status, 0, "{report}");
    assert_eq!(report["chip"], "esp32");
    let board = board("esp32");
    board.put(0, &fs::read(at.join("flash.bin")).unwrap());
    board.reset();
    assert!(board.is_running());
    // It is what a deployment leaves there, to the byte of its model.
    assert_eq!(package(at, "esp32", "first.edgepkg", &["--key", "a.key"]).0, 0);
    let to = format!("serial:{}", board.port().display());
    let (status, found) = run(at, &["deploy", "first.edgepkg", "--key", "a.pub", "--to", &to, "--timeout", "3"]);
    assert_eq!(status, 0, "{found}");
    assert!(found.to_string().contains("unchanged"), "{found}");
    let (status, model) = package(at, "esp32", "model.bin", &["--model-only"]);
    assert_eq!(status, 0, "{model}");
    let model = fs::read(at.join("model.bin")).unwrap();
    let slot = ESP32.layout.slots[0].offset as usize;
    assert_eq!(board.flash()[slot..slot + model.len()], model);
}

#[test]
fn a_users_own_table_has_the_program_in_its_place() {
    let folder = folder("esp32s3");
    let at = folder.path();
    fs::write(at.join("table.csv"), "nvs, data, nvs, 0x9000, 0x6000\nfactory, app, factory, 0x10000, 1M\nmodel, 0x40, 0x00, , 1M").unwrap();
    let (status, report) = package(at, "esp32-s3", "own.edgepkg", &["--partition-table", "table.csv", "--key", "a.key"]);
    assert_eq!(status, 0, "{report}");
    // Its firmware does not talk to us, so nothing is proven but that all is there.
    let board = StandIn::start(Setup::new("esp32s3")).unwrap();
    let to = format!("serial:{}", board.port().display());
    let (status, found) = run(at, &["deploy", "own.edgepkg", "--key", "a.pub", "--to", &to, "--timeout", "1", "--deadline", "1"]);
    assert_eq!(status, 1, "{found}");
    assert!(found.to_string().contains("no firmware answers that could prove the model"), "{found}");
    assert_eq!(board.flash()[0x11_0000..0x11_0004], *b"\x89EDG");

    for (table, says) in [
        ("factory, app, factory, 0x10000, 1M", "it has no partition `model`"),
        ("factory, app, factory, 0x10000, 1M\nmodel, data, 0x40, , 4K", "`model` has 4096 bytes, the program"),
        ("factory, app, factory, 0x10100, 1M", "expected a multiple of 0x10000"),
        ("factory, app, factory, 0x10000, 1M\nmodel, data, 0x40, , 1024M", "the flash has"),
    ] {
        fs::write(at.join("table.csv"), table).unwrap();
        let (status, refused) = package(at, "esp32-s3", "refused.edgepkg", &["--partition-table", "table.csv"]);
        assert_eq!(status, 2, "{refused}");
        assert!(refused.to_string().contains(says), "{refused}");
        assert!(!at.join("refused.edgepkg").exists());
    }
    let (status, refused) = package(at, "esp32-c3", "refused.edgepkg", &[]);
    assert_eq!(status, 2);
    assert!(refused.to_string().contains("the ELF file is for an Xtensa chip: expected esp32c3"), "{refused}");
    let (status, refused) = package(at, "pico", "refused.edgepkg", &[]);
    assert_eq!(status, 2);
    assert!(refused.to_string().contains("--firmware is for ESP32 chips: found pico"), "{refused}");
}

#[test]
fn what_a_board_says_is_shown_until_its_time_is_over() {
    let folder = folder("esp32c6");
    let at = folder.path();
    assert_eq!(package(at, "esp32-c6", "flash.bin", &[]).0, 0);
    let board = board("esp32c6");
    board.put(0, &fs::read(at.join("flash.bin")).unwrap());
    let port = board.port().display().to_string();
    let mut child =
        CASES.command(at).args(["monitor", "--port", &port, "--for", "60"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Until it listens, what is said is lost.
    let begin = Instant::now();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.by_ref().map_while(Result::ok).for_each(|line| drop(send.send(line))));
    let mut said = vec![];
    while !said.iter().any(|line: &String| line.contains("self-test=pass 8/8")) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{said:?}");
        board.reset();
        while let Ok(line) = receive.recv_timeout(Duration::from_secs(1)) {
            said.push(line);
        }
    }
    assert!(said.iter().any(|line| line.contains("boot: Loaded app")), "{said:?}");
    child.kill().unwrap();
    child.wait().unwrap();

    let (status, missing) = run(at, &["monitor", "--port", "/dev/there-is-no-such-port"]);
    assert_eq!(status, 2);
    assert!(missing.to_string().contains("cannot open /dev/there-is-no-such-port"), "{missing}");
    assert_eq!(run(at, &["monitor", "--port", &port, "--for", "0.2"]).0, 0);
}
