//! A program on a Linux device for as long as it takes to time it: nothing is deployed, and nothing stays.

use edge_agent::model::{SelfTest, Timing};
use serde::de::DeserializeOwned;

use super::remote::{Remote, quote};
use super::{Ssh, SshError};
use crate::event::{Event, Step};
use crate::release::ReleaseFile;

/// How long is measured, in microseconds.
const MEASURED_US: f64 = 2e6;
/// Inferences that tell how many are measured.
const TRIAL: usize = 5;
/// The most that are measured.
const MOST: usize = 100_000;

/// What a device found.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its name for itself.
    pub hostname: String,
    /// Its architecture.
    pub arch: String,
    /// Times of inferences there.
    pub timing: Timing,
    /// How many golden vectors it computed as they are.
    pub vectors: u64,
}

/// Has a device replay golden vectors and time inferences, with an agent and a program in a folder that is gone afterwards. `agent` gives the
/// agent's binary for an architecture, where there is one.
///
/// # Errors
/// [`SshError`]; [`SshError::Device`] where the device computes other bytes.
pub fn bench(
    device: &Ssh,
    agent: &dyn Fn(&str) -> Option<Vec<u8>>,
    program: &[u8],
    golden: &[u8],
    events: &mut dyn FnMut(Event),
) -> Result<Run, SshError> {
    let remote = device.connect(events)?;
    let host = remote.host().to_owned();
    let arch = Ssh::probe(&remote)?.arch;
    let agent = agent(&arch).ok_or_else(|| SshError::Refused { host, message: format!("there is no agent for {arch}") })?;
    // Folders for temporary files are often such that nothing there is executed.
    let folder = remote.must("umask 077 && mktemp -d \"$HOME/.edgectl-bench.XXXXXX\"")?.trim().to_owned();
    let found =
        measure(&remote, &folder, [("edge-agent", agent), ("program.edgm", program.into()), ("golden.edgv", golden.into())], events);
    let cleaned = remote.must(&format!("rm -rf -- {}", quote(&folder)));
    let (vectors, timing) = found?;
    cleaned?;
    Ok(Run { hostname: remote.must("uname -n")?.trim().into(), arch, timing, vectors })
}

fn measure(remote: &Remote, folder: &str, files: [(&str, Vec<u8>); 3], events: &mut dyn FnMut(Event)) -> Result<(u64, Timing), SshError> {
    events(Event::Started { step: Step::Stage });
    let sftp = remote.sftp()?;
    for (name, content) in files {
        let file = ReleaseFile::in_memory(name, "", content);
        remote.upload(&sftp, &file, &format!("{folder}/{name}"), 0, &mut |_| (), &mut || Ok(()))?;
    }
    events(Event::Done { step: Step::Stage });
    let binary = quote(&format!("{folder}/edge-agent"));
    remote.must(&format!("chmod 700 {binary}"))?;
    let ask = |command: &str, options: &str| {
        let model = format!("--program {0}/program.edgm --golden {0}/golden.edgv", quote(folder));
        remote.run(&format!("{binary} {command} {model} {options}"))
    };
    events(Event::Started { step: Step::Health });
    // Vectors with other bytes are its status 1, and an answer.
    let (_, said) = ask("self-test", "")?;
    let found: SelfTest = understood(remote, &said)?;
    if let Some(first) = found.first {
        let message = format!("it computes other bytes than the host: {first}");
        return Err(SshError::Device { host: remote.host().into(), message });
    }
    let time = |iterations: usize| understood::<Timing>(remote, &ask("bench", &format!("--iterations {iterations}"))?.1);
    let trial = time(TRIAL)?;
    let timing = time(((MEASURED_US / trial.p50_us.max(1e-3)) as usize).clamp(TRIAL, MOST))?;
    events(Event::Done { step: Step::Health });
    Ok((found.vectors, timing))
}

fn understood<T: DeserializeOwned>(remote: &Remote, said: &str) -> Result<T, SshError> {
    serde_json::from_str(said).map_err(|_| SshError::Device {
        host: remote.host().into(),
        message: format!("its agent says what cannot be understood: {}", said.trim().chars().take(200).collect::<String>()),
    })
}
