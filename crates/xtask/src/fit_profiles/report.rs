//! The figures that `ACCURACY.md` shows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::intervals::{Errors, quantile, relative};
use super::layers::Layers;
use super::measurements::{Measurements, World};
use super::worlds::{Fit, Row};

/// Errors of estimates, as shares of what was measured.
struct Figures {
    count: usize,
    within_10: f64,
    within_20: f64,
    mean: f64,
    median: f64,
}

impl Figures {
    fn of(errors: impl Iterator<Item = f64>) -> Figures {
        let mut errors: Vec<f64> = errors.map(f64::abs).collect();
        errors.sort_by(f64::total_cmp);
        let count = errors.len();
        let share = |limit: f64| 100.0 * errors.iter().filter(|error| **error <= limit).count() as f64 / count.max(1) as f64;
        let mean = 100.0 * errors.iter().sum::<f64>() / count.max(1) as f64;
        Figures { count, within_10: share(0.1), within_20: share(0.2), mean, median: 100.0 * quantile(&errors, 0.5) }
    }

    fn cells(&self) -> String {
        format!("{} | {:.0} % | {:.0} % | {:.1} % | {:.1} %", self.count, self.within_10, self.within_20, self.mean, self.median)
    }
}

fn scored(fit: &Fit) -> impl Iterator<Item = &Row> {
    fit.rows.iter().filter(|row| row.measurement.scored && row.without_family.is_some())
}

/// Estimates of a line through the origin, cycles over multiplications, of each cell: the median of the cell's other families.
fn linear(fit: &Fit) -> Vec<f64> {
    let error = |row: &Row| {
        let m = &row.measurement;
        let others = fit.rows.iter().map(|row| &row.measurement).filter(|o| o.cell() == m.cell() && o.family != m.family);
        let mut rates: Vec<f64> = others.map(|o| o.cycles / o.macs).collect();
        rates.sort_by(f64::total_cmp);
        quantile(&rates, 0.5) * m.macs / m.cycles - 1.0
    };
    scored(fit).map(error).collect()
}

/// All figures as Markdown, from the fits of all worlds and the layers of the RP2040 on one core.
pub(super) fn markdown(measurements: &Measurements, fits: &[Fit], layers: &Layers) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "| estimates without the model's family | measurements | within 10 % | within 20 % | mean error | median error |")?;
    writeln!(text, "|---|---|---|---|---|---|")?;
    let all = |fits: &[&Fit]| Figures::of(fits.iter().flat_map(|fit| scored(fit)).map(relative).collect::<Vec<_>>().into_iter());
    let every: Vec<&Fit> = fits.iter().collect();
    writeln!(text, "| all | {} |", all(&every).cells())?;
    writeln!(text, "| a line through MACs, for comparison | {} |", Figures::of(fits.iter().flat_map(linear)).cells())?;
    let models = fits.iter().flat_map(scored).filter_map(|row| Some(row.without_model? / row.measurement.cycles - 1.0));
    writeln!(text, "| all, without the model but with its family | {} |", Figures::of(models).cells())?;
    for fit in fits {
        writeln!(text, "| {} | {} |", world(fit.world), all(&[fit]).cells())?;
    }
    let mut libraries: BTreeMap<(World, String), Vec<f64>> = BTreeMap::new();
    for fit in fits {
        for row in scored(fit) {
            let key = (fit.world, format!("{}, {}", row.measurement.library, row.measurement.dtype.name()));
            libraries.entry(key).or_default().push(relative(row));
        }
    }
    for ((_, library), errors) in libraries {
        writeln!(text, "| {library} | {} |", Figures::of(errors.into_iter()).cells())?;
    }
    writeln!(text)?;
    let (mut inside, mut count) = (0, 0);
    for fit in fits {
        let (held, of) = Errors::of(fit).coverage();
        (inside, count) = (inside + held, count + of);
    }
    let share = 100.0 * inside as f64 / count.max(1) as f64;
    writeln!(text, "Intervals for 80 %, each made without the family that it is tried on, hold {share:.0} % of {count} measurements.")?;
    let figures = Figures::of(layers.errors.iter().copied());
    writeln!(
        text,
        "RP2040, layer by layer: {} of {} layers have another one of their kind; estimated from the others, their mean error is {:.2} % and \
         the median {:.2} %.",
        figures.count, layers.measured, figures.mean, figures.median
    )?;
    writeln!(text)?;
    let fitted: usize = fits.iter().map(|fit| fit.rows.len()).sum();
    let own: usize = fits.iter().map(|fit| fit.rows.iter().filter(|row| row.measurement.scored).count()).sum();
    writeln!(
        text,
        "Of {} rows, {fitted} are fitted and {own} of these are of boards that have a profile; {count} can be estimated without their family.",
        measurements.total
    )?;
    writeln!(text)?;
    writeln!(text, "| rows left out | why |\n|---|---|")?;
    for (reason, count) in &measurements.left_out {
        writeln!(text, "| {count} | {reason} |")?;
    }
    writeln!(
        text,
        "| {} | fitted, but not estimated: fewer than two other families for its board, library, data type and threads, or an operator that no other family has |",
        own - count
    )?;
    Ok(text)
}

fn world(world: World) -> &'static str {
    match world {
        World::Gpu => "GPUs",
        World::Linux => "Linux CPUs",
        World::Micro => "microcontrollers",
    }
}
