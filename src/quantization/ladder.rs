//! The ladder of `--max-drop`: recipes from the cheapest on, until one is close enough to float.

mod page;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use edgectl_quantize::{Calibrator, Method, Recipe, fewest_int16};
use serde::Serialize;

use super::workbench::{Attempt, Workbench};
use crate::eval::Evaluation;
use crate::explanation;
use crate::ui::{Align, Style, Table, Ui, bytes, counted, percent};

/// Signal-to-noise ratios beyond this count as this: noise in the last bits of float.
const MAX_SNR_DB: f64 = 120.0;

/// What was tried, in order.
#[derive(Debug, Serialize)]
pub(crate) struct Ladder {
    max_drop_points: f64,
    rungs: Vec<Rung>,
    /// Whether recipes were compared on the samples on which the metric is given: then it is flattered.
    chosen_on_evaluation: bool,
    /// Why none is close enough; absent where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<String>,
}

/// A recipe and what it gave.
#[derive(Debug, Serialize)]
struct Rung {
    recipe: String,
    metric: f64,
    samples: usize,
    drop_points: f64,
    /// Whether the drop is allowed.
    within: bool,
    /// Whether it is the one that is written.
    chosen: bool,
    seconds: f64,
    arena_bytes: usize,
    program_bytes: usize,
}

/// How far one may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The drop of the metric that is allowed, in points.
    pub(crate) max_drop_points: f64,
    /// No rung is begun after so long.
    pub(crate) budget: Option<Duration>,
    /// Whether nodes become int16 where no recipe of int8 is close enough.
    pub(crate) int16: bool,
}

/// What has been tried so far.
struct Climb<'a> {
    limits: Limits,
    start: Instant,
    rungs: Vec<Rung>,
    /// The rung with the least drop.
    best: Option<(usize, Recipe, Attempt)>,
    ui: &'a Ui,
}

impl Climb<'_> {
    /// Whether there is time for another rung.
    fn has_time(&self) -> bool {
        self.rungs.is_empty() || self.limits.budget.is_none_or(|budget| self.start.elapsed() < budget)
    }

    /// Adds a rung that was begun at this time; whether it is close enough.
    fn rung(&mut self, recipe: Recipe, attempt: Attempt, began: Duration) -> Result<bool> {
        let (metric, samples, drop_points) =
            attempt.found.as_ref().and_then(figures).context("there is no metric to compare with float")?;
        let within = drop_points <= self.limits.max_drop_points;
        self.rungs.push(Rung {
            recipe: recipe.to_string(),
            metric,
            samples,
            drop_points,
            within,
            chosen: false,
            seconds: (self.start.elapsed() - began).as_secs_f64(),
            arena_bytes: attempt.int8.report.arena_bytes,
            program_bytes: attempt.int8.program.len(),
        });
        // Of several that are within, the last one is the cheapest: int16 nodes become fewer.
        let better = self.best.as_ref().is_none_or(|(best, ..)| within || drop_points < self.rungs[*best].drop_points);
        if better {
            self.best = Some((self.rungs.len() - 1, recipe, attempt));
        }
        Ok(within)
    }

    /// Makes as few nodes int16 as are enough, those first without which the outputs are noisiest.
    fn mixed(&mut self, bench: &Workbench<'_>, recipe: &Recipe) -> Result<()> {
        let (calibrated, shown) = bench.calibrate(recipe, self.ui)?;
        let candidates = calibrated.int16_candidates().len();
        let progress = self.ui.progress("ranking nodes", candidates + 1);
        let ranking = calibrated.rank_int16(|quantized| {
            let attempt = bench.measure(quantized.clone(), shown.clone(), self.ui)?;
            progress.advance(1);
            let snr = attempt.found.as_ref().and_then(|found| found.agreement.first()?.value.snr_db);
            Ok::<_, anyhow::Error>(snr.unwrap_or(f64::INFINITY).min(MAX_SNR_DB))
        })?;
        drop(progress);
        for row in &ranking {
            self.ui.detail(format_args!("\"{}\" ({}) in int8 costs {:.1} dB where all others are int16", row.node, row.op, row.loss));
        }
        fewest_int16(&ranking, |int16| {
            let began = self.start.elapsed();
            if !self.has_time() {
                return Ok((false, ()));
            }
            let attempt = bench.measure(calibrated.quantize(int16)?, shown.clone(), self.ui)?;
            let recipe = Recipe { int16: int16.clone(), ..recipe.clone() };
            Ok::<_, anyhow::Error>((self.rung(recipe, attempt, began)?, ()))
        })?;
        Ok(())
    }
}

/// Climbs from a recipe on. Returns the first whose drop is allowed, else the best.
pub(crate) fn climb(bench: &Workbench<'_>, first: Recipe, limits: Limits, ui: &Ui) -> Result<(Recipe, Attempt, Ladder)> {
    let mut climb = Climb { limits, start: Instant::now(), rungs: vec![], best: None, ui };
    let recipes = recipes(first);
    let (planned, mut within) = (recipes.len(), false);
    for recipe in recipes {
        if within || !climb.has_time() {
            break;
        }
        let began = climb.start.elapsed();
        let attempt = bench.attempt(&recipe, ui)?;
        within = climb.rung(recipe, attempt, began)?;
    }
    let out_of_time = climb.rungs.len() < planned && !within;
    if limits.int16 && !within && climb.has_time() {
        let recipe = climb.best.as_ref().map(|(_, recipe, _)| recipe.clone()).context("no recipe was tried")?;
        climb.mixed(bench, &recipe)?;
    }
    let Climb { mut rungs, best, .. } = climb;
    let (chosen, recipe, attempt) = best.context("no recipe was tried")?;
    rungs[chosen].chosen = true;
    let binding = if rungs[chosen].within { None } else { Some(binding(bench, &attempt, out_of_time, ui)?) };
    Ok((recipe, attempt, Ladder { max_drop_points: limits.max_drop_points, chosen_on_evaluation: rungs.len() > 1, rungs, binding }))
}

/// The recipe, then more expensive ones: other calibrators, which cost another calibration; then methods that cost more of it. None costs
/// anything on the device.
fn recipes(first: Recipe) -> Vec<Recipe> {
    let calibrators = [Calibrator::MinMax, Calibrator::Mse, Calibrator::Entropy].into_iter().filter(|other| *other != first.calibrator);
    let calibrators = calibrators.map(|calibrator| Recipe { calibrator, ..first.clone() });
    let methods = [&[Method::CorrectBias][..], &[Method::RoundAdaptive], &[Method::RoundAdaptive, Method::CorrectBiasEmpirical]];
    let methods = methods.into_iter().filter(|methods| !methods.iter().all(|&method| first.has(method))).map(|methods| {
        let mut recipe = first.clone();
        methods.iter().filter(|&&method| !first.has(method)).for_each(|&method| recipe.methods.push(method));
        recipe
    });
    [first.clone()].into_iter().chain(calibrators).chain(methods).collect()
}

/// The metric of int8, on how many samples, and by how many points it is below that of float.
fn figures(found: &Evaluation) -> Option<(f64, usize, f64)> {
    let (float, int8) = (found.reference_metric.as_ref()?, found.metric.as_ref()?);
    Some((int8.value, found.samples, (float.value - int8.value) * 100.0))
}

/// What stands in the way: the node from which most of the output's noise comes.
fn binding(bench: &Workbench<'_>, attempt: &Attempt, out_of_time: bool, ui: &Ui) -> Result<String> {
    let found = explanation::explain(bench, attempt, ui)?;
    let node = found.nodes.iter().max_by(|a, b| {
        let share = |node: &edgectl_explain::NodeFigures| node.output_noise_share.unwrap_or(0.0);
        share(a).total_cmp(&share(b))
    });
    let noise = node.and_then(|node| {
        let share = node.output_noise_share?;
        Some(format!("\"{}\" ({}) makes {} of the noise of the output", node.node, node.op, percent(share)))
    });
    let noise = noise.unwrap_or_else(|| "no node stands out".into());
    Ok(if out_of_time { format!("the budget ended before all recipes were tried; {noise}") } else { noise })
}

/// What is told of a rung, as text and on the page: the columns of [`Rung::cells`].
const COLUMNS: [(&str, Align); 7] = {
    use Align::{Left, Right};
    [("recipe", Left), ("metric", Right), ("drop", Right), ("time", Right), ("RAM", Right), ("flash", Right), ("", Left)]
};

/// Where the cells have the drop, and what makes the rung special.
const DROP: usize = 2;
const NOTE: usize = 6;

impl Rung {
    fn cells(&self) -> [String; COLUMNS.len()] {
        [
            self.recipe.clone(),
            format!("{:.4}", self.metric),
            self.drop(),
            format!("{:.1} s", self.seconds),
            bytes(self.arena_bytes as u64),
            bytes(self.program_bytes as u64),
            self.note().to_owned(),
        ]
    }

    /// The drop, in points.
    fn drop(&self) -> String {
        // No minus sign before a zero.
        format!("{:.2}", self.drop_points + 0.0)
    }

    /// What makes it special.
    fn note(&self) -> &'static str {
        match (self.chosen, self.within) {
            (true, true) => "within",
            (true, false) => "best",
            _ => "",
        }
    }
}

impl Ladder {
    /// Whether the chosen recipe is close enough.
    pub(crate) fn is_within(&self) -> bool {
        self.rungs.iter().any(|rung| rung.chosen && rung.within)
    }

    /// The text; nothing where the first rung was close enough.
    pub(crate) fn text(&self, style: Style) -> Option<String> {
        let samples = self.rungs.first().map_or(0, |rung| rung.samples);
        if self.rungs.len() < 2 && self.binding.is_none() {
            return None;
        }
        let mut table = Table::new(COLUMNS);
        for rung in &self.rungs {
            let mut cells = rung.cells();
            cells[NOTE] = if cells[NOTE].is_empty() { String::new() } else { format!("<- {}", cells[NOTE]) };
            table.row(cells);
        }
        let verdict = match &self.binding {
            None => String::new(),
            Some(binding) => format!("no recipe stays within {} points: {}\n", self.max_drop_points, binding.replace("; ", ";\n")),
        };
        let samples = counted(samples as u64, "sample");
        let flattered = if self.chosen_on_evaluation { ", which chose the recipe and so flatter it: others may fare worse" } else { "" };
        Some(format!("{}drop in points, over {samples}{flattered}\n{verdict}", table.text(style)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_begins_with_what_was_asked_for_and_tries_nothing_twice() {
        let first = Recipe { calibrator: Calibrator::Mse, methods: vec![Method::RoundAdaptive], ..Recipe::default() };
        let recipes = recipes(first.clone());
        assert_eq!(recipes[0], first);
        for (i, recipe) in recipes.iter().enumerate() {
            assert!(!recipes[..i].contains(recipe), "{recipe}");
        }
    }
}
