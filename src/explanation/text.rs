//! The explanation as text.

use std::collections::BTreeMap;

use super::{ExplanationReport, Trial};
use crate::ui::{Align, Style, Table, counted, elide, percent};

/// The most rows of a table.
const ROWS: usize = 12;
/// The widest name in a list of samples.
const NAME: usize = 40;

impl ExplanationReport {
    /// The text, at most 100 columns wide; it ends with a line feed.
    pub(crate) fn text(&self, style: Style) -> String {
        let mut parts = vec![self.noise(style)];
        parts.extend(self.changes(style));
        parts.extend(self.repairs(style));
        parts.join("\n")
    }

    fn noise(&self, style: Style) -> String {
        use Align::{Left, Right};
        let mut table = Table::new([
            ("noise at node", Left),
            ("operator", Left),
            ("local", Right),
            ("accumulated", Right),
            ("of output's", Right),
            ("clipped", Right),
            ("weights", Right),
        ]);
        let noisiest = self.noisiest();
        for &i in noisiest.iter().take(ROWS) {
            let node = &self.nodes[i];
            let spread = node.weight_range_spread.map_or_else(String::new, |spread| format!("1 : {spread:.0}"));
            let share = node.output_noise_share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0));
            let (local, accumulated) = (decibels(node.local_snr_db), decibels(node.accumulated_snr_db));
            table.row([node.node.clone(), node.op.clone(), local, accumulated, share, clipped(node.clipped_share), spread]);
        }
        let more = noisiest.len().saturating_sub(ROWS);
        let more = if more > 0 { format!("and {} with less\n", counted(more as u64, "node")) } else { String::new() };
        let input = self
            .input_noise_share
            .map_or_else(String::new, |share| format!("rounding the model's input makes {:.1} % of the output's noise; ", share * 100.0));
        format!("{}{more}{input}signal to noise over {}\n", table.text(style), counted(self.samples as u64, "sample"))
    }

    fn changes(&self, style: Style) -> Option<String> {
        use Align::{Left, Right};
        let changed = self.changed.as_ref()?;
        let total = format!("changed class: {} of {}", changed.samples, counted(changed.of, "sample"));
        if changed.followed.is_empty() {
            return Some(total + "\n");
        }
        let mut table = Table::new([("begins at", Left), ("samples", Right), ("unusual noise", Right), ("which", Left)]);
        let mut origins: BTreeMap<&str, Vec<&super::report::ChangeRow>> = BTreeMap::new();
        changed.followed.iter().for_each(|row| origins.entry(&row.begins_at).or_default().push(row));
        let mut origins: Vec<_> = origins.into_iter().collect();
        origins.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
        for (origin, rows) in origins {
            let beyond = rows.iter().filter(|row| row.departure > 1.0).count();
            let which: Vec<String> =
                rows.iter().take(2).map(|row| format!("{} ({} -> {})", row.sample, row.float_class, row.int8_class)).collect();
            let which = which.join(", ") + if rows.len() > 2 { ", …" } else { "" };
            table.row([elide(origin, NAME), rows.len().to_string(), beyond.to_string(), which]);
        }
        Some(format!("{total}\n{}", table.text(style)))
    }

    fn repairs(&self, style: Style) -> Option<String> {
        use Align::{Left, Right};
        if self.repairs.is_empty() {
            return None;
        }
        let columns =
            [("repair, tried", Left), ("metric", Right), ("SNR", Right), ("RAM", Right), ("flash", Right), ("MACs", Right), ("", Left)];
        let mut table = Table::new(columns);
        for trial in &self.repairs {
            let Trial { ram_bytes, flash_bytes, macs, .. } = trial;
            let metric = trial.metric_gain.map_or_else(|| "-".into(), |gain| format!("{gain:+.4}"));
            let snr = trial.snr_gain_db.map_or_else(|| "-".into(), |gain| format!("{gain:+.1} dB"));
            let note = match (&trial.error, trial.cheapest) {
                (Some(error), _) => elide(error, NAME),
                (None, true) => "<- cheapest".into(),
                (None, false) => String::new(),
            };
            table.row([
                trial.change.clone(),
                metric,
                snr,
                format!("{ram_bytes:+} B"),
                format!("{flash_bytes:+} B"),
                format!("{macs:+}"),
                note,
            ]);
        }
        let cheapest = self.repairs.iter().find(|trial| trial.cheapest);
        let advice = match cheapest.map(|trial| &trial.options) {
            None => "none of them is worth it: 1 dB more without a loss of the metric\n".to_owned(),
            Some(None) => String::new(),
            Some(Some(options)) => format!("the cheapest repair: {options} (found on the evaluation data: confirm it on others)\n"),
        };
        Some(format!("{}{advice}", table.text(style)))
    }
}

pub(super) fn decibels(snr: Option<f64>) -> String {
    snr.map_or_else(|| "-".into(), |snr| format!("{snr:.1} dB"))
}

pub(super) fn clipped(share: f64) -> String {
    if share > 0.0 && share < 5e-5 { "< 0.01 %".into() } else { percent(share) }
}
