//! What goes wrong between host and chip, at every block: a deployment is `done` if and only if the flash is as it should be, and after every
//! failure a plain second run succeeds.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use edgectl_esp::plan::Rules;
use edgectl_esp::write::write;
use edgectl_esp::*;
use edgectl_esp_standin::fault::{Always, At};
use edgectl_esp_standin::{Setup, StandIn};

const BLOCKS: usize = 64;
const PATIENCE: Patience =
    Patience { answer: Duration::from_millis(500), flash_per_mib: Duration::from_secs(2), port: Duration::from_secs(5) };
const MODEL: u32 = 0x10000;
const SWITCH: u32 = 0x20_0000;

fn table() -> PartitionTable {
    PartitionTable::from_csv("model, data, undefined, 0x10000, 0x1f0000\nswitch, data, undefined, 0x200000, 0x100000").unwrap()
}

/// Bytes that do not compress, of so many blocks, and a sector that makes them the ones that count.
fn regions(blocks: usize, block_bytes: usize) -> Vec<(Region, bool)> {
    let mut random = fastrand::Rng::with_seed(7);
    let bytes = std::iter::repeat_with(|| random.u8(..)).take(blocks * block_bytes).collect();
    let switch = b"switch".repeat(300);
    vec![
        (Region { name: "model".into(), offset: MODEL, bytes }, true),
        (Region { name: "switch".into(), offset: SWITCH, bytes: switch }, true),
    ]
}

fn place(chip: &StandIn, name: &str) -> Where {
    let port = chip.port().display().to_string();
    Where { port, chip: Chip::from_name(name).unwrap(), mac: None, baud: None }
}

/// Whether the regions are there and nothing else is.
fn is_right(flash: &[u8], regions: &[(Region, bool)]) -> bool {
    let mut expected = vec![0xFF; flash.len()];
    for (region, _) in regions {
        let at = region.offset as usize;
        expected[at..at + region.bytes.len()].copy_from_slice(&region.bytes);
    }
    // The last block of the ROM's is padded, with what erased flash has.
    flash == expected
}

fn deploy(chip: &StandIn, name: &str, regions: &[(Region, bool)], allow_unverified: bool) -> Result<Written, EspError> {
    let mut session = Session::open(place(chip, name), PATIENCE)?;
    let table = table();
    let rules = Rules { table: &table, flash_bytes: 4 << 20, allow_unverified };
    let plan = Plan::new(regions.to_vec(), session.facts(), &rules)?;
    write(&mut session, &plan, &AtomicBool::new(false), &mut |_| ())
}

/// What a case may end with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Done,
    Failed,
    Either,
}

fn case(name: &str, stub: bool, block: u32, fault: At, expected: End) -> Result<(), String> {
    let chip = StandIn::start(Setup::new(name)).unwrap();
    let regions = regions(BLOCKS, if stub { 16 << 10 } else { 1 << 10 });
    if !stub {
        chip.fail_always(Always::StubRefused);
    }
    chip.fail_at(block, fault);
    let said = |what: String| format!("{name}, {}, block {block}, {fault:?}: {what}", if stub { "stub" } else { "ROM" });
    let result = deploy(&chip, name, &regions, false);
    let (done, right) = (result.as_ref().is_ok_and(|written| written.verified), is_right(&chip.flash(), &regions));
    if done != right {
        return Err(said(format!("said {result:?}, and the flash is {}", if right { "right" } else { "wrong" })));
    }
    match expected {
        End::Done if !done => return Err(said(format!("expected success: {result:?}"))),
        End::Failed if done => return Err(said("expected failure".into())),
        _ => {}
    }
    if !done {
        chip.repair();
        let again = deploy(&chip, name, &regions, false);
        if !again.as_ref().is_ok_and(|written| written.verified) || !is_right(&chip.flash(), &regions) {
            return Err(said(format!("a second run: {again:?}")));
        }
    }
    Ok(())
}

/// Runs all cases, several at once, and panics with those that were wrong.
fn all(cases: Vec<Box<dyn Fn() -> Result<(), String> + Send + Sync>>) {
    let begin = Instant::now();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        // Most of them wait most of the time.
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(what) = case() {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    println!("{} cases in {:.1} s, {} wrong", cases.len(), begin.elapsed().as_secs_f32(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const CHIPS: [&str; 4] = ["esp32", "esp32s3", "esp32c3", "esp32c6"];

#[test]
fn at_every_block() {
    let late = Duration::from_millis(700);
    // Over a pseudo-terminal nobody can reset a chip that has hung.
    let faults = [
        (At::AnswerLost, End::Done),
        (At::Refused(7), End::Done),
        (At::Unplugged(Duration::from_millis(100)), End::Done),
        (At::Noise, End::Done),
        (At::BitFlipped, End::Done),
        (At::PowerTorn, End::Done),
        (At::NotWritten, End::Done),
        (At::Silent, End::Failed),
        (At::AnswerGarbled, End::Done),
        (At::AnswerCut, End::Done),
        (At::AnswerTwice, End::Done),
        (At::AnswerLate(late), End::Done),
        (At::AnswerToAnother, End::Done),
        (At::LogWithoutEnd, End::Failed),
        (At::RefusedAlways(6), End::Failed),
        (At::BlockLost, End::Done),
        (At::BlockGarbled, End::Done),
        (At::PowerBefore, End::Done),
        (At::PowerAfter, End::Done),
        (At::BitStuck, End::Failed),
    ];
    let mut cases: Vec<Box<dyn Fn() -> Result<(), String> + Send + Sync>> = vec![];
    let mut add = |block: u32, (fault, end)| {
        // Two thirds of them with the ROM, where blocks are short: the same rules hold for the stub.
        let (name, stub) = (CHIPS[block as usize % CHIPS.len()], block.is_multiple_of(3));
        cases.push(Box::new(move || case(name, stub, block, fault, end)));
    };
    // The switch is one block more.
    for block in 0..=BLOCKS as u32 {
        faults.into_iter().for_each(|fault| add(block, fault));
    }
    all(cases);
}

#[test]
fn with_a_chip_that_is_not_well() {
    let cases: [(Always, End); 8] = [
        (Always::DigestWrong, End::Done),
        (Always::DigestWrongFor(3), End::Done),
        (Always::BeginRefused, End::Failed),
        (Always::StubRefused, End::Done),
        (Always::StubSilent, End::Either),
        (Always::Dead, End::Failed),
        (Always::LineBad, End::Either),
        (Always::DigestSilent, End::Done),
    ];
    let cases = CHIPS.into_iter().flat_map(|name| cases.map(|(fault, end)| (name, fault, end)));
    all(cases
        .map(|(name, fault, end)| -> Box<dyn Fn() -> Result<(), String> + Send + Sync> {
            Box::new(move || {
                let chip = StandIn::start(Setup::new(name)).unwrap();
                let regions = regions(8, 4096);
                chip.fail_always(fault);
                let result = deploy(&chip, name, &regions, false);
                let (done, right) = (result.as_ref().is_ok_and(|written| written.verified), is_right(&chip.flash(), &regions));
                if done != right || (end != End::Either && done != (end == End::Done)) {
                    return Err(format!("{name}, {fault:?}: {result:?}, right: {right}"));
                }
                chip.repair();
                let again = deploy(&chip, name, &regions, false);
                match again.as_ref().is_ok_and(|written| written.verified) && is_right(&chip.flash(), &regions) {
                    true => Ok(()),
                    false => Err(format!("{name}, {fault:?}, a second run: {again:?}")),
                }
            })
        })
        .collect());
}

#[test]
fn a_locked_chip_is_left_alone() {
    let regions = regions(4, 4096);
    for name in CHIPS {
        let chip = StandIn::start(Setup::new(name)).unwrap();
        chip.fail_always(Always::Encryption);
        let error = deploy(&chip, name, &regions, true).unwrap_err();
        assert_eq!(error.name(), "esp_locked", "{error}");
        chip.repair();

        // Data of a chip with secure boot may be written, what it starts may not.
        chip.fail_always(Always::SecureBoot);
        assert!(deploy(&chip, name, &regions, false).unwrap().verified);
        chip.repair();
        assert!(is_right(&chip.flash(), &regions));
    }
    for name in ["esp32s3", "esp32c3", "esp32c6"] {
        let chip = StandIn::start(Setup::new(name)).unwrap();
        chip.fail_always(Always::SecureDownload);
        let error = deploy(&chip, name, &regions, false).unwrap_err();
        assert_eq!(error.name(), "esp_unverifiable", "{error}");
        assert!(chip.flash().iter().all(|&byte| byte == 0xFF));
        let written = deploy(&chip, name, &regions, true).unwrap();
        assert!(!written.verified);
        assert!(is_right(&chip.flash(), &regions));
    }
}

#[test]
fn another_chip_and_another_board_are_left_alone() {
    let chip = StandIn::start(Setup::new("esp32s3")).unwrap();
    let error = deploy(&chip, "esp32c3", &regions(1, 4096), false).unwrap_err();
    assert_eq!((error.name(), error.to_string().as_str()), ("esp_other_chip", "the board has a chip esp32s3: expected esp32c3"));
    chip.reset_to_loader();
    let place = Where { mac: Some("60:55:f9:09:09:09".into()), ..place(&chip, "esp32s3") };
    let error = Session::open(place, PATIENCE).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the board's address is 60:55:f9:01:02:03: expected 60:55:f9:09:09:09");
    assert!(chip.flash().iter().all(|&byte| byte == 0xFF));
}

#[test]
fn a_flash_that_is_too_small_is_noticed() {
    let too_small = StandIn::start(Setup { flash_bytes: 2 << 20, ..Setup::new("esp32c3") }).unwrap();
    let error = deploy(&too_small, "esp32c3", &regions(1, 4096), false).unwrap_err();
    assert!(error.to_string().contains("partition table"), "{error}");
    assert!(too_small.flash().iter().all(|&byte| byte == 0xFF));

    // One that says it has 4 MiB and has 2: the second region lands in the first one's place.
    let boasts = StandIn::start(Setup { flash_bytes: 2 << 20, ..Setup::new("esp32c3") }).unwrap();
    boasts.fail_always(Always::FlashBoasts);
    let mut both = regions(4, 4096);
    both[1].0.offset = SWITCH + MODEL;
    let error = deploy(&boasts, "esp32c3", &both, false).unwrap_err();
    assert_eq!(error.name(), "esp_differs", "{error}");
}

#[test]
fn what_is_there_already_is_not_sent_again() {
    let chip = StandIn::start(Setup::new("esp32c6")).unwrap();
    let regions = regions(BLOCKS, 16 << 10);
    assert!(deploy(&chip, "esp32c6", &regions, false).unwrap().sent_bytes > 1 << 20);
    let sent = |chip: &StandIn| chip.commands().iter().filter(|(op, _)| matches!(op, 3 | 0x11)).map(|(_, count)| count).sum::<u32>();
    let before = sent(&chip);
    assert_eq!(deploy(&chip, "esp32c6", &regions, false).unwrap(), Written { sent_bytes: 0, verified: true });
    assert_eq!(sent(&chip), before);
    // One byte differs: one piece is sent.
    chip.put(MODEL + 300_000, &[0]);
    assert_eq!(deploy(&chip, "esp32c6", &regions, false).unwrap(), Written { sent_bytes: 64 << 10, verified: true });
}

#[test]
fn an_interruption_says_what_the_board_does_now() {
    let chip = StandIn::start(Setup::new("esp32c3")).unwrap();
    let regions = regions(BLOCKS, 16 << 10);
    let table = table();
    let run = |spare: bool| {
        chip.reset_to_loader();
        let mut session = Session::open(place(&chip, "esp32c3"), PATIENCE).unwrap();
        let rules = Rules { table: &table, flash_bytes: 4 << 20, allow_unverified: false };
        let parts = regions.iter().map(|(region, _)| (region.clone(), spare)).collect();
        let plan = Plan::new(parts, session.facts(), &rules).unwrap();
        let stop = AtomicBool::new(false);
        write(&mut session, &plan, &stop, &mut |event| {
            if matches!(event, FlashEvent::Advanced { done, .. } if done > 200_000) {
                stop.store(true, Ordering::SeqCst);
            }
        })
        .unwrap_err()
    };
    let error = run(true);
    assert_eq!((error.name(), error.state()), ("esp_interrupted", State::AsBefore));
    assert!(error.to_string().contains("the board starts as before"), "{error}");
    let error = run(false);
    assert_eq!(error.state(), State::Incomplete, "{error}");
    chip.reset_to_loader();
    assert!(deploy(&chip, "esp32c3", &regions, false).unwrap().verified);
}

#[test]
fn speeds_are_changed_where_the_chip_takes_them() {
    let regions = regions(8, 4096);
    for (fault, works) in [(None, true), (Some(Always::SpeedRefused), true)] {
        let chip = StandIn::start(Setup::new("esp32c3")).unwrap();
        fault.into_iter().for_each(|fault| chip.fail_always(fault));
        let mut session = Session::open(Where { baud: Some(921_600), ..place(&chip, "esp32c3") }, PATIENCE).unwrap();
        let table = table();
        let rules = Rules { table: &table, flash_bytes: 4 << 20, allow_unverified: false };
        let plan = Plan::new(regions.clone(), session.facts(), &rules).unwrap();
        let written = write(&mut session, &plan, &AtomicBool::new(false), &mut |_| ());
        assert_eq!(written.is_ok_and(|written| written.verified), works, "{fault:?}");
        assert!(is_right(&chip.flash(), &regions));
    }
}
