//! Why a target is not met, and the point that is nearest to it.

use edgectl_graph::Graph;

use super::Structure;
use super::report::{Refusal, StepRow};
use super::target::Limit;
use crate::ui::counted;

/// More is lost than is allowed.
pub(super) fn too_far(structure: Structure, steps: &[StepRow], drop: f64, most: f64) -> Refusal {
    let within = |row: &&StepRow| row.drop_points.is_some_and(|drop| drop <= most);
    let nearest = steps.iter().rev().find(within).cloned();
    let advice = match (&nearest, structure) {
        (Some(row), Structure::Channels) => {
            let (parameters, macs, lost) = (row.parameters, row.macs, row.drop_points.unwrap_or_default());
            format!(
                "the nearest point that was tried: {} and {macs} MACs, {lost:.2} points lost (--max-params {parameters} --max-macs \
                 {macs}); more --epochs or --steps may get farther",
                counted(parameters, "parameter")
            )
        }
        (Some(row), _) => format!("the nearest point that was tried: {} of zero", counted(row.zero_weights, "weight")),
        (None, _) => "no step stayed within: ask for less, or train for more --epochs".into(),
    };
    Refusal { reason: format!("{drop:.2} points are lost, {most} are allowed; nothing was written"), nearest, advice }
}

/// Even with every channel gone that may go, limits are exceeded.
pub(super) fn infeasible(limits: &[Limit], least: &[f64], farthest: &Graph) -> Refusal {
    let exceeded = limits.iter().zip(least).filter(|(limit, found)| **found > limit.most);
    let reason = |(limit, &found): (&Limit, &f64)| {
        let (name, option) = (limit.quantity.name(), limit.quantity.option());
        format!("{name} can be {} at least, {} are allowed ({option})", limit.quantity.shown(found), limit.quantity.shown(limit.most))
    };
    let reasons: Vec<String> = exceeded.map(reason).collect();
    let cost = farthest.total_cost();
    let nearest = StepRow { step: 0, parameters: cost.parameters, macs: cost.macs, zero_weights: 0, metric: None, drop_points: None };
    let advice = "that is with every channel gone that may go; --keep lets go of more".to_owned();
    Refusal { reason: format!("{}; nothing was written", reasons.join(", ")), nearest: Some(nearest), advice }
}
