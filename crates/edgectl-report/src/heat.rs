//! Heat strips: rows of cells whose depth of colour is a value.

use crate::html::Html;
use crate::svg::{self, Svg, WIDTH};

const ROW: f64 = 16.0;

/// Rows of cells from nothing (0) to full (1).
#[derive(Clone, Copy, Debug)]
pub struct HeatStrip<'a> {
    /// What is shown, and what 0 and 1 mean.
    pub title: &'a str,
    /// What runs from left to right.
    pub x_label: &'a str,
    /// From top to bottom. Each fills the width, however many cells it has.
    pub rows: &'a [HeatRow],
}

/// A row of cells.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatRow {
    /// What the row stands for.
    pub label: String,
    /// From left to right.
    pub cells: Vec<HeatCell>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatCell {
    /// From 0 to 1; beyond, as at the nearer end; NaN leaves the cell out.
    pub value: f64,
    /// What is said when the cell is pointed at.
    pub note: String,
}

impl HeatStrip<'_> {
    /// The chart.
    pub fn html(&self) -> Html {
        let left = svg::gutter(self.rows.iter().map(|row| row.label.as_str()), 240.0);
        let width = WIDTH - left - 16.0;
        let bottom = 4.0 + ROW * self.rows.len() as f64;
        let mut svg = Svg::new(self.title, bottom + 24.0);
        for (i, row) in self.rows.iter().enumerate() {
            let y = 4.0 + ROW * i as f64;
            svg.label("end", (left - 8.0, y + 11.0), left - 8.0, &row.label);
            svg.rect("empty", (left, y), (width, ROW - 2.0), 1.0, "");
            let cell = width / row.cells.len().max(1) as f64;
            for (j, HeatCell { value, note }) in row.cells.iter().enumerate().filter(|(_, cell)| cell.value > 0.0) {
                let gap = if cell > 4.0 { 0.6 } else { 0.0 };
                svg.rect("heat", (left + cell * j as f64, y), (cell - gap, ROW - 2.0), value.clamp(0.05, 1.0), note);
            }
        }
        svg.text("axis", "middle", (left + width / 2.0, bottom + 14.0), self.x_label);
        svg.html()
    }
}
