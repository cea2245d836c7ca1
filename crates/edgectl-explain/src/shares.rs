//! Which node the noise of the output comes from.

use crate::ExplainError;
use crate::parts::Parts;
use crate::tail::Tail;
use crate::watch::{Seen, Watch, energy};

/// The energy at the first output of the noise of the last node before a cut alone; before the first node, of the rounding of the model's
/// inputs.
pub(crate) fn noise<E>(tail: &Tail<E>, watch: &Watch<'_, E>, parts: &Parts<E>, samples: &[(usize, Seen)]) -> Result<f64, E>
where
    E: From<ExplainError>,
{
    let graph = watch.quantized.graph();
    let mut sum = 0.0;
    for (_, seen) in samples {
        let found = match tail.cut.checked_sub(1) {
            None => tail.output(|place| if place < watch.inputs() { &seen.int8[place] } else { &seen.float[place] })?,
            Some(node) => {
                let place = graph.nodes()[node].output().and_then(|id| watch.place(id)).unwrap_or(0);
                let Some(noise) = parts.noise(node, watch, seen)? else { continue };
                let noisy: Vec<f32> = seen.float[place].iter().zip(&noise).map(|(x, noise)| x + noise).collect();
                tail.output(|other| if other == place { &noisy } else { &seen.float[other] })?
            }
        };
        sum += energy(&seen.float[watch.output()], &found);
    }
    Ok(sum)
}

/// Noises as shares of their sum; `None` where there is none.
pub(crate) fn shares(noises: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = noises.iter().sum();
    (total > 0.0 && total.is_finite()).then(|| noises.iter().map(|noise| noise / total).collect())
}
