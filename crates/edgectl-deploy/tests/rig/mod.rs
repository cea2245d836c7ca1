//! A real OpenSSH server as the device, and releases of a real program for it.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_format::{DType, IoSpec, OpSpec, PlaceSpec, ProgramSpec, TableParams, TensorSpec, write};
use edgectl_deploy::ssh::{DeviceOptions, HostKeyPolicy, Ssh, SshOptions};
use edgectl_deploy::target::SshTarget;
use edgectl_deploy::{DeployError, Event, Options, Receipt, Release, ReleaseFile, ReleaseTarget, Transport};
use edgectl_testkit::{Sshd, agent};
use tempfile::TempDir;

/// The application of all tests.
pub(crate) const APPLICATION: &str = "negation";
const SIZE: u32 = 16;

/// A device: a folder behind a server.
pub(crate) struct Device {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    pub(crate) ssh: SshOptions,
    pub(crate) device: DeviceOptions,
    pub(crate) options: Options,
}

impl Device {
    /// Behind this server, reached on this port: the server's own, or a proxy's.
    pub(crate) fn new(sshd: &Sshd, port: u16) -> Device {
        Device::at(sshd, port, tempfile::Builder::new().prefix("device").tempdir().unwrap())
    }

    pub(crate) fn at(sshd: &Sshd, port: u16, folder: TempDir) -> Device {
        // The proxy has another port, and the same keys.
        let known = folder.path().join("known_hosts");
        let text = fs::read_to_string(sshd.path("known_hosts")).unwrap();
        fs::write(&known, text.replace(&format!(":{} ", sshd.port()), &format!(":{port} "))).unwrap();
        let ssh = SshOptions {
            home: folder.path().into(),
            local_user: user(),
            config: None,
            identities: vec![sshd.path("id")],
            known_hosts: vec![known],
            policy: HostKeyPolicy::Strict,
            pinned: None,
            timeout: Duration::from_secs(5),
        };
        let device = DeviceOptions {
            passes: 2,
            interval: Duration::from_millis(50),
            health_timeout: Duration::from_secs(5),
            ..DeviceOptions::default()
        };
        let options = Options { timeout: ssh.timeout, deadline: Duration::from_secs(20), ..Options::default() };
        Device { folder, port, ssh, device, options }
    }

    pub(crate) fn target(&self) -> SshTarget {
        let folder = self.folder.path().join("opt").to_str().unwrap().to_owned();
        SshTarget { user: Some(user()), host: "127.0.0.1".into(), port: Some(self.port), folder: Some(folder) }
    }

    pub(crate) fn transport(&self) -> Ssh {
        Ssh::new(self.target(), self.ssh.clone(), self.device.clone())
    }

    pub(crate) fn deploy(&self, release: &Release) -> Result<Receipt, DeployError> {
        self.deploy_with(release, &mut |_| ())
    }

    pub(crate) fn deploy_with(&self, release: &Release, events: &mut dyn FnMut(Event)) -> Result<Receipt, DeployError> {
        self.transport().deploy(release, &self.options, events)
    }

    /// The application's folder.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("opt").join(APPLICATION)
    }

    /// The release that the link leads to.
    pub(crate) fn current(&self) -> Option<String> {
        let target = fs::read_link(self.root().join("current")).ok()?;
        Some(target.file_name().unwrap().to_str().unwrap().into())
    }

    pub(crate) fn journal(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.root().join("journal.json")).unwrap()).unwrap()
    }

    /// The release that the service says it executes, where it answers.
    pub(crate) fn running(&self) -> Option<String> {
        edge_agent::serve::health(&self.root(), Duration::from_secs(2)).ok().filter(|health| health.ok).map(|health| health.release)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // The service outlives the session, as it should.
        let _: Result<_, _> = edge_agent::service::apply(&self.root(), &edge_agent::service::ServiceSpec::Process, None);
    }
}

pub(crate) fn user() -> String {
    let output = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// What is wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    None,
    /// A golden vector that the program does not reproduce.
    Golden,
    /// A program that is none.
    Program,
    /// A service that ends at once.
    Ends,
    /// A service that never answers.
    Hangs,
    /// A service that is well for a moment.
    Flaps,
}

/// A program that negates its input.
pub(crate) fn program() -> Vec<u8> {
    let negation = (0..256).map(|index| (128 - index).min(127) as i8 as u8).collect();
    let tensor =
        |length: u32, place| TensorSpec { name: String::new(), dtype: DType::I8, shape: vec![length], place, scale: 1.0, zero_point: 0 };
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

/// Golden vectors of it, right ones or wrong ones.
pub(crate) fn golden(right: bool) -> Vec<u8> {
    let vectors = [1i8, 7].map(|value| ([value as u8; SIZE as usize], [(-value) as u8; SIZE as usize]));
    let mut bytes = edge_format::write_golden(&vectors.each_ref().map(|(input, output)| (&input[..], &output[..]))).unwrap();
    if !right {
        *bytes.last_mut().unwrap() ^= 1;
    }
    bytes
}

/// The agent, or a script around it that has a flaw.
fn runtime(flaw: Flaw) -> Vec<u8> {
    let agent = agent().unwrap();
    let run = match flaw {
        Flaw::None | Flaw::Golden | Flaw::Program => return fs::read(agent).unwrap(),
        Flaw::Ends => "exit 1",
        Flaw::Hangs => "exec sleep 60",
        Flaw::Flaps => "\"$agent\" \"$@\" & service=$!; sleep 0.4; kill $service; sleep 60",
    };
    // Found by their digests: the script must be as unique as the agent is.
    format!("#!/bin/sh\nagent='{}'\nif [ \"$1\" = run ]; then {run}; fi\nexec \"$agent\" \"$@\"\n", agent.display()).into_bytes()
}

/// A release.
pub(crate) fn release(version: &str, security_version: u32, flaw: Flaw) -> Release {
    let program = if flaw == Flaw::Program { b"no program".to_vec() } else { program() };
    let files = vec![
        ReleaseFile::in_memory("bin/edge-agent", "runtime", runtime(flaw)),
        ReleaseFile::in_memory("model.edgm", "program", program),
        ReleaseFile::in_memory("golden.bin", "golden", golden(flaw != Flaw::Golden)),
        ReleaseFile::in_memory("version.txt", "labels", version.as_bytes().to_vec()),
    ];
    with_files(version, security_version, files)
}

/// A release of these files.
pub(crate) fn with_files(version: &str, security_version: u32, files: Vec<ReleaseFile>) -> Release {
    let all = (0..files.len()).collect();
    let target = ReleaseTarget {
        profile: "this".into(),
        arch: std::env::consts::ARCH.into(),
        soc: String::new(),
        linux: true,
        files: all,
        ..ReleaseTarget::default()
    };
    Release {
        name: APPLICATION.into(),
        version: version.into(),
        digest: edge_agent::hex(&<sha2::Sha256 as sha2::Digest>::digest(version)),
        security_version,
        targets: vec![target],
        files,
    }
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed() < within, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder of a release of this version.
pub(crate) fn id(version: &str) -> String {
    edge_agent::hex(&<sha2::Sha256 as sha2::Digest>::digest(version))[..16].into()
}

/// The file at a path has this content.
pub(crate) fn holds(path: &Path, content: &[u8]) -> bool {
    fs::read(path).is_ok_and(|found| found == content)
}
