//! What `bench` asks, finds and reports.

pub(crate) mod baseline;
pub(crate) mod connected;
pub(crate) mod devices;
mod html;
pub(crate) mod measurements;
mod peers;
mod report;
mod subject;
mod verdict;

use std::path::PathBuf;

use anyhow::{Context, Result};
use edgectl_bench::backend::{Backend, BackendError, Host, for_profile};
use edgectl_bench::baseline::Baseline;
use edgectl_bench::bench::{self, Question, THIS_MACHINE};
use edgectl_bench::budget::Budget;
use edgectl_bench::energy::Duty;
use edgectl_bench::finding::{BackendKind, Finding};
use edgectl_bench::measure::Protocol;
use edgectl_profile::{DType, Profile};
use rayon::prelude::*;

use connected::{Connected, Place};

pub(crate) use html::html;
pub(crate) use peers::Peer;
pub(crate) use report::WithDevices;
pub(crate) use report::{BenchReport, Entry, Failure};
pub(crate) use subject::{Candidate, CandidateError, without_data};

use crate::ui::Ui;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) models: Vec<PathBuf>,
    pub(crate) target: Where,
    pub(crate) budget: Budget,
    pub(crate) duty: Option<Duty>,
    /// What to compare with, and the share by which measured times may change.
    pub(crate) baseline: Option<(Baseline, f64)>,
}

/// What one model costs on some devices, by their cost models, for commands that are about something else. That it cannot run there is
/// part of the report.
pub(crate) fn estimate(candidate: Candidate, profiles: Vec<Profile>, ui: &Ui) -> Result<BenchReport> {
    let target = Where::Devices { backend: BackendKind::Estimate, profiles, kernels: None };
    Plan { models: vec![], target, budget: Budget::default(), duty: None, baseline: None }.bench(&[candidate], ui)
}

/// As [`estimate`] on one device, with limits.
pub(crate) fn within(candidate: Candidate, profile: Profile, budget: Budget, ui: &Ui) -> Result<BenchReport> {
    let target = Where::Devices { backend: BackendKind::Estimate, profiles: vec![profile], kernels: None };
    Plan { models: vec![], target, budget, duty: None, baseline: None }.bench(&[candidate], ui)
}

/// Where the models are benched.
#[derive(Debug)]
pub(crate) enum Where {
    /// On devices.
    Devices { backend: BackendKind, profiles: Vec<Profile>, kernels: Option<String> },
    /// On a device that is there.
    Connected { place: Box<Place>, profile: Box<Profile> },
    /// Here, beside other engines.
    Here { protocol: Protocol, peers: Vec<Peer> },
}

impl Plan {
    /// Finds all of it out. One model that one target cannot run is an error; of many, it is one line of the report.
    pub(crate) fn run(&self, ui: &Ui) -> Result<BenchReport> {
        let opened = self.models.par_iter().map(|path| Candidate::open(path, ui));
        let mut candidates = opened.collect::<Result<Vec<_>>>()?;
        subject::distinguish(&mut candidates);
        let mut report = self.bench(&candidates, ui)?;
        if let ([], [Failure { model, target, error, .. }, ..]) = (&report.findings[..], &mut report.failures[..]) {
            let error = error.take().context("nothing could be benched")?;
            return Err(error.context(format!("cannot bench {model} on {target}")));
        }
        Ok(report)
    }

    fn bench(&self, candidates: &[Candidate], ui: &Ui) -> Result<BenchReport> {
        let found = match &self.target {
            Where::Devices { backend, profiles, kernels } => self.on_devices(candidates, *backend, profiles, kernels.as_deref())?,
            Where::Connected { place, profile } => self.connected(candidates, place, profile, ui),
            Where::Here { protocol, peers } => self.here(candidates, *protocol, peers, ui)?,
        };
        let (mut entries, mut failures) = (vec![], vec![]);
        for (candidate, found) in found {
            match found {
                Ok(finding) => entries.push(self.entry(candidate, finding)?),
                Err(failure) => failures.push(failure),
            }
        }
        Ok(BenchReport::new(entries, failures))
    }

    fn on_devices<'c>(
        &self,
        candidates: &'c [Candidate],
        kind: BackendKind,
        profiles: &[Profile],
        kernels: Option<&str>,
    ) -> Result<Vec<(&'c Candidate, Result<Finding, Failure>)>> {
        let mut found = vec![];
        for candidate in candidates {
            for profile in profiles {
                // What runs a program runs our kernels; only the cost model knows others.
                let all = if kind == BackendKind::Estimate { devices::kernels(profile, kernels)? } else { vec![Host::KERNELS.into()] };
                for kernels in all {
                    let bench = || {
                        let backend = for_profile(kind, profile, &kernels)?;
                        let float = profile.kernels.get(&kernels).is_some_and(|library| library.dtype != DType::Int8);
                        candidate.expect_program_unless(float, kind)?;
                        Ok(bench::on_profile(self.question(candidate), &*backend, profile)?)
                    };
                    let failed = |error| Failure::new(candidate, &profile.name, &kernels, error);
                    found.push((candidate, bench().map_err(failed)));
                }
            }
        }
        Ok(found)
    }

    /// One after the other, since there is one device.
    fn connected<'c>(
        &self,
        candidates: &'c [Candidate],
        place: &Place,
        profile: &Profile,
        ui: &Ui,
    ) -> Vec<(&'c Candidate, Result<Finding, Failure>)> {
        let bench = |candidate: &'c Candidate| {
            candidate.expect_program_unless(false, BackendKind::Device)?;
            Ok(bench::on_profile(self.question(candidate), &Connected { place, profile, ui }, profile)?)
        };
        let failed = |candidate, error| Failure::new(candidate, &profile.name, Host::KERNELS, error);
        candidates.iter().map(|candidate| (candidate, bench(candidate).map_err(|error| failed(candidate, error)))).collect()
    }

    fn here<'c>(
        &self,
        candidates: &'c [Candidate],
        protocol: Protocol,
        peers: &[Peer],
        ui: &Ui,
    ) -> Result<Vec<(&'c Candidate, Result<Finding, Failure>)>> {
        let mut found = vec![];
        for candidate in candidates {
            let mut backends: Vec<Box<dyn Backend + 'c>> = vec![Box::new(Host { protocol })];
            backends.extend(peers.iter().flat_map(|&peer| peers::of(peer, candidate, protocol)));
            let progress = ui.progress("measuring", backends.len());
            for backend in &backends {
                match bench::here(self.question(candidate), &**backend) {
                    Ok(finding) => found.push((candidate, Ok(finding))),
                    // A peer is a comfort, and may be missing.
                    Err(error @ BackendError::Foreign { .. }) => {
                        ui.warning(format_args!("{}: {:#}", candidate.id.name, anyhow::Error::from(error)));
                    }
                    Err(error) => {
                        let error = candidate.why_no_program().unwrap_or_else(|| error.into());
                        found.push((candidate, Err(Failure::new(candidate, THIS_MACHINE, Host::KERNELS, error))));
                    }
                }
                progress.advance(1);
            }
        }
        Ok(found)
    }

    fn question<'a>(&self, candidate: &'a Candidate) -> Question<'a> {
        Question { model: &candidate.id, subject: candidate.subject(), duty: self.duty }
    }

    fn entry(&self, candidate: &Candidate, finding: Finding) -> Result<Entry> {
        let budget = bench::check(&self.budget, &finding, candidate.subject().program);
        let compare =
            |(baseline, tolerance): &(Baseline, f64)| baseline.compare(&finding, *tolerance).context("cannot compare with the baseline");
        // Peers come and go; what is compared is ours.
        let ours = finding.backend != BackendKind::Host || finding.engine.kernels == Host::KERNELS;
        let baseline = self.baseline.as_ref().filter(|_| ours).map(compare).transpose()?.unwrap_or_default();
        Ok(Entry { finding, budget, baseline })
    }
}
