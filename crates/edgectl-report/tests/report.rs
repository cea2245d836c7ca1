//! What every report must hold, whatever is put in.

use edgectl_report::{
    Align, Axis, BarRow, Bars, Bin, Cell, HeatCell, HeatRow, HeatStrip, Histogram, Html, Mark, Page, Plot, Point, Series, Shape, Table,
    facts,
};
use proptest::prelude::*;

/// Every part of the crate, fed with these words and numbers.
fn everything(words: &str, numbers: &[f64]) -> String {
    let marks: Vec<Mark> = numbers.iter().map(|&value| Mark { value, label: words.into() }).collect();
    let points: Vec<Point> = numbers.windows(2).map(|pair| Point::new(pair[0], pair[1], words)).collect();
    let series = [Shape::Dots, Shape::LabelledDots, Shape::Line].map(|shape| Series { name: words.into(), shape, points: points.clone() });
    let bins: Vec<Bin> = numbers.windows(3).map(|three| Bin { low: three[0], high: three[1], count: three[2] }).collect();
    let bar_rows: Vec<BarRow> = numbers.iter().map(|&value| BarRow::new(words, [value, -value])).collect();
    let cells = numbers.iter().map(|&value| HeatCell { value, note: words.into() }).collect();
    let heat_rows = [HeatRow { label: words.into(), cells }, HeatRow { label: String::new(), cells: vec![] }];
    let table_rows = [vec![Cell::from(words), Cell::from(words)]];
    let columns = [(words, Align::Left), (words, Align::Right)];
    let mut charts = vec![
        facts([(words, words)]),
        Html::paragraph(words),
        Html::list([words]),
        Table { caption: words, columns: &columns, rows: &table_rows }.html(),
        HeatStrip { title: words, x_label: words, rows: &heat_rows }.html(),
    ];
    for axis in [Axis::linear(words), Axis::log(words)] {
        charts.push(Bars { title: words, axis, series: &[words, words], rows: &bar_rows, marks: &marks }.html());
        charts.push(Histogram { title: words, x: axis, y: axis, bins: &bins, marks: &marks }.html());
        charts.push(Plot { title: words, x: axis, y: axis, series: &series, marks: &marks }.html());
    }
    Page::new(words, words).section(words, charts).html()
}

/// The tags in order, without attributes; panics where an attribute is not quoted properly or `<` is not a tag's.
fn tags(html: &str) -> Vec<String> {
    let mut found = vec![];
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>').expect("a tag ends");
        assert_eq!(tag[..end].matches('"').count() % 2, 0, "quotes of <{}>", &tag[..end]);
        let name: String = tag[..end].chars().take_while(|c| !c.is_whitespace()).collect();
        found.push(if tag[..end].ends_with('/') { format!("{}/", name.trim_end_matches('/')) } else { name });
        rest = &tag[end + 1..];
    }
    found
}

/// Panics unless every element is closed, in order.
fn assert_balanced(html: &str) {
    let mut open = vec![];
    for tag in tags(html) {
        match tag.as_str() {
            "!doctype" | "meta" => {}
            closed if closed.ends_with('/') => {}
            end if end.starts_with('/') => assert_eq!(open.pop().as_deref(), end.strip_prefix('/')),
            start => open.push(start.to_owned()),
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn a_report_loads_nothing_and_runs_nothing() {
    let html = everything("name", &[1.0, 2.0, 3.0]);
    for word in ["<script", "http:", "https:", "url(", "@import", "src=", "href=", "onload"] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn every_chart_has_a_name_for_those_who_cannot_see_it() {
    let html = everything("the <title>", &[1.0, 2.0, 3.0]);
    assert_eq!(html.matches("<svg ").count(), 7);
    assert_eq!(html.matches("role=\"img\" aria-label=\"the &lt;title&gt;\"").count(), 7);
}

#[test]
fn markup_in_names_stays_text() {
    let attack = "\"/><script>alert('x')</script><img src=x onerror=alert(1)> & \u{0}\u{1b}";
    let html = everything(attack, &[1.0, 5.0, 2.0]);
    let harmless = "x".repeat(attack.chars().count());
    assert_eq!(tags(&html), tags(&everything(&harmless, &[1.0, 5.0, 2.0])));
    assert!(!html.contains('\u{0}') && !html.contains('\u{1b}'));
}

proptest! {
    #[test]
    fn any_words_and_numbers_give_a_balanced_page_with_finite_places(words in "[^Nin]{0,40}", numbers in prop::collection::vec(any::<f64>(), 0..12)) {
        let html = everything(&words, &numbers);
        assert_balanced(&html);
        for attribute in html.split('"').skip(1).step_by(2) {
            prop_assert!(!attribute.contains("NaN") && !attribute.contains("inf"), "{attribute}");
        }
    }
}
