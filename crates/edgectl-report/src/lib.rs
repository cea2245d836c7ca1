//! Self-contained HTML reports: one file, no script, nothing loaded from anywhere, light or dark as the reader's system is.
//!
//! A [`Page`] takes sections of [`Html`]; tables and charts are plain values whose `html()` gives such markup. Everything is a pure
//! function of its input: the same report gives the same bytes.
//!
//! - Text is escaped where it becomes [`Html`], and there is no other way to make one, so names out of a foreign model cannot become markup.
//! - A chart is inline SVG that scales with the page, is named for screen readers, and says the exact values of its marks in tooltips.
//! - A value that cannot be drawn (not finite, or not above zero on a logarithmic axis) is left out, never drawn elsewhere.
//!
//! ```
//! use edgectl_report::{Axis, BarRow, Bars, Html, Page};
//!
//! let rows = [BarRow::new("conv1", [31.5]), BarRow::new("conv2", [12.0])];
//! let bars = Bars { title: "Noise", axis: Axis::linear("SNR in dB"), series: &["local"], rows: &rows, marks: &[] };
//! let page = Page::new("Report", "digits.onnx").section("Nodes", [Html::paragraph("Higher is better."), bars.html()]);
//! assert!(page.html().starts_with("<!doctype html>"));
//! ```
//!
//! `cargo run -p edgectl-report --example gallery -- gallery.html` shows all there is.

mod axis;
mod bars;
mod heat;
mod histogram;
mod html;
mod number;
mod page;
mod plot;
mod svg;
mod table;

pub use axis::{Axis, Mark, Scale};
pub use bars::{BarRow, Bars};
pub use heat::{HeatCell, HeatRow, HeatStrip};
pub use histogram::{Bin, Histogram};
pub use html::{Html, Tone};
pub use number::short;
pub use page::Page;
pub use plot::{Plot, Point, Series, Shape};
pub use table::{Align, Cell, Table, facts};
