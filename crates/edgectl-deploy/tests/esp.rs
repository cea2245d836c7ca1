//! Releases on ESP32 boards: through the chip's loader where our firmware is not there, through the firmware where it is. The board is a
//! stand-in, which esptool takes for a chip; what runs on it is `edge-device`'s server.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod program;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use edge_device::memory_map::ESP32;
use edgectl_deploy::*;
use edgectl_esp::{Chip, PartitionTable, image};
use edgectl_esp_standin::elf::firmware;
use edgectl_esp_standin::fault::{Always, At};
use edgectl_esp_standin::{Setup, StandIn};
use program::{BAD, GOOD, program};

fn board(chip: &str) -> StandIn {
    StandIn::start(Setup { slots: Some(ESP32.layout), ..Setup::new(chip) }).unwrap()
}

fn release(version: &str, chip: &str, security_version: u32, golden: &[(&[u8], &[u8])]) -> Release {
    release_with(version, chip, security_version, golden, "1.0.0")
}

fn release_with(version: &str, chip: &str, security_version: u32, golden: &[(&[u8], &[u8])], firmware_version: &str) -> Release {
    let mut files = vec![
        ReleaseFile::in_memory("program.edgm", "program", program(version)),
        ReleaseFile::in_memory("golden.edgv", "golden", edge_format::write_golden(golden).unwrap()),
    ];
    let table = PartitionTable::from_csv(edgectl_firmware::ESP32_PARTITIONS).unwrap();
    let kind = Chip::from_name(chip).unwrap();
    let found = image::parts(kind, &firmware(chip, firmware_version), &table, ESP32.flash_bytes).unwrap();
    let mut parts = vec![];
    for part in found {
        parts.push((files.len(), u64::from(part.offset)));
        files.push(ReleaseFile::in_memory(&format!("firmware/{}", part.name), "firmware", part.bytes));
    }
    let target = ReleaseTarget {
        profile: "board".into(),
        arch: "any".into(),
        soc: chip.to_uppercase().replace("ESP32", "ESP32-").trim_end_matches('-').into(),
        files: (0..files.len()).collect(),
        flash_bytes: ESP32.flash_bytes.into(),
        parts,
        ..ReleaseTarget::default()
    };
    Release {
        name: "negation".into(),
        version: version.into(),
        digest: format!("{security_version:0>64}"),
        security_version,
        targets: vec![target],
        files,
    }
}

fn options() -> Options {
    Options { timeout: Duration::from_secs(2), deadline: Duration::from_secs(5), ..Options::default() }
}

fn deploy_with(board: &StandIn, query: &str, release: &Release, options: &Options) -> Result<Receipt, DeployError> {
    let target: Target = format!("serial:{}{query}", board.port().display()).parse().unwrap();
    serial::open(&target).unwrap().deploy(release, options, &mut |_| ())
}

fn deploy(board: &StandIn, release: &Release) -> Result<Receipt, DeployError> {
    deploy_with(board, "", release, &options())
}

#[test]
fn a_new_board_gets_everything_and_proves_it() {
    for chip in ["esp32", "esp32s3", "esp32c3", "esp32c6"] {
        let board = board(chip);
        let first = deploy(&board, &release("1.0.0", chip, 1, GOOD)).unwrap();
        let Outcome::Committed { proof } = first.outcome() else { panic!("{chip}: {first:?}") };
        assert!(proof.contains("board 6055f9010203") && proof.contains("2 of 2 golden vectors"), "{proof}");
        assert!(board.is_running());

        // From now on the firmware takes what comes; the loader is not asked for anything.
        let before = board.commands().values().sum::<u32>();
        let second = deploy(&board, &release("2.0.0", chip, 1, GOOD)).unwrap();
        assert!(matches!(second.outcome(), Outcome::Committed { .. }), "{second:?}");
        assert!(second.previous().is_some());
        let again = deploy(&board, &release("2.0.0", chip, 1, GOOD)).unwrap();
        assert!(matches!(again.outcome(), Outcome::Unchanged { .. }), "{again:?}");
        assert_eq!(board.commands().values().sum::<u32>(), before);

        // What computes something else is taken back.
        let wrong = deploy(&board, &release("3.0.0", chip, 1, BAD)).unwrap();
        assert!(matches!(wrong.outcome(), Outcome::Reverted { .. }), "{wrong:?}");
        let back = deploy(&board, &release("2.0.0", chip, 1, GOOD)).unwrap();
        assert!(matches!(back.outcome(), Outcome::Unchanged { .. }), "{back:?}");
    }
}

#[test]
fn through_the_loader_the_image_that_runs_is_kept() {
    let board = board("esp32c3");
    deploy(&board, &release("1.0.0", "esp32c3", 1, GOOD)).unwrap();
    let slot = |number: usize| {
        let region = ESP32.layout.slots[number];
        board.flash()[region.offset as usize..(region.offset + region.bytes) as usize].to_vec()
    };
    let first = slot(0);
    board.reset_to_loader();
    let begin = Instant::now();
    let same = deploy(&board, &release("1.0.0", "esp32c3", 1, GOOD)).unwrap();
    assert!(matches!(same.outcome(), Outcome::Unchanged { .. }), "{same:?}");
    assert_eq!(same.bytes_sent(), 0);
    println!("nothing to do: {:.2} s", begin.elapsed().as_secs_f32());

    board.reset_to_loader();
    let second = deploy(&board, &release("2.0.0", "esp32c3", 2, GOOD)).unwrap();
    assert!(matches!(second.outcome(), Outcome::Committed { .. }), "{second:?}");
    assert_eq!(slot(0), first);
    assert!(second.bytes_sent() < 64 << 10, "the model alone: {}", second.bytes_sent());

    // A model that computes something else is not confirmed, and the one before runs.
    board.reset_to_loader();
    let wrong = deploy(&board, &release("3.0.0", "esp32c3", 2, BAD)).unwrap();
    assert!(matches!(wrong.outcome(), Outcome::Reverted { .. }), "{wrong:?}");
    board.reset_to_loader();
    let floor = deploy(&board, &release("0.1.0", "esp32c3", 1, GOOD)).unwrap_err();
    assert!(floor.to_string().contains("rollback: security version 1 is lower than 2"), "{floor}");
}

#[test]
fn another_firmware_goes_where_none_runs_and_is_chosen_last() {
    let board = board("esp32s3");
    deploy(&board, &release("1.0.0", "esp32s3", 1, GOOD)).unwrap();
    let places = |flash: &[u8]| [0x1_0000, 0x5_0000].map(|at: usize| flash[at..at + 0x4_0000].to_vec());
    let before = places(&board.flash());
    board.reset_to_loader();
    // Cut in the middle of the new firmware: the old one starts, and its model runs.
    let next = release_with("1.0.0", "esp32s3", 1, GOOD, "2.0.0");
    board.fail_at(1, At::RefusedAlways(6));
    let error = deploy(&board, &next).unwrap_err();
    assert!(error.to_string().contains("the board starts as before"), "{error}");
    assert_eq!(error.code(), Code::Failed);
    board.repair();
    board.reset();
    assert!(board.is_running());
    let runs = deploy(&board, &release("1.0.0", "esp32s3", 1, GOOD)).unwrap();
    assert!(matches!(runs.outcome(), Outcome::Unchanged { .. }), "{runs:?}");

    board.reset_to_loader();
    let receipt = deploy(&board, &next).unwrap();
    assert!(matches!(receipt.outcome(), Outcome::Committed { .. }), "{receipt:?}");
    let after = places(&board.flash());
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
    // And back into the first place.
    board.reset_to_loader();
    deploy(&board, &release_with("1.0.0", "esp32s3", 1, GOOD, "3.0.0")).unwrap();
    assert_eq!(places(&board.flash())[1], after[1]);
    assert!(board.is_running());
}

#[test]
fn the_wrong_chip_is_refused_and_untouched() {
    let board = board("esp32c6");
    let error = deploy(&board, &release("1.0.0", "esp32c3", 1, GOOD)).unwrap_err();
    assert_eq!(error.to_string(), "the board has a chip esp32c6: expected esp32c3");
    assert_eq!(error.code(), Code::Refused);
    // A release for both kinds finds out which it is.
    let mut both = release("1.0.0", "esp32c3", 1, GOOD);
    let mut other = release("1.0.0", "esp32c6", 1, GOOD);
    let first = both.files.len();
    both.files.extend(other.files.clone());
    let mut target = other.targets.remove(0);
    target.files.iter_mut().for_each(|index| *index += first);
    target.parts.iter_mut().for_each(|(index, _)| *index += first);
    both.targets.push(target);
    board.reset_to_loader();
    let receipt = deploy(&board, &both).unwrap();
    assert!(matches!(receipt.outcome(), Outcome::Committed { .. }), "{receipt:?}");
}

#[test]
fn the_address_is_checked_before_anything_is_written() {
    let board = board("esp32");
    let release = release("1.0.0", "esp32", 1, GOOD);
    let error = deploy_with(&board, "?mac=60:55:F9:01:02:04", &release, &options()).unwrap_err();
    assert!(error.to_string().contains("address is 60:55:f9:01:02:03: expected 60:55:f9:01:02:04"), "{error}");
    assert!(board.flash().iter().all(|&byte| byte == 0xFF));
    board.reset_to_loader();
    deploy_with(&board, "?mac=60:55:F9:01:02:03&baud=921600", &release, &options()).unwrap();
    // The firmware is asked, too.
    let error = deploy_with(&board, "?mac=60:55:F9:01:02:04", &release, &options()).unwrap_err();
    assert!(error.to_string().contains("expected 60:55:f9:01:02:04"), "{error}");
    deploy_with(&board, "?mac=6055f9010203", &release, &options()).unwrap();
}

#[test]
fn a_board_is_lent_by_its_address_and_at_the_speed_of_its_firmware() {
    let board = board("esp32");
    deploy(&board, &release("1.0.0", "esp32", 1, GOOD)).unwrap();
    let lent = |query: &str| {
        let port = format!("{}{query}", board.port().display());
        lend(&port, "ESP32", &program("2.0.0"), &options(), &mut |_, _| (), |client, _| client.model().map(|model| model.digest))
    };
    let error = lent("?mac=60:55:F9:01:02:04").unwrap_err();
    assert!(error.to_string().contains("address is 60:55:f9:01:02:03: expected 60:55:f9:01:02:04"), "{error}");
    // A speed is the loader's.
    let digest = lent("?mac=60:55:F9:01:02:03&baud=921600").unwrap().unwrap();
    assert_eq!(digest, edge_device::image::sha256(&program("2.0.0")));
    let back = deploy(&board, &release("1.0.0", "esp32", 1, GOOD)).unwrap();
    assert!(matches!(back.outcome(), Outcome::Unchanged { .. }), "{back:?}");
}

#[test]
fn a_chip_that_cannot_be_read_back_needs_leave() {
    let board = board("esp32c3");
    board.fail_always(Always::SecureDownload);
    let release = release("1.0.0", "esp32c3", 1, GOOD);
    let error = deploy(&board, &release).unwrap_err();
    assert_eq!(error.code(), Code::Refused, "{error}");
    assert!(board.flash().iter().all(|&byte| byte == 0xFF));
    board.reset_to_loader();
    // Its firmware proves then what its loader cannot.
    let receipt = deploy_with(&board, "", &release, &Options { allow_unverified: true, ..options() }).unwrap();
    assert!(matches!(receipt.outcome(), Outcome::Committed { .. }), "{receipt:?}");
}

#[test]
fn a_firmware_that_does_not_answer_proves_nothing() {
    let mute = StandIn::start(Setup::new("esp32c3")).unwrap();
    let receipt = deploy(&mute, &release("1.0.0", "esp32c3", 1, GOOD)).unwrap();
    let Outcome::NotVerified { reason } = receipt.outcome() else { panic!("{receipt:?}") };
    assert!(reason.contains("all is in flash"), "{reason}");
    assert_eq!(receipt.outcome().code().exit_status(), 1);
}

#[test]
fn nobody_at_the_line_is_said() {
    let dead = StandIn::start(Setup::new("esp32c3")).unwrap();
    dead.fail_always(Always::Dead);
    let error = deploy(&dead, &release("1.0.0", "esp32c3", 1, GOOD)).unwrap_err();
    assert_eq!(error.code(), Code::Unreachable);
    assert!(error.to_string().contains("no chip answers as its loader does"), "{error}");
}

#[test]
fn an_interruption_ends_it_at_the_next_block() {
    let board = board("esp32c3");
    let options = Options { stop: Arc::new(AtomicBool::new(false)), ..options() };
    let target: Target = format!("serial:{}", board.port().display()).parse().unwrap();
    let release = release("1.0.0", "esp32c3", 1, GOOD);
    let result = serial::open(&target).unwrap().deploy(&release, &options, &mut |event| {
        if matches!(event, Event::Advanced { step: Step::Stage, done, .. } if done > 0) {
            options.stop.store(true, Ordering::SeqCst);
        }
    });
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::Incomplete, "{error}");
    assert!(error.to_string().contains("interrupted") && error.to_string().contains("flashed again"), "{error}");
    board.repair();
    deploy(&board, &release).unwrap();
}
