//! The ladder as a section of an HTML page.

use edgectl_report::{Axis, BarRow, Bars, Cell, Html, Mark, Table, Tone};

use super::{COLUMNS, DROP, Ladder, Rung};
use crate::ui::counted;

/// What is said of figures that stand on the samples by which something was chosen.
const FLATTERED: &str = "the recipe was chosen by the samples on which its metric is given, and so its metric is flattered. Confirm it on \
                         samples by which nothing was chosen: edgectl run OUT.edgm --input DATA.";

impl Ladder {
    /// The section: how it ended, the drop of each rung as bars, and a table of what each costs.
    pub(crate) fn section(&self) -> Vec<Html> {
        let samples = counted(self.rungs.first().map_or(0, |rung| rung.samples) as u64, "sample");
        let about = format!(
            "Allowed is a drop of {} points below float, over {samples}. Recipes were tried in this order until one stayed within; a drop below zero \
             is better than float.",
            self.max_drop_points
        );
        let chosen = self.rungs.iter().find(|rung| rung.chosen);
        let verdict = match (&self.binding, chosen) {
            (Some(binding), _) => Some(Html::notice(Tone::Bad, "No recipe stays within:", binding)),
            (None, Some(rung)) => Some(Html::notice(Tone::Good, "Within:", &rung.recipe)),
            (None, None) => None,
        };
        let flattered = self.chosen_on_evaluation.then(|| Html::notice(Tone::Warning, "Mind the metric:", FLATTERED));
        [Html::paragraph(&about)].into_iter().chain(verdict).chain(flattered).chain([self.bars(), self.table()]).collect()
    }

    fn bars(&self) -> Html {
        let row = |rung: &Rung| BarRow::new(&rung.recipe, [rung.drop_points]).toned(rung.tone());
        let rows: Vec<BarRow> = self.rungs.iter().map(row).collect();
        let marks = [Mark { value: self.max_drop_points, label: "allowed".into() }];
        let axis = Axis::linear("points below float, shorter is better");
        Bars { title: "What each recipe loses", axis, series: &["drop"], rows: &rows, marks: &marks }.html()
    }

    fn table(&self) -> Html {
        let cells = |rung: &Rung| {
            let mut cells = rung.cells().map(Cell::from);
            cells[DROP] = Cell::toned(rung.drop(), rung.tone());
            cells.into()
        };
        let rows: Vec<Vec<Cell>> = self.rungs.iter().map(cells).collect();
        Table { caption: "What was tried; drop in points", columns: &COLUMNS, rows: &rows }.html()
    }
}

impl Rung {
    fn tone(&self) -> Tone {
        match (self.within, self.chosen) {
            (true, _) => Tone::Good,
            (false, true) => Tone::Bad,
            (false, false) => Tone::Plain,
        }
    }
}
