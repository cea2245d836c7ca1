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

/// A line about something that is under way; it goes away with it.
#[derive(Debug)]
pub(crate) struct Line(ProgressBar);

impl Line {
    pub(super) fn new(bars: &MultiProgress, name: &str) -> Line {
        let style = ProgressStyle::with_template("{prefix:>12.12} {spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = bars.add(ProgressBar::new_spinner()).with_style(style).with_prefix(super::elide(name, 12));
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        Line(bar)
    }

    pub(crate) fn say(&self, text: &str) {
        self.0.set_message(super::elide(text, 80));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
