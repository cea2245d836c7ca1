//! The fits: one for each world, with its prior and its groups, and what cross-validation says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use edgectl_profile::fit::{Group, Observation, Problem, Solution, Terms};

use super::measurements::{Measurement, World};

/// Coefficients where nothing was measured, in cycles and in the order of `fit::TERMS`; only their ratios matter, since the scale of
/// everything is fitted. On Linux: vector instructions, so a multiplication costs little and an element read, packed or written costs ten of them.
const LINUX_PRIOR: Terms = [0.04, 0.09, 0.5, 0.15, 0.6, 0.045, 0.6, 0.45, 0.22, 0.75, 0.45, 0.15, 0.75, 0.45, 3.0, 0.15, 7500.0];
/// On microcontrollers a multiplication costs one to two cycles at best. A fully connected layer costs half more per multiplication than a
/// convolution (`kernels.csv`: ESP-NN and CMSIS-NN), since no weight is used twice.
const MICRO_PRIOR: Terms = [1.5, 1.5, 2.0, 1.0, 30.0, 1.5, 1.0, 30.0, 4.0, 1.0, 30.0, 2.2, 15.0, 3.0, 500.0, 1.0, 3000.0];

impl World {
    fn prior(self) -> Terms {
        match self {
            World::Linux | World::Gpu => LINUX_PRIOR,
            World::Micro => MICRO_PRIOR,
        }
    }

    /// The groups of a measurement from coarse to fine, and how far their members may differ.
    fn groups(self, m: &Measurement) -> Vec<(String, Group)> {
        let group = |name: String, spread: f64, scale_spread: f64| (name, Group { spread, scale_spread });
        let Measurement { board, core, library, threads, .. } = m;
        let dtype = m.dtype.name();
        let cell = m.cell();
        match self {
            World::Linux => vec![
                group("all".into(), 1.2, 5.0),
                group(format!("dtype {dtype}"), 0.7, 2.0),
                group(format!("library {library}"), 0.7, 2.0),
                group(format!("board {core} {}", if threads == "1" { "single" } else { "multi" }), 0.4, 2.0),
                group(format!("library {library} {dtype}"), 0.35, 2.0),
                group(format!("cell {cell}"), 0.25, 2.0),
            ],
            World::Micro => vec![
                group("all".into(), 1.0, 3.0),
                group(format!("library {library}"), 0.6, 2.0),
                group(format!("core {core}"), 0.4, 1.0),
                group(format!("library {library} {core}"), 0.3, 1.0),
                group(format!("cell {cell}"), 0.1, 0.3),
            ],
            World::Gpu => vec![
                group("all".into(), 1.5, 5.0),
                group(format!("library {library}"), 0.8, 2.0),
                group(format!("board {board}"), 0.5, 2.0),
                group(format!("cell {cell}"), 0.3, 2.0),
            ],
        }
    }
}

impl Measurement {
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

/// A measurement and its estimates.
pub(super) struct Row {
    pub(super) measurement: Measurement,
    /// From the fit to everything.
    pub(super) fitted: f64,
    /// From a fit without the model's family; nothing where the cell has no other.
    pub(super) left_out: Option<f64>,
}

/// Fits the measurements of a world.
pub(super) fn fit(world: World, measurements: &[Measurement]) -> Fit {
    let measurements: Vec<Measurement> = measurements.iter().filter(|m| m.world == world).cloned().collect();
    let mut groups = BTreeMap::new();
    let mut problem = Problem { prior: world.prior(), groups: Vec::new(), observations: Vec::new(), noise: 0.1, outlier: 0.1 };
    for m in &measurements {
        let indices = world.groups(m).into_iter().map(|(name, group)| {
            *groups.entry(name).or_insert_with(|| {
                problem.groups.push(group);
                problem.groups.len() - 1
            })
        });
        let groups = indices.collect();
        problem.observations.push(Observation { sizes: m.sizes, cycles: m.cycles, groups });
    }
    let solution = problem.solve(None);
    let left_out = cross_validate(&problem, &measurements, &solution);
    let rows = measurements.into_iter().zip(&problem.observations).zip(left_out).map(|((measurement, observation), left_out)| {
        let fitted = solution.predict(&observation.sizes, &observation.groups);
        Row { measurement, fitted, left_out }
    });
    Fit { world, rows: rows.collect(), solution, groups }
}

/// Each measurement's cycles, estimated without its family.
fn cross_validate(problem: &Problem, measurements: &[Measurement], full: &Solution) -> Vec<Option<f64>> {
    let families: BTreeSet<&str> = measurements.iter().filter(|m| m.scored).map(|m| m.family.as_str()).collect();
    let mut estimates = vec![None; measurements.len()];
    let estimate = |family: &str| {
        let mut rest = problem.clone();
        let mut kept = measurements.iter().map(|m| m.family != family);
        rest.observations.retain(|_| kept.next().unwrap_or(false));
        let cells: BTreeSet<String> = measurements.iter().filter(|m| m.family != family).map(Measurement::cell).collect();
        let solution = rest.solve(Some(full));
        let left_out = measurements.iter().enumerate().filter(|(_, m)| m.family == family && cells.contains(&m.cell()));
        left_out.map(|(i, _)| (i, solution.predict(&problem.observations[i].sizes, &problem.observations[i].groups))).collect::<Vec<_>>()
    };
    let estimate = &estimate;
    thread::scope(|scope| {
        let workers: Vec<_> = families.into_iter().map(|family| scope.spawn(move || estimate(family))).collect();
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
        let indices: Vec<usize> = self.world.groups(like).iter().filter_map(|(name, _)| self.groups.get(name).copied()).collect();
        self.solution.coefficients(&indices)
    }
}
