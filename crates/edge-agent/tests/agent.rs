//! The binary from outside: golden vectors, inference, the service, its rights.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use edge_agent::machine::{Machine, Now};
use edge_agent::release::{FileSpec, ReleaseSpec};
use edge_agent::serve::health;
use edge_agent::service::ServiceSpec;
use edge_agent::storage::{Disk, Storage};
use edge_format::{DType, IoSpec, OpSpec, PlaceSpec, ProgramSpec, TableParams, TensorSpec, write, write_golden};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The binary; EDGE_AGENT names another one, with an emulator before it: `qemu-aarch64-static …/edge-agent`.
fn binary() -> Command {
    let words = std::env::var("EDGE_AGENT").unwrap_or_else(|_| env!("CARGO_BIN_EXE_edge-agent").into());
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// The architecture of the binary.
fn arch() -> String {
    std::env::var("EDGE_AGENT_ARCH").unwrap_or_else(|_| std::env::consts::ARCH.into())
}

const SIZE: u32 = 4;

/// A program that negates its input; real numbers are twice the stored ones.
fn program() -> Vec<u8> {
    let negation = (0..256).map(|index| (128 - index).min(127) as i8 as u8).collect();
    let tensor =
        |length: u32, place| TensorSpec { name: String::new(), dtype: DType::I8, shape: vec![length], place, scale: 2.0, zero_point: 0 };
    let io = |name: &str, tensor| vec![IoSpec { name: name.into(), tensor, shape: vec![SIZE] }];
    let spec = ProgramSpec {
        name: "negation".into(),
        arena_bytes: SIZE,
        tensors: vec![
            tensor(SIZE, PlaceSpec::Arena { offset: 0 }),
            tensor(256, PlaceSpec::Data(negation)),
            tensor(SIZE, PlaceSpec::Arena { offset: 0 }),
        ],
        ops: vec![OpSpec { params: TableParams {}.into(), inputs: vec![0, 1], outputs: vec![2] }],
        inputs: io("x", 0),
        outputs: io("y", 2),
        ..ProgramSpec::default()
    };
    write(&spec).unwrap()
}

fn golden(right: bool) -> Vec<u8> {
    let expected = if right { [0xff, 0xfe, 0xfd, 0xfc] } else { [0xff, 0xfe, 0xfd, 0] };
    write_golden(&[(&[1, 2, 3, 4], &[0xff, 0xfe, 0xfd, 0xfc]), (&[1, 2, 3, 4], &expected)]).unwrap()
}

/// Puts a release into a folder, as a session does it, and makes it the current one.
fn install(root: &Path, version: &str, golden: &[u8]) -> String {
    let contents: [(&str, &str, &[u8]); 2] = [("model.edgm", "program", &program()), ("golden.bin", "golden", golden)];
    let files = contents.map(|(path, role, bytes)| FileSpec {
        path: path.into(),
        role: role.into(),
        sha256: edge_agent::hex(&Sha256::digest(bytes)),
        size: bytes.len() as u64,
    });
    let digest = edge_agent::hex(&Sha256::digest(version));
    let spec = ReleaseSpec { digest, version: version.into(), security_version: 1, files: files.into(), service: ServiceSpec::None };
    let mut machine = Machine::new(Disk::new(root));
    machine.prepare().unwrap();
    for (file, (_, _, bytes)) in spec.files.iter().zip(contents) {
        machine.storage.write(&format!("staging/{}.part", file.sha256), bytes).unwrap();
    }
    assert_eq!(machine.seal(&spec).unwrap(), [""; 0]);
    let now = Now { boot_id: "boot".into(), boot_ms: 0, unix_s: 0 };
    machine.arm(&spec, "test", &now, 1000).unwrap();
    machine.switch().unwrap();
    machine.commit(&now).unwrap();
    spec.id().into()
}

fn agent(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = binary().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Who refuses its arguments does not read.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output
}

fn files(folder: &Path) -> [String; 3] {
    let path = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    [path("model.edgm", &program()), path("good.bin", &golden(true)), path("bad.bin", &golden(false))]
}

#[test]
fn golden_vectors_are_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let [program, good, bad] = files(folder.path());
    let output = agent(&["self-test", "--program", &program, "--golden", &good], b"");
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"{\"vectors\":2,\"mismatches\":0}\n"[..]), "{output:?}");
    let output = agent(&["self-test", "--program", &program, "--golden", &bad], b"");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &found["mismatches"], found["first"].as_str()),
        (Some(1), &1.into(), Some("vector 2, byte 3 of the outputs"))
    );
    let output = agent(&["self-test", "--program", &program, "--golden", &program], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("golden vectors: "), "{output:?}");
    let output = agent(&["self-test", "--program", &good], b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no program that this runtime executes"), "{output:?}");
}

#[test]
fn inferences_are_lines_of_json_or_raw_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let [program, ..] = files(folder.path());
    let output = agent(&["infer", "--program", &program], b"[2, 4, -6, 0]\n{\"x\": [[2, 4], [6, 1000]]}\n\n{\"input\": [0, 0, 0, 2]}\n");
    let answers: Vec<Value> =
        output.stdout.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
    let outputs: Vec<&Value> = answers.iter().map(|answer| &answer["output"]["y"]).collect();
    let expected = [[-2.0, -4.0, 6.0, 0.0], [-2.0, -4.0, -6.0, -254.0], [0.0, 0.0, 0.0, -2.0]].map(|list| serde_json::json!(list));
    assert_eq!(outputs, expected.iter().collect::<Vec<_>>(), "{output:?}");

    let output = agent(&["infer", "--raw", "--program", &program], &[1, 2, 3, 4, 0x80, 0, 1, 0xff]);
    assert_eq!(output.stdout, [0xff, 0xfe, 0xfd, 0xfc, 0x7f, 0, 0xff, 1]);
    let input = folder.path().join("input");
    fs::write(&input, [1, 2, 3]).unwrap();
    let output = agent(&["infer", "--raw", "--program", &program, "--input", input.to_str().unwrap()], b"");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: input 1: expected 4 bytes, found 3\n");

    for (line, says) in [
        ("[1]", "input 1: input `x`: expected 4 numbers, found 1"),
        ("{\"z\": [1]}", "input 1: no input `x`"),
        ("[1, 2, 3, \"4\"]", "input 1: input `x`: expected numbers, found \"4\""),
        ("nonsense", "input 1: expected ident"),
        ("[1,2,3,4]\n[", "input 2: EOF while parsing"),
    ] {
        let output = agent(&["infer", "--program", &program], line.as_bytes());
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{line}: {output:?}");
    }
}

#[test]
fn times_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let [program, good, _] = files(folder.path());
    let output = agent(&["bench", "--program", &program, "--golden", &good, "--iterations", "50"], b"");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((found["iterations"].as_u64(), found["arena_bytes"].as_u64()), (Some(50), Some(4)));
    assert!(found["p50_us"].as_f64().unwrap() <= found["p99_us"].as_f64().unwrap(), "{found}");
}

#[test]
fn a_command_line_that_is_none_is_said() {
    for (arguments, says) in [
        (&[][..], "no command"),
        (&["nonsense"], "unknown command `nonsense`"),
        (&["run"], "--root is missing"),
        (&["infer"], "expected --release FOLDER or --program FILE"),
        (&["bench", "--iterations", "x"], "invalid digit"),
        (&["run", "--root", "/nowhere"], "cannot read /nowhere/current"),
    ] {
        let output = agent(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{arguments:?}: {output:?}");
    }
}

/// A service, ended with the value.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn serve(root: &Path, change: impl FnOnce(&mut Command)) -> Service {
    let mut command = binary();
    command.args(["run", "--root"]).arg(root).stderr(Stdio::null());
    change(&mut command);
    let service = Service(command.spawn().unwrap());
    let begin = Instant::now();
    while health(root, Duration::from_secs(1)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the service does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
    service
}

fn post(socket: &Path, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = vec![];
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.as_bytes().to_vec())
}

#[test]
fn the_service_answers_and_says_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than a socket's name may be.
    let root: PathBuf = folder.path().join("long".repeat(40));
    fs::create_dir_all(&root).unwrap();
    let id = install(&root, "1", &golden(true));
    let service = serve(&root, |_| ());
    let found = health(&root, Duration::from_secs(2)).unwrap();
    assert_eq!((found.ok, found.release, found.pid), (true, id, service.0.id()));
    assert_eq!((found.self_test.vectors, found.self_test.mismatches), (2, 0));

    // A name of its own for what is too long to connect to.
    std::os::unix::fs::symlink(root.join("run"), folder.path().join("run")).unwrap();
    let socket = folder.path().join("run/agent.sock");
    let (status, body) = post(&socket, "/infer", b"[2,4,6,8]\n[0,0,0,2]\n");
    let answers: Vec<Value> = String::from_utf8(body).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, &answers[1]["output"]["y"]), (200, &serde_json::json!([0.0, 0.0, 0.0, -2.0])));
    let (status, body) = post(&socket, "/infer", b"[2]\n");
    assert_eq!((status, String::from_utf8_lossy(&body).contains("expected 4 numbers, found 1")), (400, true));
    assert_eq!(post(&socket, "/nonsense", b"").0, 404);
    assert_eq!(health(&root, Duration::from_secs(2)).unwrap().inferences, 2);

    // What is no HTTP, is cut short or says nothing harms nobody else.
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..50 {
        let mut stream = UnixStream::connect(&socket).unwrap();
        let noise: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(..)).collect();
        let _: Result<_, _> = stream.write_all(&noise);
    }
    let mut stream = UnixStream::connect(&socket).unwrap();
    let _: Result<_, _> = stream.write_all(b"POST /infer HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n");
    assert!(health(&root, Duration::from_secs(5)).unwrap().ok);
    // A hundred at once wait for their turn.
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert_eq!(post(&socket, "/infer", b"[2,4,6,8]\n").0, 200));
        }
    });
}

#[test]
fn a_service_with_wrong_vectors_never_becomes_one() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), "1", &golden(false));
    let output = agent(&["run", "--root", folder.path().to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: golden vectors: 1 of 2 have other bytes, first vector 2, byte 3 of the outputs\n"
    );
}

#[test]
fn systemd_hears_that_it_is_ready_and_well() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), "1", &golden(true));
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _service = serve(folder.path(), |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000");
    });
    let mut said = vec![];
    for _ in 0..3 {
        let mut buffer = [0; 100];
        let length = socket.recv(&mut buffer).unwrap();
        said.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    assert_eq!(said, ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
}

#[test]
fn systemd_understands_the_unit_and_shuts_it_in() {
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).output();
    if analyze(&["--version"]).is_err() {
        eprintln!("SKIPPED: no systemd-analyze here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("digits");
    let binary = root.join("current/bin/edge-agent");
    fs::create_dir_all(binary.parent().unwrap()).unwrap();
    fs::copy("/bin/true", &binary).unwrap();
    let unit = folder.path().join("digits.service");
    fs::write(&unit, agent(&["unit", "--root", root.to_str().unwrap()], b"").stdout).unwrap();
    let unit = unit.to_str().unwrap();
    let verified = analyze(&["verify", "--man=no", unit]).unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Other units of the machine may have faults of their own.
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("digits.service")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    // The threshold is the exposure times ten, from 0 (shut in) to 100; a service without any measure has 96.
    let secured = analyze(&["security", "--offline=true", "--no-pager", "--threshold=35", unit]).unwrap();
    assert!(secured.status.success(), "{}", String::from_utf8_lossy(&secured.stdout));
}

#[test]
fn the_rights_of_root_are_given_up() {
    if !rustix::process::geteuid().is_root() || std::env::var_os("EDGE_AGENT").is_some() {
        eprintln!("SKIPPED: only root has rights to give up, and an emulator has threads of its own that keep them");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    install(folder.path(), "1", &golden(true));
    let service = serve(folder.path(), |command| {
        command.args(["--account", "nobody"]);
    });
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{}/task", service.0.id())).unwrap() {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let line = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(line("Uid:"), ["65534"; 4]);
        assert_eq!(line("Gid:"), ["65534"; 4]);
        assert_eq!(line("CapEff:"), ["0000000000000000"]);
        assert_eq!(line("NoNewPrivs:"), ["1"]);
        threads += 1;
    }
    assert!(threads >= 2);
    let output = agent(&["run", "--account", "nonsense", "--root", folder.path().to_str().unwrap()], b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no account `nonsense`"), "{output:?}");
}

#[test]
fn a_reader_finds_a_release_at_any_moment_of_a_switch() {
    const SWITCHES: usize = 1500;
    // In memory where there is such a place: a disk would take long to sync.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let ids = [install(folder.path(), "1", &golden(true)), install(folder.path(), "2", &golden(true))];
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (reads, missing) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut missing) = (0u64, 0u64);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                reads += 1;
                missing += u64::from(fs::metadata(folder.path().join("current/model.edgm")).is_err());
            }
            (reads, missing)
        });
        let mut machine = Machine::new(Disk::new(folder.path()));
        let now = Now { boot_id: "boot".into(), boot_ms: 0, unix_s: 0 };
        for switch in 0..SWITCHES {
            let spec = machine.spec(&ids[switch % 2]).unwrap();
            machine.arm(&spec, "test", &now, 1000).unwrap();
            machine.switch().unwrap();
            machine.commit(&now).unwrap();
            // A long history takes long to write.
            let mut journal = machine.journal().unwrap();
            journal.history.clear();
            journal.store(&mut machine.storage).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap()
    });
    eprintln!("{missing} of {reads} reads found nothing in {SWITCHES} switches");
    assert!(missing == 0 && reads > 0);
}

#[test]
fn a_session_answers_nonsense_with_an_error_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("app");
    let input = b"nonsense\n{\"request\":\"hello\",\"protocol\":99}\n{\"request\":\"commit\"}\n{\"request\":\"hello\",\"protocol\":1}\n";
    let output = agent(&["session", "--root", root.to_str().unwrap()], input);
    let answers: Vec<Value> =
        output.stdout.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
    let codes: Vec<_> = answers.iter().map(|answer| answer["code"].as_str().unwrap_or("none")).collect();
    assert_eq!(codes, ["protocol", "protocol", "state", "none"]);
    assert_eq!(answers[3]["arch"], arch());
    assert!(!root.exists(), "hello has changed something");
}

#[test]
fn a_journal_that_cannot_be_understood_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), "1", &golden(true));
    for text in ["", "{}", "{\"format\":2}", "nonsense"] {
        fs::write(folder.path().join("journal.json"), text).unwrap();
        let output = agent(&["boot", "--root", folder.path().to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("the journal cannot be understood"), "{text}: {output:?}");
    }
}
