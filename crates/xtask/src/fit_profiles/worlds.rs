//! The fits: one for each world, with its prior and its groups, and what cross-validation says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use edgectl_profile::fit::{Group, KERNEL_TERMS, MAC_TERMS, Observation, Problem, Solution, Terms, share, unite};

use super::measurements::{Measurement, World};

/// Coefficients where nothing was measured, in cycles and in the order of `fit::TERMS`; only their ratios matter, since the scale of
/// everything is fitted. On Linux: vector instructions, so a multiplication costs little and an element read, packed or written costs ten of them.
const LINUX_PRIOR: Terms =
    [0.04, 0.09, 0.5, 0.15, 0.6, 0.045, 0.6, 0.45, 0.22, 0.75, 0.45, 0.15, 0.09, 0.75, 0.45, 3.0, 0.15, 7500.0, 0.1, 30_000.0, 0.09, 0.22];
/// On microcontrollers a multiplication costs one to two cycles at best. A fully connected layer costs half more per multiplication than a
/// convolution (`kernels.csv`: ESP-NN and CMSIS-NN), since no weight is used twice.
const MICRO_PRIOR: Terms =
    [1.9, 1.9, 2.0, 1.0, 30.0, 1.5, 1.0, 30.0, 4.0, 1.0, 30.0, 2.2, 2.2, 15.0, 3.0, 500.0, 1.0, 3000.0, 0.5, 10_000.0, 1.9, 4.0];

/// On GPUs: hundreds of multiplications per cycle, memory that delivers some ten bytes per cycle, and launching a kernel costs microseconds.
const GPU_PRIOR: Terms =
    [0.02, 0.03, 0.02, 0.01, 0.2, 0.03, 0.15, 0.15, 0.1, 0.2, 0.2, 0.06, 0.04, 0.3, 0.1, 0.5, 0.08, 25_000.0, 0.05, 50_000.0, 0.03, 0.1];

/// Families that a cell must have besides the one that is left out.
pub(super) const LEAST_FAMILIES: usize = 2;

/// Positions of kernels.
const TAP: usize = 3;

/// What groups are about, and how far they may depart from others.
type Spread = (&'static str, Group);

impl World {
    fn prior(self) -> Terms {
        match self {
            World::Gpu => GPU_PRIOR,
            World::Linux => LINUX_PRIOR,
            World::Micro => MICRO_PRIOR,
        }
    }

    /// How far the members of groups may depart from what is around them, by what the groups are about. Those of Linux and of GPUs are where
    /// [`Problem::evidence`] is greatest (`cargo xtask fit-profiles --tune`); microcontrollers have too few models for that (it would tie all boards together), so theirs are
    /// chosen by hand.
    fn spreads(self) -> Vec<Spread> {
        let group = |spread, kind_spread, scale_spread| Group { spread, kind_spread, scale_spread };
        match self {
            World::Linux => vec![
                ("all", group(0.35, 0.17, 2.0)),
                ("dtype", group(0.3, 0.25, 2.0)),
                ("library", group(0.6, 0.29, 2.0)),
                ("core", group(0.18, 0.38, 2.0)),
                ("library and dtype", group(0.37, 0.77, 2.0)),
                ("cell", group(0.054, 0.072, 2.0)),
            ],
            World::Micro => vec![
                ("all", group(0.7, 0.0, 3.0)),
                ("library", group(0.6, 0.0, 2.0)),
                ("core", group(0.6, 0.0, 1.0)),
                ("library and core", group(0.4, 0.0, 1.0)),
                ("cell", group(0.1, 0.0, 0.3)),
            ],
            World::Gpu => vec![
                ("all", group(1.0, 1.0, 5.0)),
                ("library", group(0.18, 1.6, 2.0)),
                ("core", group(0.3, 0.64, 1.2)),
                ("cell", group(0.07, 0.12, 0.13)),
            ],
        }
    }

    /// Kernels that are not told apart (see [`unite`]).
    fn united(self) -> &'static [[usize; 2]] {
        match self {
            // Few measured models have large kernels: the evidence is greater where these are no class of their own.
            World::Gpu => &KERNEL_TERMS[1..],
            World::Linux => &[],
            // No library for microcontrollers has an algorithm of its own for 3×3 kernels, nor for those beyond.
            World::Micro => &KERNEL_TERMS,
        }
    }

    /// The error of a measurement that is nobody's fault, relative.
    fn noise(self) -> f64 {
        match self {
            World::Linux => 0.05,
            World::Micro | World::Gpu => 0.1,
        }
    }

    /// The groups of a measurement from coarse to fine, in the order of `spreads`.
    fn groups(self, m: &Measurement, spreads: &[Spread]) -> Vec<(String, Group)> {
        let Measurement { board, core, library, threads, .. } = m;
        let dtype = m.dtype.name();
        let name = |about: &str| match (about, self) {
            ("all", _) => String::new(),
            ("dtype", _) => dtype.to_owned(),
            ("library", _) => library.clone(),
            // One core of several has their memory for itself.
            ("core", World::Linux) => format!("{core} {}", if threads == "1" { "single" } else { "multi" }),
            ("core", World::Micro) => core.clone(),
            ("core", World::Gpu) => board.clone(),
            ("library and core", _) => format!("{library} {core}"),
            ("library and dtype", _) => format!("{library} {dtype}"),
            _ => m.cell(),
        };
        spreads.iter().map(|&(about, group)| (format!("{about} {}", name(about)), group)).collect()
    }
}

impl Measurement {
    /// Whether it is a single layer.
    pub(super) fn is_kernel(&self) -> bool {
        self.id.starts_with("kernels")
    }

    /// Whether it is a depthwise layer of a single input channel, which has another kernel.
    pub(super) fn is_first(&self) -> bool {
        self.sizes[8] > 0.0 && self.sizes[10] > 1.9 * self.sizes[9]
    }

    /// Board, library, data type and threads: what one entry of a profile is about.
    pub(super) fn cell(&self) -> String {
        format!("{} {} {} x{}", self.board, self.library, self.dtype.name(), self.threads)
    }
}

/// A world's fit.
pub(super) struct Fit {
    pub(super) world: World,
    pub(super) solution: Solution,
    groups: BTreeMap<String, usize>,
    pub(super) rows: Vec<Row>,
}

/// A measurement and its estimates, in cycles.
pub(super) struct Row {
    pub(super) measurement: Measurement,
    /// From a fit without the model's family.
    pub(super) without_family: Option<f64>,
    /// From a fit without the model, whatever its board: its family's other members may be there.
    pub(super) without_model: Option<f64>,
}

/// The measurements of a world.
fn of(world: World, measurements: &[Measurement]) -> Vec<Measurement> {
    let mut measurements: Vec<Measurement> = measurements.iter().filter(|m| m.world == world && !m.is_kernel()).cloned().collect();
    measurements.iter_mut().for_each(|m| unite(&mut m.sizes, world.united()));
    if world == World::Linux {
        // Windows are packed into a matrix there; no loop begins at each position of a kernel.
        measurements.iter_mut().for_each(|m| m.sizes[TAP] = 0.0);
    }
    measurements
}

/// What is to be fitted, and the groups' names with their indices.
fn problem(world: World, measurements: &[Measurement], spreads: &[Spread]) -> (Problem, BTreeMap<String, usize>) {
    let mut groups = BTreeMap::new();
    let noise = world.noise();
    let mut problem = Problem { prior: world.prior(), groups: Vec::new(), observations: Vec::new(), noise, outlier: noise };
    for m in measurements {
        let indices = world.groups(m, spreads).into_iter().map(|(name, group)| {
            *groups.entry(name).or_insert_with(|| {
                problem.groups.push(group);
                problem.groups.len() - 1
            })
        });
        let groups = indices.collect();
        problem.observations.push(Observation { sizes: m.sizes, cycles: m.cycles, groups });
    }
    (problem, groups)
}

/// Fits the measurements of a world.
pub(super) fn fit(world: World, measurements: &[Measurement]) -> Fit {
    let measurements = of(world, measurements);
    let (problem, groups) = problem(world, &measurements, &world.spreads());
    let solution = problem.solve();
    let families = cross_validate(&problem, &measurements, |m| &m.family);
    let models = cross_validate(&problem, &measurements, |m| &m.model);
    let rows = measurements.into_iter().zip(families).zip(models);
    let rows = rows.map(|((measurement, without_family), without_model)| Row { measurement, without_family, without_model });
    Fit { world, rows: rows.collect(), solution, groups }
}

/// What of a group is tuned.
#[derive(Clone, Copy)]
enum Part {
    Each,
    Kind,
}

/// Looks for the spreads at which the evidence is greatest, from those in use on: one after the other, in steps of a fifth, until none helps.
/// Cross-validation has no part in it. Prints them.
pub(super) fn tune(world: World, measurements: &[Measurement]) {
    let measurements = of(world, measurements);
    let evidence = |spreads: &[Spread]| problem(world, &measurements, spreads).0.evidence().unwrap_or(f64::NEG_INFINITY);
    let mut spreads = world.spreads();
    let mut best = evidence(&spreads);
    println!("{world:?}: {best:.1}");
    loop {
        let before = best;
        for index in 0..spreads.len() {
            for factor in [0.8, 1.25] {
                for part in [Part::Each, Part::Kind] {
                    let mut tried = spreads.clone();
                    match part {
                        Part::Each => tried[index].1.spread *= factor,
                        Part::Kind => tried[index].1.kind_spread *= factor,
                    }
                    let found = evidence(&tried);
                    if found > best + 0.1 {
                        (best, spreads) = (found, tried);
                    }
                }
            }
        }
        println!("{world:?}: {best:.1} {spreads:?}");
        if best - before < 0.5 {
            break;
        }
    }
}

/// Each measurement's cycles, estimated without those of the same `key`; nothing where these leave too little to learn from.
fn cross_validate(problem: &Problem, measurements: &[Measurement], key: fn(&Measurement) -> &str) -> Vec<Option<f64>> {
    // A main operator that no other model has cannot be learned from others, and one family does not tell coefficients apart.
    let learnable = |m: &Measurement| {
        let others = || measurements.iter().filter(|other| key(other) != key(m));
        let families: BTreeSet<&str> = others().filter(|other| other.cell() == m.cell()).map(|other| other.family.as_str()).collect();
        families.len() >= LEAST_FAMILIES
            && MAC_TERMS.iter().all(|&term| m.sizes[term] < 0.1 * m.macs || others().any(|other| other.sizes[term] > 0.0))
    };
    let keys: BTreeSet<&str> = measurements.iter().filter(|m| m.scored).map(key).collect();
    let estimate = |left_out: &str| -> Vec<(usize, f64)> {
        let mut rest = problem.clone();
        let mut kept = measurements.iter().map(|m| key(m) != left_out);
        rest.observations.retain(|_| kept.next().unwrap_or(false));
        let solution = rest.solve();
        let estimated = measurements.iter().zip(&problem.observations).enumerate().filter(|(_, (m, _))| key(m) == left_out && learnable(m));
        estimated.map(|(i, (_, observation))| (i, solution.predict(&observation.sizes, &observation.groups))).collect()
    };
    let (estimate, next) = (&estimate, &Mutex::new(keys.into_iter()));
    let work = move || {
        let mut found = Vec::new();
        // The lock is held while the next key is taken, not while it is worked on.
        let take = || next.lock().ok()?.next();
        while let Some(key) = take() {
            found.extend(estimate(key));
        }
        found
    };
    let mut estimates = vec![None; measurements.len()];
    thread::scope(|scope| {
        let workers: Vec<_> = (0..thread::available_parallelism().map_or(1, usize::from)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            for (index, cycles) in worker.join().unwrap_or_default() {
                estimates[index] = Some(cycles);
            }
        }
    });
    estimates
}

impl Fit {
    /// The coefficients of a library on a board, whether or not it was measured there: `like` says in which groups it would be.
    pub(super) fn coefficients(&self, like: &Measurement) -> Terms {
        let indices: Vec<usize> =
            self.world.groups(like, &self.world.spreads()).iter().filter_map(|(name, _)| self.groups.get(name).copied()).collect();
        let mut coefficients = self.solution.coefficients(&indices);
        share(&mut coefficients, self.world.united());
        if self.world == World::Linux {
            coefficients[TAP] = 0.0;
        }
        coefficients
    }
}
