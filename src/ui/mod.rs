//! Sole owner of the terminal: stdout carries the result and nothing else; notes, progress and errors go to stderr.

mod hints;
pub(crate) mod metric;
mod number;
mod progress;
mod style;
mod table;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use indicatif::MultiProgress;
use serde::Serialize;
use zeroize::Zeroizing;

pub(crate) use number::{bytes, count, counted, micros, percent, percent_points, range_of, three_digits};
pub(crate) use progress::{Line, Progress};
pub(crate) use style::Style;
pub(crate) use table::{Align, Table, elide, paragraph};

/// The version of the JSON documents. It rises when a name goes away or changes its meaning.
pub(crate) const SCHEMA_VERSION: u32 = edgectl_bench::baseline::SCHEMA_VERSION;

/// How results are written, and how much is said beside them.
#[derive(clap::Args, Debug)]
pub(crate) struct UiArgs {
    /// Form of the result on stdout: text for people, one JSON document, or the tables of `bench` and `profiles list` as CSV or Markdown
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text, global = true)]
    pub(crate) format: Format,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true)]
    verbose: bool,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
    Csv,
    Markdown,
}

/// What the work says about the model, when it could be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As asked.
    Positive,
    /// Done, but a limit that was asked for does not hold.
    Negative,
}

/// How much an annotation matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
}

impl Verdict {
    /// Positive where all is as asked.
    pub(crate) fn of(as_asked: bool) -> Verdict {
        if as_asked { Verdict::Positive } else { Verdict::Negative }
    }
}

/// A result: JSON by its fields, text for people.
pub(crate) trait Report: Serialize {
    /// The text, at most 100 columns wide; it ends with a line feed.
    fn text(&self, style: Style) -> String;

    /// The rows of its table, the header first; every cell as a machine wants it. Only for commands that offer CSV.
    fn csv(&self) -> Vec<Vec<String>> {
        vec![]
    }

    /// As Markdown. Only for commands that offer it.
    fn markdown(&self) -> String {
        String::new()
    }
}

/// The JSON document of a result.
pub(crate) fn document(report: &impl Serialize) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Document<'a, R> {
        schema_version: u32,
        #[serde(flatten)]
        report: &'a R,
    }
    let mut json = serde_json::to_vec_pretty(&Document { schema_version: SCHEMA_VERSION, report })?;
    json.push(b'\n');
    Ok(json)
}

/// The terminal.
#[derive(Debug)]
pub(crate) struct Ui {
    format: Format,
    quiet: bool,
    verbose: bool,
    stdout: Style,
    stderr: Style,
    bars: MultiProgress,
}

impl Ui {
    pub(crate) fn new(args: &UiArgs) -> Ui {
        Ui {
            format: args.format,
            quiet: args.quiet,
            verbose: args.verbose,
            stdout: Style::new(io::stdout().is_terminal()),
            stderr: Style::new(io::stderr().is_terminal()),
            bars: progress::bars(!args.quiet && io::stderr().is_terminal() && !style::ci()),
        }
    }

    /// Writes the result.
    pub(crate) fn result(&self, report: &impl Report) -> Result<()> {
        match self.format {
            Format::Text => self.raw(report.text(self.stdout).as_bytes()),
            Format::Json => self.raw(&document(report)?),
            Format::Csv => self.raw(table::csv(&report.csv()).as_bytes()),
            Format::Markdown => self.raw(report.markdown().as_bytes()),
        }
    }

    /// Writes bytes to stdout. A reader that has gone away is no error.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<()> {
        self.stream(bytes).map(|_| ())
    }

    /// Writes bytes to stdout: whether anybody still reads them.
    pub(crate) fn stream(&self, bytes: &[u8]) -> Result<bool> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("cannot write the result to stdout"),
        }
    }

    /// Something worth knowing although nothing went wrong.
    pub(crate) fn warning(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            self.say(&format!("{} {text}", self.stderr.yellow("warning:")));
        }
    }

    /// What a pipeline should show beside the code that it is about; nothing where that is not GitHub's.
    pub(crate) fn annotate(&self, level: Level, text: &str) {
        if style::github() {
            let level = match level {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
            self.say(&format!("::{level} title=edgectl::{escaped}"));
        }
    }

    /// Something that the work did on its own.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            self.say(&format!("{} {text}", self.stderr.dim("note:")));
        }
    }

    /// A detail, for `--verbose`.
    pub(crate) fn detail(&self, text: impl std::fmt::Display) {
        if self.verbose {
            self.say(&format!("{} {text}", self.stderr.dim("note:")));
        }
    }

    /// An error as the chain of its causes, then what to do.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let mut text = format!("{} {error}", self.stderr.red("error:"));
        let mut shown = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            // Some libraries quote the cause in the message as well.
            if !shown.ends_with(&cause) {
                text += &format!("\n  caused by {cause}");
                shown = cause;
            }
        }
        if let Some(hint) = hints::hint(error) {
            text += &format!("\n{} {hint}", self.stderr.cyan("hint:"));
        }
        self.say(&text);
    }

    /// Asks a person for a secret, without showing what is typed; `None` where there is no terminal.
    pub(crate) fn secret(&self, prompt: &str) -> Result<Option<Zeroizing<String>>> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() || style::ci() {
            return Ok(None);
        }
        let secret = self.bars.suspend(|| rpassword::prompt_password(prompt)).context("cannot ask for a password")?;
        Ok(Some(Zeroizing::new(secret)))
    }

    /// Progress of work that has this many steps.
    pub(crate) fn progress(&self, what: &'static str, steps: usize) -> Progress {
        Progress::new(&self.bars, what, steps)
    }

    /// A line about something that is under way, until it is dropped.
    pub(crate) fn line(&self, name: &str) -> Line {
        Line::new(&self.bars, name)
    }

    /// Whether the result is for a program.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether a person sits at the terminal.
    pub(crate) fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal() && !style::ci()
    }

    fn say(&self, text: &str) {
        // Where stderr cannot be written, there is nobody to tell.
        self.bars.suspend(|| drop(writeln!(io::stderr(), "{text}")));
    }
}

/// Help, version or a usage error, as clap words them.
pub(crate) fn usage(message: &clap::Error) -> ExitCode {
    // Fails where nobody reads: that is no error.
    drop(message.print());
    ExitCode::from(if message.use_stderr() { 2 } else { 0 })
}
