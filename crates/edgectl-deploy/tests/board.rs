//! An emulated Raspberry Pi Pico gets releases over its UART, proves them or goes back. Where the emulator is not installed, this says so.
#![allow(clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod program;

use edge_format::write_golden;
use edgectl_bench::emulator::{self, Emulator, EmulatorError};
use edgectl_deploy::*;
use edgectl_firmware::ALL;
use program::{BAD, GOOD, program};

fn release(version: &str, soc: &str, security_version: u32, golden: &[(&[u8], &[u8])]) -> Release {
    let files = vec![
        ReleaseFile::in_memory("program.edgm", "program", program(version)),
        ReleaseFile::in_memory("golden.edgv", "golden", write_golden(golden).unwrap()),
    ];
    let target = ReleaseTarget {
        profile: "pico".into(),
        arch: "armv6-m".into(),
        soc: soc.into(),
        linux: false,
        files: vec![0, 1],
        ..ReleaseTarget::default()
    };
    Release {
        name: "negation".into(),
        version: version.into(),
        digest: format!("{:0>64}", security_version),
        security_version,
        targets: vec![target],
        files,
    }
}

#[test]
fn an_emulated_board_proves_what_it_got_or_goes_back() {
    let board = match Emulator::start(&emulator::default_folder(), &ALL[0], &[], false) {
        Ok(board) => board,
        Err(error @ (EmulatorError::NotInstalled { .. } | EmulatorError::Start { .. })) => {
            eprintln!("SKIPPED: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let target: Target = format!("serial:tcp:127.0.0.1:{}", board.uart_port()).parse().unwrap();
    let options = Options { timeout: std::time::Duration::from_secs(60), ..Options::default() };
    let deploy = |release: &Release| {
        let mut transport = serial::open(&target).unwrap();
        transport.deploy(release, &options, &mut |event| eprintln!("  {event:?}"))
    };
    let first = deploy(&release("1.0.0", "RP2040", 1, GOOD)).unwrap();
    let Outcome::Committed { proof } = first.outcome() else { panic!("{first:?}") };
    assert!(proof.contains("2 of 2 golden vectors"), "{proof}");
    assert!(first.bytes_sent() > 0 && first.previous().is_none());
    let again = deploy(&release("1.0.0", "RP2040", 1, GOOD)).unwrap();
    assert!(matches!(again.outcome(), Outcome::Unchanged { .. }), "{again:?}");

    // What does not fit is said before anything is sent.
    let operations = board.control("operations").unwrap();
    for (wrong, code) in [(release("2.0.0", "RP2350", 1, GOOD), Code::Refused), (release("0.9.0", "RP2040", 0, GOOD), Code::Refused)] {
        let error = deploy(&wrong).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    assert_eq!(board.control("operations").unwrap(), operations);

    let wrong = deploy(&release("2.0.0", "RP2040", 2, BAD)).unwrap();
    let Outcome::Reverted { reason } = wrong.outcome() else { panic!("{wrong:?}") };
    assert!(reason.contains("golden vector 1, output byte 3: expected f6, found f7"), "{reason}");
    assert_eq!(wrong.outcome().code().exit_status(), 1);
    let back = deploy(&release("1.0.0", "RP2040", 1, GOOD)).unwrap();
    assert!(matches!(back.outcome(), Outcome::Unchanged { .. }), "{back:?}");

    let next = deploy(&release("3.0.0", "RP2040", 2, GOOD)).unwrap();
    assert!(matches!(next.outcome(), Outcome::Committed { .. }), "{next:?}");
    let floor = deploy(&release("1.0.0", "RP2040", 1, GOOD)).unwrap_err();
    assert!(floor.to_string().contains("rollback: security version 1 is lower than 2"), "{floor}");
}

fn with_firmware() -> Release {
    let mut release = release("1.0.0", "RP2040", 1, GOOD);
    release.files.push(ReleaseFile::in_memory("firmware/pico.bin", "firmware", ALL[0].image.to_vec()));
    release.targets[0].files.push(2);
    release
}

fn deploy_uf2(to: &str) -> Result<Receipt, DeployError> {
    let target: Target = to.parse().unwrap();
    let options =
        Options { timeout: std::time::Duration::from_secs(60), deadline: std::time::Duration::from_secs(2), ..Options::default() };
    uf2::open(&target).unwrap().deploy(&with_firmware(), &options, &mut |_| ())
}

/// A boot loader's volume: takes the file, puts it into the emulated board's flash, and goes away.
fn boot_loader(volume: &std::path::Path, board: &Emulator) {
    let chip = uf2::chip(uf2::Family::Rp2040).0;
    loop {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let Ok(bytes) = std::fs::read(volume.join("edgectl.uf2")) else { continue };
        let count = bytes.get(24..28).map_or(u32::MAX, |count| u32::from_le_bytes(count.try_into().unwrap()));
        if bytes.len() as u64 != u64::from(count) * 512 {
            continue;
        }
        for (offset, bytes) in uf2::parse(&bytes, &chip).unwrap() {
            for (piece, bytes) in (0..).step_by(4096).zip(bytes.chunks(4096)) {
                board.write_flash(offset + piece, bytes).unwrap();
            }
        }
        board.control("reset").unwrap();
        std::fs::remove_file(volume.join("INFO_UF2.TXT")).unwrap();
        return;
    }
}

#[test]
fn a_board_that_waits_for_a_file_proves_what_it_got() {
    // With another firmware than the one that the file brings.
    let board = match Emulator::start(&emulator::default_folder(), &ALL[1], &[], false) {
        Ok(board) => board,
        Err(error @ (EmulatorError::NotInstalled { .. } | EmulatorError::Start { .. })) => {
            eprintln!("SKIPPED: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let volume = tempfile::tempdir().unwrap();
    std::fs::write(volume.path().join("INFO_UF2.TXT"), "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| boot_loader(volume.path(), &board));
        let receipt = deploy_uf2(&format!("uf2:{}+serial:tcp:127.0.0.1:{}", volume.path().display(), board.uart_port())).unwrap();
        assert!(matches!(receipt.outcome(), Outcome::Committed { .. }), "{receipt:?}");
    });
    assert_eq!(board.read_flash(0, 4096).unwrap(), ALL[0].image[..4096]);
}

#[test]
fn what_a_volume_took_and_no_board_has_proven_is_not_done() {
    let volume = tempfile::tempdir().unwrap();
    let (path, info) = (volume.path(), volume.path().join("INFO_UF2.TXT"));
    let to = format!("uf2:{}", path.display());
    let refused = || deploy_uf2(&to).unwrap_err().to_string();
    assert!(refused().contains("has no readable INFO_UF2.TXT"), "{}", refused());
    std::fs::write(&info, "UF2 Bootloader v1.0\nModel: Feather M4\nBoard-ID: SAMD51\n").unwrap();
    assert!(refused().contains("its board is \"SAMD51\": expected RPI-RP2 or RP2350"), "{}", refused());
    std::fs::write(&info, "UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n").unwrap();
    assert!(refused().contains("the board has a rp2350: expected pico (RP2040)"), "{}", refused());
    // Nothing was written so far.
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 1);

    std::fs::write(&info, "Board-ID: RPI-RP2\n").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !path.join("edgectl.uf2").exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
            std::fs::remove_file(&info).unwrap();
        });
        let receipt = deploy_uf2(&format!("{to}+serial:tcp:127.0.0.1:1")).unwrap();
        assert!(matches!(receipt.outcome(), Outcome::NotVerified { .. }), "{receipt:?}");
        assert_eq!((receipt.outcome().code() as u8, receipt.outcome().code().exit_status()), (19, 1));
    });
}

#[test]
fn a_volume_that_takes_nothing_is_an_error() {
    let volume = tempfile::tempdir().unwrap();
    std::fs::write(volume.path().join("INFO_UF2.TXT"), "Board-ID: RPI-RP2\n").unwrap();
    // A folder of this name stands in the way, for any user.
    std::fs::create_dir(volume.path().join("edgectl.uf2")).unwrap();
    let error = deploy_uf2(&format!("uf2:{}", volume.path().display())).unwrap_err();
    assert!(error.to_string().contains("written 0 of "), "{error}");
    assert_eq!(error.code(), Code::Failed);
}
