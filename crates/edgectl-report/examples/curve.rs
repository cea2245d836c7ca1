//! Draws lines through points: `curve TITLE X Y < points.csv > curve.svg`, each line of the input being `series,x,y`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, Read};
use std::process::ExitCode;

use edgectl_report::{Axis, Plot, Point, Series, Shape};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [title, x, y] = &arguments[..] else {
        eprintln!("usage: curve TITLE X Y < points.csv > curve.svg");
        return ExitCode::from(2);
    };
    let mut text = String::new();
    if let Err(error) = io::stdin().read_to_string(&mut text) {
        eprintln!("cannot read the points: {error}");
        return ExitCode::from(2);
    }
    let mut series: Vec<Series> = vec![];
    for line in text.lines() {
        let fields: Vec<&str> = line.rsplitn(3, ',').collect();
        let &[y, x, name] = &fields[..] else { continue };
        let (Ok(x), Ok(y)) = (x.parse(), y.parse()) else { continue };
        if !series.iter().any(|known| known.name == name) {
            series.push(Series { name: name.into(), shape: Shape::Line, points: vec![] });
        }
        series.iter_mut().filter(|known| known.name == name).for_each(|known| known.points.push(Point::new(x, y, "")));
    }
    let plot = Plot { title, x: Axis::linear(x), y: Axis::linear(y), series: &series, marks: &[] };
    print!("{}", plot.svg());
    ExitCode::SUCCESS
}
