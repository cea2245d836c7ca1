//! The back end `device`: a device that is connected, or reached over SSH.

use std::num::NonZeroUsize;

use edgectl_bench::backend::{Answer, Backend, BackendError, Host, Subject};
use edgectl_bench::device;
use edgectl_bench::finding::{BackendKind, Engine, Latency};
use edgectl_deploy::ssh::{self, DeviceOptions, Ssh, SshOptions};
use edgectl_deploy::target::SshTarget;
use edgectl_deploy::{DeployError, Event, Options, Target};
use edgectl_profile::{Profile, System};
use thiserror::Error;

use crate::packaging;
use crate::ui::{Ui, bytes};

/// Vectors that a device must compute as they are here, before its times count.
const VECTORS: NonZeroUsize = NonZeroUsize::new(8).expect("it is not zero");

/// Where the device is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) options: Options,
    pub(crate) ssh: SshOptions,
}

/// A device at its place, with the profile that it is said to be of.
pub(crate) struct Connected<'a> {
    pub(crate) place: &'a Place,
    pub(crate) profile: &'a Profile,
    pub(crate) ui: &'a Ui,
}

/// Why this device cannot be asked.
#[derive(Debug, Error)]
pub(crate) enum ConnectedError {
    #[error("{profile} is reached with {expected}, found {found}")]
    Scheme { profile: String, expected: &'static str, found: String },
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

impl Backend for Connected<'_> {
    fn kind(&self) -> BackendKind {
        BackendKind::Device
    }

    fn bench(&self, subject: Subject<'_>) -> Result<Answer, BackendError> {
        let Some(_) = subject.program else {
            return Err(BackendError::NoProgram { model: subject.workload.name.clone(), backend: BackendKind::Device });
        };
        let asked = match (&self.place.target, self.profile.system) {
            (Target::Serial(port), System::BareMetal) => self.board(port, subject),
            (Target::Ssh(target), System::Linux) => self.linux(target, subject),
            (other, system) => Err(ConnectedError::Scheme {
                profile: self.profile.name.clone(),
                expected: if system == System::Linux { "ssh:" } else { "serial:" },
                found: other.to_string(),
            }
            .into()),
        };
        asked.map_err(|source| BackendError::Device { target: self.place.target.to_string(), source })
    }
}

impl Connected<'_> {
    fn board(&self, port: &str, Subject { workload, program, bytes: file }: Subject<'_>) -> Result<Answer, AnyError> {
        let program = program.ok_or("no program")?;
        let line = self.ui.line(&workload.name);
        let mut sent = |done: u32, total: u32| line.say(&format!("sending {} of {}", bytes(done.into()), bytes(total.into())));
        let run = edgectl_deploy::lend(port, &self.profile.soc, file, &self.place.options, &mut sent, |client, identity| {
            line.say("running");
            device::run(client, identity, file, program)
        });
        let run = run.map_err(DeployError::from)??;
        let provenance = format!(
            "measured on the board: {} cycles at {} MHz, outputs equal the host's; the board runs again what it ran before",
            run.cycles,
            run.clock_hz / 1_000_000
        );
        Ok(Answer::of_run(&run, workload, run.firmware.clone(), provenance))
    }

    fn linux(&self, target: &SshTarget, Subject { workload, program, bytes: file }: Subject<'_>) -> Result<Answer, AnyError> {
        let program = program.ok_or("no program")?;
        let golden = packaging::random_vectors(program, VECTORS, 0, self.ui)?.bytes;
        let line = self.ui.line(&workload.name);
        let mut events = |event: Event| match event {
            Event::Started { step } => line.say(&step.to_string()),
            Event::Note { text } => self.ui.warning(text),
            _ => {}
        };
        let device = Ssh::new(target.clone(), self.place.ssh.clone(), DeviceOptions::default());
        let run = ssh::bench(&device, &|arch| edgectl_firmware::agent(arch), file, &golden, &mut events).map_err(DeployError::from)?;
        let timing = run.timing;
        Ok(Answer {
            engine: Engine {
                kernels: Host::KERNELS.into(),
                title: format!("edge-agent on {} ({}, {})", run.hostname, run.arch, timing.isa),
                dtype: "int8".into(),
                threads: 1,
            },
            latency: Latency { value_us: timing.p50_us, interval: None, times: None },
            ops: vec![],
            provenance: format!(
                "measured on {}: median of {} inferences, the fastest {} us, 99 % within {} us; {} random vectors equal the host's",
                run.hostname, timing.iterations, timing.min_us, timing.p99_us, run.vectors
            ),
        })
    }
}
