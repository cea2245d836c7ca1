//! The firmware in the emulator, where that is installed.
#![allow(clippy::print_stdout)]

use std::io;
use std::time::Duration;

use edge_device::client::{Client, ClientError, Link};
use edge_device::fault::FaultKind;
use edge_device::image::{self, Digest};
use edge_device::memory_map::PICO;
use edge_device::self_test::SelfTest;
use edge_device::slots::{State, Verdict};
use edgectl_bench::device::{Host, compare};
use edgectl_bench::emulator::{self, Emulator, EmulatorError, Line, Moment};

use super::{BYTES, program};

/// The emulator is slower than a board, and the machine may be busy.
const SOON: Duration = Duration::from_secs(20);

/// As the emulator numbers its flash.
const BOARD: &str = "E6605838832A6F2B";

/// An emulated board with this in its flash; nothing where the emulator is not installed.
fn board(contents: &[(u32, &[u8])], usb: bool) -> Option<Emulator> {
    let firmware = edgectl_firmware::for_profile("pico").next().unwrap();
    match Emulator::start(&emulator::default_folder(), firmware, contents, usb) {
        Err(EmulatorError::NotInstalled { .. }) => {
            println!("SKIPPED: {} is not in {}", emulator::RP2040JS, emulator::default_folder().display());
            None
        }
        started => Some(started.unwrap()),
    }
}

fn inputs(seed: u64) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(seed);
    vec![std::iter::repeat_with(|| random.u8(..)).take(64).collect()]
}

/// The digits classifier with two golden vectors, and its digest.
fn digits(security_version: u32) -> (Vec<u8>, Digest) {
    let mut arena = edge_format::AlignedBytes::zeroed(program().arena_bytes() as usize);
    let mut host = Host::new(program(), &mut arena).unwrap();
    let vectors: Vec<(Vec<u8>, Vec<u8>)> =
        (0..2).map(|seed| (inputs(seed).concat(), host.infer(&inputs(seed)).unwrap().concat())).collect();
    let vectors: Vec<(&[u8], &[u8])> = vectors.iter().map(|(inputs, outputs)| (&inputs[..], &outputs[..])).collect();
    let image = image::build(&BYTES, &vectors, security_version).unwrap();
    let digest = image::sha256(&image[image::COVERED..]);
    (image, digest)
}

fn client<L: Link>(line: io::Result<L>) -> Client<L> {
    Client::new(line.unwrap(), SOON)
}

fn computes_as_the_host(client: &mut Client<impl Link>) {
    let mut arena = edge_format::AlignedBytes::zeroed(program().arena_bytes() as usize);
    let mut host = Host::new(program(), &mut arena).unwrap();
    for seed in 10..13 {
        compare(client, &mut host, &inputs(seed), false).unwrap();
    }
}

/// Sends an image, and has the board reset into its trial.
fn try_out(client: &mut Client<Line>, image: &[u8], digest: &Digest) {
    client.wait(SOON).unwrap();
    client.send_image(image, |_, _| {}).unwrap();
    client.activate(digest).unwrap();
    client.reset().unwrap();
    client.wait(SOON).unwrap();
}

#[test]
fn the_emulated_firmware_computes_what_the_host_computes() {
    let folder = emulator::default_folder();
    match emulator::run(&folder, &BYTES, program()) {
        Err(EmulatorError::NotInstalled { .. }) => println!("SKIPPED: {} is not in {}", emulator::RP2040JS, folder.display()),
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

#[test]
fn an_image_is_received_tried_confirmed_and_survives_the_power() {
    let Some(board) = board(&[], false) else { return };
    let (image, digest) = digits(3);
    let mut client = client(board.uart());
    let identity = client.wait(SOON).unwrap();
    assert_eq!((identity.chip.as_str(), identity.slot_bytes), ("rp2040", PICO.layout.slot_bytes()));
    assert_eq!(identity.board.map(|byte| format!("{byte:02X}")).concat(), BOARD);
    assert!(client.model().is_err(), "there is no program yet");
    try_out(&mut client, &image, &digest);
    let slots = PICO.layout.slots;
    assert_eq!(board.read_flash(slots[0].offset, image.len() as u32).unwrap(), image);
    let status = client.status().unwrap();
    assert_eq!((status.running, status.self_test), (Some(0), SelfTest { passed: 2, count: 2, failure: None }));
    assert_eq!(client.slots().unwrap()[0].state, State::Trial);
    computes_as_the_host(&mut client);
    client.confirm(&digest).unwrap();
    assert_eq!(client.status().unwrap().floor, 3);

    // A second one, which nobody confirms.
    let (other, other_digest) = digits(4);
    try_out(&mut client, &other, &other_digest);
    assert_eq!(client.status().unwrap().running, Some(1));
    board.control("power-off").unwrap();
    board.control("power-on").unwrap();
    client.wait(SOON).unwrap();
    assert_eq!((client.status().unwrap().running, client.status().unwrap().floor), (Some(0), 3));
    assert_eq!(client.slots().unwrap()[1].verdict, Verdict::Unconfirmed);
    computes_as_the_host(&mut client);
}

#[test]
fn power_may_fail_while_the_firmware_writes() {
    let (old, _) = digits(3);
    let (new, digest) = digits(4);
    // In the journal, in a sector, in a page.
    for (operation, moment) in [(0, Moment::Torn), (1, Moment::Torn), (9, Moment::Torn)] {
        let Some(board) = board(&[(PICO.layout.slots[0].offset, &old)], false) else { return };
        let mut cut = Client::new(board.uart().unwrap(), Duration::from_secs(3));
        cut.wait(SOON).unwrap();
        board.cut(operation, moment).unwrap();
        let sent = cut.send_image(&new, |_, _| {});
        assert!(matches!(sent, Err(ClientError::Silent { .. })), "operation {operation}: {sent:?}");
        assert_eq!(board.control("is-on").unwrap(), "0");
        board.control("power-on").unwrap();
        let mut client = client(board.uart());
        client.wait(SOON).unwrap();
        assert_eq!(client.status().unwrap().running, Some(0), "operation {operation}");
        try_out(&mut client, &new, &digest);
        assert_eq!(client.status().unwrap().running, Some(1), "operation {operation}");
        computes_as_the_host(&mut client);
    }
}

#[test]
fn usb_answers_beside_the_uart() {
    let (image, digest) = digits(1);
    let Some(board) = board(&[(PICO.layout.slots[0].offset, &image)], true) else { return };
    let mut usb = client(board.usb());
    usb.wait(SOON).unwrap();
    assert_eq!(board.control("usb-serial").unwrap(), BOARD);
    computes_as_the_host(&mut usb);
    let mut uart = client(board.uart());
    uart.hello().unwrap();
    computes_as_the_host(&mut uart);
    // The conversation over USB is over, and says so.
    assert!(matches!(usb.confirm(&digest), Err(ClientError::Refused { .. })));
}

#[test]
fn faults_are_told_after_the_reset() {
    let Some(board) = board(&[], false) else { return };
    let mut client = client(board.uart());
    client.wait(SOON).unwrap();
    assert_eq!(client.fault().unwrap(), None);
    board.control("fault").unwrap();
    client.wait(SOON).unwrap();
    let fault = client.fault().unwrap().unwrap();
    assert_eq!((fault.kind, fault.pc >> 28), (FaultKind::HardFault, 0xe));
    client.reset().unwrap();
    client.wait(SOON).unwrap();
    assert_eq!(client.fault().unwrap(), None);
}

#[test]
fn a_hang_is_told_after_the_reset() {
    let Some(board) = board(&[], false) else { return };
    let mut client = client(board.uart());
    client.wait(SOON).unwrap();
    board.control("hang").unwrap();
    client.wait(SOON * 6).unwrap();
    assert_eq!(client.fault().unwrap().unwrap().kind, FaultKind::Watchdog);
}
