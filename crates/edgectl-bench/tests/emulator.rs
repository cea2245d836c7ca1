//! The firmware in the emulator, where that is installed.
#![allow(clippy::print_stdout)]

use edgectl_bench::emulator::{self, EmulatorError};

use super::{BYTES, program};

#[test]
fn the_emulated_firmware_computes_what_the_host_computes() {
    let folder = emulator::default_folder();
    match emulator::run(&folder, &BYTES, program()) {
        Err(EmulatorError::NotInstalled { .. }) => println!("skipped: {} is not in {}", emulator::RP2040JS, folder.display()),
        run => {
            let run = run.unwrap();
            assert_eq!(run.clock_hz, 125_000_000);
            assert_eq!(run.op_cycles.len(), program().op_count() as usize);
            let sum: u64 = run.op_cycles.iter().map(|&cycles| u64::from(cycles)).sum();
            assert!(sum > run.cycles / 2 && sum < run.cycles * 2, "{sum} in ops, {} in all", run.cycles);
        }
    }
}

#[test]
fn an_emulator_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = emulator::run(folder.path(), &BYTES, program()).unwrap_err();
    assert_eq!(error.to_string(), format!("expected rp2040js@1.4.1 in {}, found no node_modules/rp2040js there", folder.path().display()));
}
