//! The way to the target: cut or mask, train, measure, step by step.
//!
//! Training keeps its state, a file for each step. A run that was interrupted goes the same way again: what it computes anew is the same, and
//! what was trained is taken from these files.

use anyhow::{Result, ensure};
use edgectl_graph::Graph;
use edgectl_prune::{Dependencies, Masks, Pattern, Plan, PruneError, lossless};

use super::describe::{drop_points, layers};
use super::origins::Origins;
use super::refusal::{infeasible, too_far};
use super::target::{Limit, Quantity, between, fits};
use super::training::Trainer;
use super::{Progress, PruneReport, Pruning, PruningError, Structure};

impl Pruning<'_> {
    /// Prunes. The graph may be written where the report does not refuse it.
    pub(crate) fn run(&self) -> Result<(PruneReport, Graph)> {
        let before = self.original.clone();
        let start = edgectl_train::trainable(self.original)?;
        let range = if let Structure::Lossless { range } = self.options.structure { range } else { (f32::NEG_INFINITY, f32::INFINITY) };
        let idle = lossless(&start, range)?;
        let limits = self.limits(&before);
        let mut made = match self.options.structure {
            Structure::Lossless { .. } => Progress { graph: idle.graph.clone(), steps: vec![], refused: None },
            Structure::Channels => self.channels(idle.graph.clone(), &limits)?,
            Structure::Masks { pattern, share } => self.masks(start.clone(), pattern, share)?,
        };
        let found = self.evaluate(&made.graph)?;
        if let (Some(row), Some(found)) = (made.steps.last_mut(), &found) {
            (row.metric, row.drop_points) = (found.metric.as_ref().map(|metric| metric.value), drop_points(found));
        }
        let mut report = self.describe(&before, &made, found.as_ref(), &limits)?;
        if matches!(self.options.structure, Structure::Lossless { .. }) {
            report.max_abs_difference = Some(self.difference(&made.graph)?);
        }
        if !matches!(self.options.structure, Structure::Masks { .. }) {
            report.idle = idle.removed.iter().map(Into::into).collect();
            // That outputs stay, everybody expects.
            let named = start.outputs().iter().map(|&id| start.tensor(id).name.clone());
            let computed = start.outputs().iter().filter_map(|&id| start.producer(id)).map(|id| start.label(start.node(id)));
            let outputs: Vec<String> = named.chain(computed).collect();
            let dependencies = Dependencies::of(&start)?;
            let fixed = dependencies.fixed().iter().filter(|fixed| !outputs.contains(&fixed.place));
            report.fixed = fixed.map(Into::into).collect();
            report.layers = layers(&start, &made.graph);
        }
        let drop = report.metrics.as_ref().and_then(|metrics| metrics.drop_points);
        if let (Some(most), None) = (self.options.max_drop_points, &made.refused) {
            let drop = drop.ok_or(PruningError::NoMetric)?;
            if drop > most {
                made.refused = Some(too_far(self.options.structure, &made.steps, drop, most));
            }
        }
        report.refused = made.refused;
        Ok((report, made.graph))
    }

    /// The limits, with the share of parameters as one of them.
    fn limits(&self, before: &Graph) -> Vec<Limit> {
        let parameters = before.total_cost().parameters as f64;
        let sparsity = self.options.sparsity.filter(|_| self.options.structure == Structure::Channels);
        let sparsity = sparsity.map(|share| Limit { quantity: Quantity::Parameters, most: (parameters * (1.0 - share)).floor() });
        self.options.limits.iter().copied().chain(sparsity).collect()
    }

    /// Removes channels step by step, training in between.
    fn channels(&self, start: Graph, limits: &[Limit]) -> Result<Progress> {
        let (yardstick, steps) = (self.yardstick(), self.options.steps);
        let measured = yardstick.measure(&start, limits)?;
        let mut made = Progress { graph: start, steps: vec![], refused: None };
        if fits(limits, &measured) {
            self.ui.warning("the model is within its limits as it is: only what does nothing is removed");
            return Ok(made);
        }
        let (trainer, mut origins) = (Trainer::new(self, &made.graph)?, Origins::new(&made.graph));
        for step in 1..=steps {
            let goal = between(limits, &measured, step as f64 / steps as f64);
            let dependencies = Dependencies::of(&made.graph)?;
            if dependencies.groups().is_empty() {
                let reasons = dependencies.fixed().iter().map(|fixed| format!("\"{}\": {}", fixed.place, fixed.reason)).collect();
                return Err(PruneError::NothingPrunable { reasons }.into());
            }
            let statistics = self.statistics(&made.graph, &dependencies)?;
            let scores = self.scores(&made.graph, &dependencies, statistics.as_ref(), &trainer)?;
            let benefits = self.benefits(&made.graph, &dependencies, limits)?;
            let plan = Plan::new(&dependencies, &scores, self.options.scope, self.options.keep, &benefits);
            // Before anything is trained, whether the end can be reached.
            let ahead = if step == 1 { limits } else { &goal[..] };
            let farthest = dependencies.without(&made.graph, &plan.units(plan.len()))?;
            let least = yardstick.measure(&farthest, ahead)?;
            if !fits(ahead, &least) {
                made.refused = Some(infeasible(ahead, &least, &farthest));
                return Ok(made);
            }
            let found =
                plan.search(&made.graph, &dependencies, |cut| Ok::<_, anyhow::Error>(fits(&goal, &yardstick.measure(cut, &goal)?)))?;
            let units = plan.units(found.unwrap_or(plan.len()));
            origins.cut(&made.graph, &dependencies, &units);
            made.graph = match statistics.as_ref().filter(|_| self.options.compensate) {
                Some(statistics) => dependencies.without_compensated(&made.graph, &units, statistics)?,
                None => dependencies.without(&made.graph, &units)?,
            };
            made.graph = trainer.train(&made.graph, &origins, None, (step, steps))?;
            made.steps.push(self.row(step, step == steps, &made.graph, 0)?);
        }
        Ok(made)
    }

    /// What a channel of each group brings towards the limits that are exceeded, as the share of what there is now.
    fn benefits(&self, graph: &Graph, dependencies: &Dependencies, limits: &[Limit]) -> Result<Vec<f64>> {
        let (yardstick, channels) = (self.yardstick(), self.options.keep.multiple);
        let now = yardstick.measure(graph, limits)?;
        let benefit = |group: usize| {
            let Some(some) = dependencies.example(group, channels) else { return Ok(0.0) };
            let then = yardstick.measure(&dependencies.without(graph, &some)?, limits)?;
            let exceeded = limits.iter().zip(now.iter().zip(then)).filter(|(limit, (now, _))| **now > limit.most);
            let gains = exceeded.map(|(_, (now, then))| (now - then) / now);
            Ok(gains.sum::<f64>().max(0.0) / some.len() as f64)
        };
        (0..dependencies.groups().len()).map(benefit).collect()
    }

    /// Sets weights to zero step by step, training in between: fast at first, when there are many to choose from (Zhu and Gupta, 2018).
    fn masks(&self, start: Graph, pattern: Pattern, share: f64) -> Result<Progress> {
        let steps = if pattern == Pattern::Unstructured { self.options.steps } else { 1 };
        let (trainer, origins) = (Trainer::new(self, &start)?, Origins::new(&start));
        let mut made = Progress { graph: start, steps: vec![], refused: None };
        for step in 1..=steps {
            let part = share * (1.0 - (1.0 - step as f64 / steps as f64).powi(3));
            let masks = Masks::new(&made.graph, pattern, self.options.scope, part);
            ensure!(!masks.is_empty(), "no weight of the model can be masked: no layer has as many input channels as a block");
            made.graph = masks.apply(&made.graph)?;
            made.graph = trainer.train(&made.graph, &origins, Some(&masks), (step, steps))?;
            made.steps.push(self.row(step, step == steps, &made.graph, masks.zeros())?);
        }
        self.ui.warning(self.no_speed());
        Ok(made)
    }

    fn no_speed(&self) -> String {
        let names: Vec<&str> = self.profiles.iter().map(|profile| profile.name.as_str()).collect();
        let place =
            if names.is_empty() { "here or on any device that edgectl knows".to_owned() } else { format!("on {}", names.join(", ")) };
        format!("weights of zero make nothing faster {place}: its kernels multiply with them as well; they only compress better")
    }
}
