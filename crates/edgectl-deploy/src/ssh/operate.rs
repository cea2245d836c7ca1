//! Status, history and the way back by hand.

use std::time::Duration;

use edge_agent::journal::{Entry, Phase};
use edge_agent::protocol::{Hello, PROTOCOL, Request, Response};
use serde::Serialize;
use ssh2::Sftp;

use super::remote::{Remote, quote};
use super::{Locked, RESTART, Ssh, SshError, VERIFY, unexpected};
use crate::error::DeployError;
use crate::event::{Event, Step};
use crate::receipt::Receipt;
use crate::target::Target;
use crate::transport::Options;

/// How a device is.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The device.
    pub target: Target,
    /// Its name for itself.
    pub hostname: String,
    /// Its architecture.
    pub arch: String,
    /// The application.
    pub application: String,
    /// The current release.
    pub current: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The one before.
    pub previous: Option<String>,
    /// Where the last deployment stands.
    pub phase: Phase,
    /// Whether the service says that it is well; `None` where it says nothing.
    pub healthy: Option<bool>,
    /// The highest security version that was committed.
    pub security_version: u32,
    /// Bytes that the account can still write.
    pub free_bytes: u64,
}

/// What became of deployments on a device.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// The device.
    pub target: Target,
    /// The oldest first.
    pub entries: Vec<Entry>,
}

/// Starts an agent and hears who is there.
pub(super) fn greet<'r>(remote: &'r Remote, sftp: &'r Sftp, binary: &str, root: String, arguments: &str) -> Result<Locked<'r>, SshError> {
    let mut agent = remote.agent(binary, &root, arguments)?;
    match agent.ask(&Request::Hello { protocol: PROTOCOL }, Duration::ZERO) {
        Ok(Response::Hello(hello)) => Ok(Locked { remote, sftp, agent, hello: *hello, root }),
        Ok(_) => Err(unexpected(remote.host())),
        // A binary that cannot be executed ends the conversation before it begins.
        Err(SshError::Device { .. }) => {
            let (status, output) = remote.run(&format!("{} --version", quote(binary)))?;
            let message = format!("its agent does not run: status {status}, {}", output.trim());
            Err(SshError::Device { host: remote.host().into(), message })
        }
        Err(error) => Err(error),
    }
}

impl Ssh {
    /// Talks to the agent that is on the device already.
    fn with_agent<R>(
        &self,
        application: &str,
        events: &mut dyn FnMut(Event),
        work: impl FnOnce(Locked<'_>, &mut dyn FnMut(Event)) -> Result<R, DeployError>,
    ) -> Result<R, DeployError> {
        let remote = self.connect(events)?;
        let root = self.root(application);
        let sftp = remote.sftp()?;
        // Of the files, only agents are executable. The newest one speaks for the device.
        let find = format!(
            "cd {} 2>/dev/null && for f in $(ls -t blobs 2>/dev/null); do \
             if [ -x \"blobs/$f\" ]; then echo \"$PWD/blobs/$f\"; exit 0; fi; done; exit 1",
            quote(&root)
        );
        let (status, output) = remote.run(&find)?;
        if status != 0 {
            let message = format!("{application} was never deployed to {root}");
            return Err(SshError::Device { host: remote.host().into(), message }.into());
        }
        let device = greet(&remote, &sftp, output.trim(), root, &self.device.agent_arguments)?;
        work(device, events)
    }

    fn hello(&self, application: &str) -> Result<Hello, DeployError> {
        self.with_agent(application, &mut |_| (), |device, _| {
            device.agent.end();
            Ok(device.hello)
        })
    }

    /// How the device is. Changes nothing there.
    ///
    /// # Errors
    ///
    /// Where it does not say.
    pub fn status(&self, application: &str) -> Result<Status, DeployError> {
        let hello = self.hello(application)?;
        let journal = &hello.journal;
        let version = match &hello.current {
            current if *current == journal.release => Some(journal.version.clone()),
            current if *current == journal.previous => Some(journal.previous_version.clone()),
            _ => None,
        };
        Ok(Status {
            target: Target::Ssh(self.target.clone()),
            hostname: super::remote::plain(&hello.hostname),
            arch: hello.arch.clone(),
            application: application.into(),
            version: version.filter(|version| !version.is_empty() && hello.current.is_some()),
            current: hello.current.clone(),
            previous: hello.previous.clone(),
            phase: journal.phase,
            healthy: hello.health.as_ref().map(|health| health.ok && Some(&health.release) == hello.current.as_ref()),
            security_version: journal.security_version,
            free_bytes: hello.free_bytes,
        })
    }

    /// What became of deployments there.
    ///
    /// # Errors
    ///
    /// Where the device does not say.
    pub fn history(&self, application: &str) -> Result<History, DeployError> {
        Ok(History { target: Target::Ssh(self.target.clone()), entries: self.hello(application)?.journal.history })
    }

    /// Goes back to the release before the current one, in the same steps and with the same proof as a deployment.
    ///
    /// # Errors
    ///
    /// Where there is none, the device refuses it, or does not say how it ended.
    pub fn rollback(&self, application: &str, options: &Options, events: &mut dyn FnMut(Event)) -> Result<Receipt, DeployError> {
        self.with_agent(application, events, |mut device, events| {
            let host = device.remote.host().to_owned();
            events(Event::Started { step: Step::Lock });
            device.agent.ask(&Request::Lock { operator: options.operator.clone() }, RESTART)?;
            events(Event::Done { step: Step::Lock });
            let before = device.hello.current.clone();
            let Response::Release { release, missing } = device.agent.ask(&Request::Previous, Duration::ZERO)? else {
                return Err(unexpected(&host).into());
            };
            events(Event::Started { step: Step::Verify });
            let bad = match device.agent.ask(&Request::Seal, VERIFY)? {
                Response::Sealed { bad } => bad,
                _ => return Err(unexpected(&host).into()),
            };
            if !missing.is_empty() || !bad.is_empty() {
                let message = format!("the release before, {}, is damaged: deploy its bundle instead", release.version);
                return Err(SshError::Device { host, message }.into());
            }
            events(Event::Done { step: Step::Verify });
            let outcome = self.conclude(device, &release, options, events)?;
            Ok(Receipt::new(&Target::Ssh(self.target.clone()), [&release.digest, &release.version], before, 0, outcome))
        })
    }
}
