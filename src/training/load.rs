//! Data in memory: training sees every sample many times, in another order each time.

use std::path::PathBuf;

use anyhow::Result;
use edgectl_train::Samples;
use thiserror::Error;

use crate::ui::Ui;

/// The most values that are held: 4 GiB.
const MAX_VALUES: usize = 1 << 30;

/// Why data cannot be trained on.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("{path}: {samples} samples of {each} values do not fit into memory; expected at most {MAX_VALUES} values", path = path.display())]
    TooLarge { path: PathBuf, samples: usize, each: usize },
}

/// Reads all samples, as the model takes them.
pub(crate) fn load(data: &crate::samples::Samples, shape: &[usize], ui: &Ui) -> Result<Samples> {
    let (samples, each) = (data.len(), shape.iter().product::<usize>());
    let values = samples.checked_mul(each).filter(|&values| values <= MAX_VALUES);
    let values = values.ok_or_else(|| LoadError::TooLarge { path: data.path.clone(), samples, each })?;
    let mut inputs = Vec::with_capacity(values);
    let mut labels = data.has_labels().then(|| Vec::with_capacity(samples));
    let progress = ui.progress("reading", samples);
    data.chunks(|chunk| {
        chunk.iter().flat_map(|sample| &sample.inputs).for_each(|values| inputs.extend_from_slice(values));
        if let Some(labels) = &mut labels {
            labels.extend(chunk.iter().filter_map(|sample| sample.label));
        }
        progress.advance(chunk.len());
        Ok(())
    })?;
    Ok(Samples::new(shape.to_vec(), inputs, labels)?)
}
