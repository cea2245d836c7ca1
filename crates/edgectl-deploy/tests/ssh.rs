//! One device, from the first release on, with a real OpenSSH server in between.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]
#![cfg(unix)]

mod rig;

use std::fs;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use edgectl_deploy::ssh::SshError;
use edgectl_deploy::{Code, DeployError, Event, Outcome, Step, Transport};
use edgectl_testkit::{Sshd, has_sshd};
use rig::{APPLICATION, Device, Flaw, id, release, with_files};

static SSHD: LazyLock<Sshd> = LazyLock::new(|| Sshd::start(&["ed25519", "rsa"], "").unwrap());

fn device() -> Option<Device> {
    has_sshd().then(|| Device::new(&SSHD, SSHD.port()))
}

fn committed(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Committed { proof } => proof,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_release_is_deployed_proven_and_taken_back() {
    let Some(device) = device() else { return };
    let mut steps = vec![];
    let first = device.deploy_with(&release("1.0.0", 1, Flaw::None), &mut |event| {
        if let Event::Done { step } = event {
            steps.push(step);
        }
    });
    let first = first.unwrap();
    assert_eq!(committed(first.outcome()), "2 golden vectors, byte for byte; service well 2 times in a row");
    assert_eq!((first.previous(), first.version()), (None, "1.0.0"));
    let expected = [
        Step::Connect,
        Step::Probe,
        Step::Lock,
        Step::Stage,
        Step::Verify,
        Step::Arm,
        Step::Switch,
        Step::Restart,
        Step::Health,
        Step::Commit,
        Step::Collect,
    ];
    assert_eq!(steps, expected);
    assert_eq!((device.current(), device.running()), (Some(id("1.0.0")), Some(id("1.0.0"))));

    // The same again changes nothing, and proves it again.
    let again = device.deploy(&release("1.0.0", 1, Flaw::None)).unwrap();
    assert!(matches!(again.outcome(), Outcome::Unchanged { proof } if proof.contains("2 golden vectors")), "{again:?}");
    assert_eq!(again.bytes_sent(), 0);

    let second = device.deploy(&release("2.0.0", 1, Flaw::None)).unwrap();
    committed(second.outcome());
    assert_eq!(second.bytes_sent(), 5, "only the file that changed");
    assert_eq!(second.previous(), Some(&*id("1.0.0")));
    assert_eq!(device.running(), Some(id("2.0.0")));

    let status = device.transport().status(APPLICATION).unwrap();
    assert_eq!((status.version.as_deref(), status.healthy, status.previous), (Some("2.0.0"), Some(true), Some(id("1.0.0"))));
    let back = device.transport().rollback(APPLICATION, &device.options, &mut |_| ()).unwrap();
    committed(back.outcome());
    assert_eq!((device.current(), device.running()), (Some(id("1.0.0")), Some(id("1.0.0"))));
    let history = device.transport().history(APPLICATION).unwrap().entries;
    assert_eq!(history.iter().map(|entry| entry.version.as_str()).collect::<Vec<_>>(), ["1.0.0", "2.0.0", "1.0.0"]);

    // What a third release leaves behind is collected.
    committed(device.deploy(&release("3.0.0", 1, Flaw::None)).unwrap().outcome());
    let mut releases: Vec<_> =
        fs::read_dir(device.root().join("releases")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    releases.sort();
    let mut expected = [id("1.0.0"), id("3.0.0")];
    expected.sort();
    assert_eq!(releases, expected);
    assert_eq!(fs::read_dir(device.root().join("staging")).unwrap().count(), 0);
}

#[test]
fn a_release_that_is_not_well_goes_back() {
    let Some(device) = device() else { return };
    committed(device.deploy(&release("good", 1, Flaw::None)).unwrap().outcome());
    for (flaw, says) in [
        (Flaw::Golden, "1 of 2 golden vectors have other bytes, first vector 2"),
        (Flaw::Program, "is no program that this runtime executes"),
        (Flaw::Ends, "the service has ended"),
        (Flaw::Hangs, "the service does not answer"),
        (Flaw::Flaps, "the service"),
    ] {
        let mut device_options = device.device.clone();
        device_options.health_timeout = Duration::from_secs(2);
        device_options.passes = 8;
        device_options.interval = Duration::from_millis(100);
        let mut transport = edgectl_deploy::ssh::Ssh::new(device.target(), device.ssh.clone(), device_options);
        let receipt = transport.deploy(&release(&format!("{flaw:?}"), 9, flaw), &device.options, &mut |_| ()).unwrap();
        let Outcome::Reverted { reason } = receipt.outcome() else { panic!("{flaw:?}: {receipt:?}") };
        assert!(reason.contains(says), "{flaw:?}: {reason}");
        assert_eq!(receipt.outcome().code(), Code::Reverted);
        assert_eq!(device.current(), Some(id("good")), "{flaw:?}");
        rig::wait_until("the release before runs", Duration::from_secs(5), || device.running() == Some(id("good")));
        assert_eq!(device.journal()["security_version"], 1, "{flaw:?}: raised without a commit");
    }
}

#[test]
fn without_a_release_before_there_is_nothing_to_go_back_to() {
    let Some(device) = device() else { return };
    let receipt = device.deploy(&release("bad", 1, Flaw::Ends)).unwrap();
    let Outcome::Reverted { reason } = receipt.outcome() else { panic!("{receipt:?}") };
    assert!(reason.contains("no release to go back to"), "{reason}");
    assert_eq!((device.current(), device.running()), (None, None));
}

#[test]
fn what_is_not_for_this_device_is_refused_before_it_is_touched() {
    let Some(device) = device() else { return };
    let code = |error: DeployError| (error.code(), error.to_string());
    let mut other = release("1", 1, Flaw::None);
    other.targets[0].arch = "riscv64".into();
    let (refused, message) = code(device.deploy(&other).unwrap_err());
    assert_eq!(refused, Code::Refused, "{message}");
    assert!(message.contains("the release is for this (riscv64)"), "{message}");
    let (refused, message) = code(device.deploy(&with_files("1", 1, vec![])).unwrap_err());
    assert_eq!(refused, Code::Refused, "{message}");
    assert!(!device.root().exists());

    committed(device.deploy(&release("safe", 5, Flaw::None)).unwrap().outcome());
    let (refused, message) = code(device.deploy(&release("old", 4, Flaw::None)).unwrap_err());
    assert_eq!(refused, Code::Refused, "{message}");
    assert!(message.contains("security version 4 is below 5"), "{message}");
    // The same one may go back and forth.
    committed(device.deploy(&release("older version", 5, Flaw::None)).unwrap().outcome());
}

#[test]
fn one_deployment_at_a_time() {
    let Some(device) = device() else { return };
    committed(device.deploy(&release("0", 1, Flaw::None)).unwrap().outcome());
    let mut races = 0;
    for round in 0..10 {
        let names = [format!("{round}a"), format!("{round}b")];
        let ends = thread::scope(|scope| {
            let run = |name: &String| {
                let (device, release) = (&device, release(name, 1, Flaw::None));
                scope.spawn(move || device.deploy(&release))
            };
            let both = [run(&names[0]), run(&names[1])];
            both.map(|thread| thread.join().unwrap())
        });
        let committed =
            ends.iter().filter(|end| matches!(end, Ok(receipt) if matches!(receipt.outcome(), Outcome::Committed { .. }))).count();
        assert!(committed >= 1, "{ends:?}");
        for end in &ends {
            if let Err(error) = end {
                assert_eq!(error.code(), Code::Locked, "{error}");
                assert!(error.to_string().contains("edgectl, process"), "{error}");
                races += 1;
            }
        }
        assert!(names.iter().any(|name| device.current() == Some(id(name))));
    }
    eprintln!("{races} of 10 races met the lock");
}

#[test]
fn host_keys_are_checked_before_anything_else() {
    let Some(mut device) = device() else { return };
    let unknown = device.folder.path().join("empty");
    fs::write(&unknown, "").unwrap();
    device.ssh.known_hosts = vec![unknown.clone()];
    let error = device.deploy(&release("1", 1, Flaw::None)).unwrap_err();
    assert_eq!(error.code(), Code::HostKey, "{error}");
    assert!(matches!(error, DeployError::Ssh(SshError::HostKeyUnknown { .. })), "{error}");

    let public = fs::read_to_string(SSHD.path("id.pub")).unwrap();
    fs::write(&unknown, format!("[127.0.0.1]:{} {public}", device.port)).unwrap();
    let error = device.deploy(&release("1", 1, Flaw::None)).unwrap_err();
    assert!(matches!(error, DeployError::Ssh(SshError::HostKeyChanged { .. })), "{error}");
    // Not even a person can accept a key that has changed.
    device.ssh.policy = edgectl_deploy::ssh::HostKeyPolicy::AcceptNew;
    let error = device.deploy(&release("1", 1, Flaw::None)).unwrap_err();
    assert!(matches!(error, DeployError::Ssh(SshError::HostKeyChanged { .. })), "{error}");

    device.ssh.pinned = Some("SHA256:AAAA".into());
    let error = device.deploy(&release("1", 1, Flaw::None)).unwrap_err();
    assert!(matches!(error, DeployError::Ssh(SshError::HostKeyPinned { .. })), "{error}");
    assert!(!device.root().exists());
    device.ssh.pinned = None;

    fs::write(&unknown, "# nobody").unwrap();
    let mut notes = vec![];
    let receipt = device.deploy_with(&release("1", 1, Flaw::None), &mut |event| {
        if let Event::Note { text } = event {
            notes.push(text);
        }
    });
    committed(receipt.unwrap().outcome());
    assert!(notes.iter().any(|note| note.contains("its key is remembered from now on: SHA256:")), "{notes:?}");
    device.ssh.policy = edgectl_deploy::ssh::HostKeyPolicy::Strict;
    device.deploy(&release("1", 1, Flaw::None)).unwrap();
}

#[test]
fn a_key_that_is_not_accepted_is_said() {
    let Some(mut device) = device() else { return };
    let other = device.folder.path().join("other");
    edgectl_testkit::ssh_keygen(&other, "ed25519").unwrap();
    device.ssh.identities = vec![other];
    let error = device.deploy(&release("1", 1, Flaw::None)).unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
    assert!(error.to_string().contains("other: not accepted"), "{error}");
}

#[test]
fn a_host_on_the_way() {
    let Some(mut device) = device() else { return };
    let config = device.folder.path().join("config");
    let (port, user) = (device.port, rig::user());
    fs::write(
        &config,
        format!("Host gate\n HostName 127.0.0.1\n Port {port}\n User {user}\nHost 127.0.0.1\n ProxyJump gate\n Compression yes\n"),
    )
    .unwrap();
    device.ssh.config = Some(config);
    let mut notes = vec![];
    let receipt = device.deploy_with(&release("1", 1, Flaw::None), &mut |event| {
        if let Event::Note { text } = event {
            notes.push(text);
        }
    });
    committed(receipt.unwrap().outcome());
    assert!(notes.iter().any(|note| note == "ignored in ssh's configuration: Compression"), "{notes:?}");
}
