//! Tables.

use crate::html::{Escaped, Html, Tone};

/// Which end of a column its cells touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table with titled columns.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// What is shown.
    pub caption: &'a str,
    /// Titles, and how the cells below are aligned.
    pub columns: &'a [(&'a str, Align)],
    /// Rows of as many cells.
    pub rows: &'a [Vec<Cell>],
}

/// A cell: text and what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What it means.
    pub tone: Tone,
}

impl Cell {
    /// With a tone.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Cell {
        Cell { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::toned(text, Tone::Plain)
    }
}

impl Table<'_> {
    /// The table. A wide one scrolls by itself.
    pub fn html(&self) -> Html {
        let class = |align: Align| if align == Align::Right { "right" } else { "left" };
        let titles: String = self
            .columns
            .iter()
            .map(|(title, align)| format!("<th scope=\"col\" class=\"{}\">{}</th>", class(*align), Escaped(title)))
            .collect();
        let row = |cells: &Vec<Cell>| {
            let cells = cells.iter().zip(self.columns);
            let cells: String = cells
                .map(|(cell, (_, align))| format!("<td class=\"{} {}\">{}</td>", class(*align), cell.tone.class(), Escaped(&cell.text)))
                .collect();
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = self.rows.iter().map(row).collect();
        let caption = Escaped(self.caption);
        Html::raw(format!(
            "<div class=\"scroll\"><table>\n<caption>{caption}</caption>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        ))
    }
}

/// Names and what they stand for, without titles: the head of a report.
pub fn facts<N: AsRef<str>, V: AsRef<str>>(rows: impl IntoIterator<Item = (N, V)>) -> Html {
    let row = |(name, value): (N, V)| format!("<dt>{}</dt><dd>{}</dd>\n", Escaped(name.as_ref()), Escaped(value.as_ref()));
    Html::raw(format!("<dl class=\"facts\">\n{}</dl>\n", rows.into_iter().map(row).collect::<String>()))
}
