//! Which node the noise of the output comes from.

use crate::ExplainError;
use crate::figures::Parts;
use crate::tail::Tail;
use crate::watch::{Seen, Watch, energy};

/// The energy of the noise at the first output where only the last node before a cut is int8; before the first node, where only the
/// model's input is rounded.
pub(crate) fn noise<E>(tail: &Tail<E>, watch: &Watch<'_, E>, parts: &Parts, samples: &[(usize, Seen)]) -> Result<f64, E>
where
    E: From<ExplainError>,
{
    let graph = watch.quantized.graph();
    let mut sum = 0.0;
    for (_, seen) in samples {
        let (place, local) = match tail.cut.checked_sub(1) {
            None => (0, seen.int8[0].clone()),
            Some(node) => {
                let Some(local) = parts.local(node, watch, seen)? else { return Ok(0.0) };
                (graph.nodes()[node].output().and_then(|id| watch.place(id)).unwrap_or(0), local)
            }
        };
        let found = tail.output(|other| if other == place { &local } else { &seen.float[other] })?;
        sum += energy(&seen.float[watch.output()], &found);
    }
    Ok(sum)
}

/// Noises as shares of their sum; `None` where there is none.
pub(crate) fn shares(noises: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = noises.iter().sum();
    (total > 0.0 && total.is_finite()).then(|| noises.iter().map(|noise| noise / total).collect())
}
