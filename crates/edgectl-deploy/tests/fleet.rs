//! Rollouts over simulated devices: how far a bad release gets, and what an interrupted controller does.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use edgectl_deploy::fleet::{DeviceEnd, Inventory, JournalError, Rollout, RolloutEnd, RolloutJournal};
use edgectl_deploy::{Code, Event};

fn end(code: Code) -> DeviceEnd {
    DeviceEnd { code: code as u8, status: code.name().into(), detail: String::new(), error: None, bytes_sent: 0, seconds: 0.0 }
}

/// Groups of so many devices.
fn fleet(groups: &[usize], parallel: usize, max_failures_percent: f64, min_success_percent: f64) -> Inventory {
    let mut text = format!(
        "format: 1\nparallel: {parallel}\nmax_failures_percent: {max_failures_percent}\nmin_success_percent: {min_success_percent}\ngroups:\n"
    );
    for (group, count) in groups.iter().enumerate() {
        text += &format!("  - name: g{group}\n    devices:\n");
        for device in 0..*count {
            text += &format!("      - {{ name: d{group}-{device}, to: \"ssh://d{group}-{device}\" }}\n");
        }
    }
    Inventory::parse(&text).unwrap()
}

fn roll(inventory: &Inventory, journal: Option<&mut RolloutJournal>, deploy: impl Fn(&str) -> DeviceEnd + Sync) -> RolloutEnd {
    let rollout = Rollout { inventory, journal, pause_after: None, stop: &AtomicBool::new(false) };
    rollout.run(&|device, _: &mut dyn FnMut(Event)| deploy(&device.name), &|_| ()).unwrap()
}

#[test]
fn a_bad_release_stops_with_the_canary() {
    // A thousand devices; how many of them fail, and how many are touched at most.
    for (percent, allowed, at_most) in [(100, 0.0, 10), (100, 50.0, 10), (20, 0.0, 10), (0, 0.0, 1000), (5, 25.0, 1000), (1, 5.0, 1000)] {
        let inventory = fleet(&[10, 90, 900], 16, allowed, 100.0 - allowed);
        let (touched, at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let ended = roll(&inventory, None, |_| {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let number = touched.fetch_add(1, Ordering::SeqCst);
            // Some are slow.
            std::thread::sleep(Duration::from_micros(if number % 7 == 0 { 500 } else { 50 }));
            at_once.fetch_sub(1, Ordering::SeqCst);
            // Spread evenly, the first one bad.
            end(if percent > 0 && number * percent % 100 < percent { Code::Reverted } else { Code::Committed })
        });
        let touched = touched.into_inner();
        assert!(touched <= at_most, "{percent} % bad: {touched} touched");
        assert_eq!(touched, ended.devices.len());
        assert_eq!(touched + ended.untouched.len(), 1000);
        assert_eq!(ended.halted.is_none(), touched == 1000, "{percent} %: {:?}", ended.halted);
        assert!(most.into_inner() <= 16);
        eprintln!("{percent} % bad, {allowed} % allowed: {touched} of 1000 touched, {:?}", ended.halted);
    }
}

#[test]
fn thresholds_are_what_they_say() {
    // One of ten fails: within what is allowed, but not enough for the next group.
    let fails_first = |name: &str| end(if name == "d0-0" { Code::Unreachable } else { Code::Committed });
    let ended = roll(&fleet(&[10, 10], 1, 10.0, 95.0), None, fails_first);
    assert_eq!((ended.devices.len(), ended.halted.as_deref()), (10, Some("9 of 10 devices of group g0 succeeded, fewer than 95 %")));
    let ended = roll(&fleet(&[10, 10], 1, 10.0, 90.0), None, fails_first);
    assert_eq!((ended.devices.len(), ended.halted), (20, None));
    let ended = roll(&fleet(&[10, 10], 1, 9.0, 0.0), None, fails_first);
    assert_eq!((ended.devices.len(), ended.halted.as_deref()), (1, Some("1 of 10 devices of group g0 failed, more than 9 %")));
}

#[test]
fn a_rollout_pauses_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, inventory) = (folder.path().join("journal"), fleet(&[2, 3], 2, 0.0, 100.0));
    let deployed = Mutex::new(vec![]);
    let deploy = |device: &edgectl_deploy::fleet::FleetDevice, _: &mut dyn FnMut(Event)| {
        deployed.lock().unwrap().push(device.name.clone());
        end(Code::Committed)
    };
    for (pause_after, touched, in_all) in [(Some("g0"), 2, 2), (None, 5, 5), (None, 5, 10)] {
        let mut journal = RolloutJournal::open(&path, "abc", "1").unwrap();
        let stop = AtomicBool::new(false);
        let ended = Rollout { inventory: &inventory, journal: Some(&mut journal), pause_after, stop: &stop }.run(&deploy, &|_| ()).unwrap();
        assert_eq!(ended.devices.len(), touched);
        assert_eq!(ended.halted.is_some(), pause_after.is_some());
        // Once it is over, the next one asks everybody anew.
        assert_eq!(deployed.lock().unwrap().len(), in_all);
    }
    // Told to stop from outside, it begins no more.
    let stop = AtomicBool::new(true);
    let ended = Rollout { inventory: &inventory, journal: None, pause_after: None, stop: &stop }.run(&deploy, &|_| ()).unwrap();
    assert_eq!((ended.devices.len(), ended.untouched.len(), ended.halted.as_deref()), (0, 5, Some("interrupted")));
}

#[test]
fn a_controller_that_was_killed_anywhere_deploys_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = fleet(&[2, 6], 1, 50.0, 50.0);
    let bad = "d1-3";
    // What the devices run, and how often they were switched.
    let device = |state: &Mutex<BTreeMap<String, u32>>, name: &str| {
        if name == bad {
            return end(Code::Reverted);
        }
        let mut state = state.lock().unwrap();
        // A device that has the release already says so, and does not switch.
        state.entry(name.into()).or_insert(1);
        end(Code::Committed)
    };
    let whole = folder.path().join("whole");
    let state = Mutex::default();
    let mut journal = RolloutJournal::open(&whole, "abc", "1").unwrap();
    let ended = roll(&inventory, Some(&mut journal), |name| device(&state, name));
    assert_eq!((ended.devices.len(), ended.halted), (8, None));
    drop(journal);
    let text = fs::read_to_string(&whole).unwrap();
    let mut kills = 0;
    // Killed around every line of the journal, which may be cut short; the device that was under way had done nothing yet, or all of it.
    let ends = text.match_indices('\n').map(|(at, _)| at);
    for length in ends.flat_map(|at| [at / 2, at.saturating_sub(9), at, at + 1]) {
        let lines: Vec<_> = text[..length].split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        let name = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["device"].as_str().map(str::to_owned);
        let done = lines.iter().filter(|line| line.contains("ended")).filter_map(|line| name(line));
        let under_way = lines.iter().rev().find(|line| line.contains("started")).and_then(|line| name(line));
        for finished in [false, true] {
            let mut had: BTreeMap<String, u32> = done.clone().filter(|name| name != bad).map(|name| (name, 1)).collect();
            if let Some(name) = under_way.as_ref().filter(|name| finished && *name != bad) {
                had.insert(name.clone(), 1);
            }
            let state = Mutex::new(had);
            let path = folder.path().join("killed");
            fs::write(&path, &text[..length]).unwrap();
            let mut journal = RolloutJournal::open(&path, "abc", "1").unwrap();
            let asked = Mutex::new(vec![]);
            let ended = roll(&inventory, Some(&mut journal), |name| {
                asked.lock().unwrap().push(name.to_owned());
                device(&state, name)
            });
            assert_eq!((ended.devices.len(), ended.halted), (8, None), "{length}");
            let state = state.into_inner().unwrap();
            assert!(state.len() == 7 && state.values().all(|&switches| switches == 1), "{length}: {state:?}");
            // Who had a good end on record is not even asked.
            let over = lines.last().is_some_and(|line| line.contains("finished"));
            let on_record: Vec<_> = done.clone().filter(|_| !over).filter(|name| name != bad).collect();
            assert!(asked.into_inner().unwrap().iter().all(|name| !on_record.contains(name)), "{length}");
            kills += 1;
        }
    }
    eprintln!("{kills} kills of the controller");
}

#[test]
fn journals_that_are_not_ours_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let open = |release: &str| RolloutJournal::open(&path, release, "1");
    let first = open("abc").unwrap();
    assert!(matches!(open("abc"), Err(JournalError::Busy { .. })));
    drop(first);
    assert!(matches!(open("def"), Err(JournalError::OtherRelease { .. })));
    fs::write(&path, "hello\n").unwrap();
    assert!(matches!(open("abc"), Err(JournalError::Malformed { line: 1, .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "hello\n");
    for special in ["/dev/null", "/"] {
        assert!(matches!(RolloutJournal::open(Path::new(special), "abc", "1"), Err(JournalError::Io { .. })), "{special}");
    }
}
