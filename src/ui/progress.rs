//! Progress bars with an ETA, on stderr; invisible off a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{msg:>12} [{bar:30}] {human_pos}/{human_len}, {eta} left";

/// The place of all bars.
pub(super) fn bars(visible: bool) -> MultiProgress {
    MultiProgress::with_draw_target(if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() })
}

/// Work that advances; the bar goes away with it.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(bars: &MultiProgress, what: &'static str, steps: usize) -> Progress {
        let style = ProgressStyle::with_template(TEMPLATE).map(|style| style.progress_chars("=> "));
        let bar = bars.add(ProgressBar::new(steps as u64)).with_message(what);
        Progress(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(crate) fn advance(&self, steps: usize) {
        self.0.inc(steps as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
