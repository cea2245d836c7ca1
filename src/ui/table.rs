//! Tables of text.

pub(crate) use edgectl_report::Align;

use super::Style;

/// The widest that a table may be, in columns.
const WIDTH: usize = 100;
/// To what the first column is shortened at most, in columns.
const MIN_FIRST: usize = 20;
const GAP: &str = "  ";

/// Rows of cells. Where they are too wide, the first column is shortened.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [(&'static str, Align); N]) -> Table {
        Table { header: columns.map(|(title, _)| title).into(), align: columns.map(|(_, align)| align).into(), rows: vec![] }
    }

    /// Leaves out the columns in which no cell says anything: all are empty or `-`.
    pub(crate) fn without_empty_columns(self) -> Table {
        let says = |column: &usize| self.rows.iter().any(|row| row.get(*column).is_some_and(|cell| !matches!(cell.trim(), "" | "-")));
        let kept: Vec<usize> = (0..self.header.len()).filter(says).collect();
        let pick = |row: &Vec<String>| kept.iter().filter_map(|&column| row.get(column).cloned()).collect();
        Table {
            header: kept.iter().map(|&column| self.header[column]).collect(),
            align: kept.iter().map(|&column| self.align[column]).collect(),
            rows: self.rows.iter().map(pick).collect(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The lines, each ending with a line feed; a table without titles has no header.
    pub(crate) fn text(&self, style: Style) -> String {
        let width_of = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([self.header[column].len()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.header.len()).map(width_of).collect();
        let rest: usize = widths.iter().skip(1).map(|width| width + GAP.len()).sum();
        if let Some(first) = widths.first_mut() {
            *first = (*first).min(WIDTH.saturating_sub(rest).max(MIN_FIRST));
        }
        let mut text = String::new();
        if self.header.iter().any(|title| !title.is_empty()) {
            let titles: Vec<_> = self.header.iter().map(ToString::to_string).collect();
            text += &style.bold(&self.line(&titles, &widths));
            text.push('\n');
        }
        for row in &self.rows {
            text += &self.line(row, &widths);
            text.push('\n');
        }
        text
    }

    /// As a table of Markdown.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let escaped = |cell: &String| cell.trim().replace('|', "\\|").replace(char::is_control, " ");
        let rule = |align: &Align| if *align == Align::Left { "---".into() } else { "---:".into() };
        let header = line(self.header.iter().map(ToString::to_string).collect()) + &line(self.align.iter().map(rule).collect());
        self.rows.iter().fold(header, |text, row| text + &line(row.iter().map(escaped).collect()))
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, ((cell, &width), align)) in cells.iter().zip(widths).zip(&self.align).enumerate() {
            let cell = elide(cell, width);
            line += if column == 0 { "" } else { GAP };
            line += &match align {
                Align::Left => format!("{cell:width$}"),
                Align::Right => format!("{cell:>width$}"),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// A paragraph in lines of at most 100 columns, the ones after the first indented; it ends with a line feed. A word that is longer stands
/// alone.
pub(crate) fn paragraph(text: &str) -> String {
    const INDENT: &str = "  ";
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        let begins = lines.len() > 1 && line == INDENT.len() || line == 0;
        if !begins && line + 1 + word.chars().count() > WIDTH {
            lines.push(INDENT.to_owned() + word);
        } else if let Some(line) = lines.last_mut() {
            *line += if begins { "" } else { " " };
            *line += word;
        }
    }
    lines.join("\n") + "\n"
}

/// Rows as comma-separated values (RFC 4180).
pub(crate) fn csv(rows: &[Vec<String>]) -> String {
    let cell = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n").collect()
}

/// The text in at most `width` columns, its middle left out where it is longer; control characters are shown as spaces.
pub(crate) fn elide(text: &str, width: usize) -> String {
    let chars: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.len() <= width {
        return chars.into_iter().collect();
    }
    let tail = width.saturating_sub(1) / 2;
    let head = width.saturating_sub(1 + tail);
    chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(elide("short", 5), "short");
        assert_eq!(elide("functional_1/conv2d/BiasAdd", 11), "funct…asAdd");
        assert_eq!(elide("a\x1b[31mb", 20), "a [31mb");
    }

    #[test]
    fn cells_stay_cells_in_other_forms() {
        let mut table = Table::new([("name", Align::Left), ("n", Align::Right)]);
        table.row(["a|b".into(), "1".into()]);
        assert_eq!(table.markdown(), "| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n");
        assert_eq!(csv(&[vec!["a,\"b\"".into(), "1".into()]]), "\"a,\"\"b\"\"\",1\n");
    }

    #[test]
    fn paragraphs_are_wrapped_between_words() {
        assert_eq!(paragraph("a b"), "a b\n");
        let text = paragraph(&"seven77 ".repeat(20));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.iter().map(|line| line.len()).collect::<Vec<_>>(), [95, 65]);
        assert!(lines[1].starts_with("  seven77 "));
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let mut table = Table::new([("name", Align::Left), ("nothing", Align::Right), ("n", Align::Right)]);
        table.row(["a".into(), "-".into(), "1".into()]);
        table.row(["b".into(), String::new(), "-".into()]);
        assert_eq!(table.without_empty_columns().text(Style::new(false)), "name  n\na     1\nb     -\n");
    }

    #[test]
    fn a_table_fits_a_hundred_columns() {
        let mut table = Table::new([("name", Align::Left), ("bytes", Align::Right)]);
        table.row(["x".repeat(300), "1".into()]);
        table.row(["é".into(), "12,345".into()]);
        let text = table.text(Style::new(false));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("name{} bytes", " ".repeat(90)));
        assert_eq!(lines[1].chars().count(), 100);
        assert_eq!(lines[2], format!("é{}12,345", " ".repeat(93)));
    }
}
