//! Cases that are folders: input files and what the binary must make of them.
//!
//! | file | content |
//! |---|---|
//! | `cmd` | the command line, without the binary; `[FIXTURES]` is the folder of fixtures |
//! | `stdout`, `stderr` | expected text with wildcards (see [`matches`]); absent: nothing |
//! | `status` | expected exit status; absent: 0 |
//! | `files` | names of the files that the command makes, one a line; absent: none |
//!
//! All other files are input. A case runs in a copy of its folder, so that a run that leaves a file behind is found out. With
//! `EDGECTL_BLESS=1`, what does not match is written into the folder instead, to be read before it is committed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::matches;

const EXPECTATIONS: [&str; 5] = ["cmd", "files", "status", "stderr", "stdout"];

/// The binary under test, and where cases and fixtures are.
#[derive(Clone, Copy, Debug)]
pub struct Cases<'a> {
    /// The binary.
    pub binary: &'a Path,
    /// The folder with a folder for each case.
    pub cases: &'a Path,
    /// What `[FIXTURES]` stands for.
    pub fixtures: &'a Path,
}

/// What a run said and made, with paths replaced by their names in square brackets.
#[derive(Debug)]
pub struct Ran {
    /// Exit status; the negative number of a signal.
    pub status: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// Names of new files.
    pub files: BTreeSet<String>,
}

impl Cases<'_> {
    /// Runs every case; the error names all that failed.
    ///
    /// # Errors
    /// Where a case gave something else than it should, or cannot be run.
    pub fn run(&self) -> Result<()> {
        let mut names: Vec<PathBuf> = vec![];
        for entry in fs::read_dir(self.cases).with_context(|| format!("cannot list {}", self.cases.display()))? {
            let path = entry?.path();
            if path.join("cmd").is_file() {
                names.push(path);
            }
        }
        names.sort();
        ensure!(!names.is_empty(), "no cases in {}", self.cases.display());
        let mut failures = vec![];
        for case in &names {
            if let Err(error) = self.run_case(case) {
                failures.push(format!("-- {}: {error:#}", case.file_name().unwrap_or_default().display()));
            }
        }
        ensure!(failures.is_empty(), "{} of {} cases failed\n{}", failures.len(), names.len(), failures.join("\n"));
        Ok(())
    }

    fn run_case(&self, case: &Path) -> Result<()> {
        let folder = tempfile::tempdir()?;
        for name in names(case)? {
            if !EXPECTATIONS.contains(&name.as_str()) {
                fs::copy(case.join(&name), folder.path().join(&name))?;
            }
        }
        let cmd = fs::read_to_string(case.join("cmd"))?;
        let words = cmd.split_whitespace().map(|word| word.replace("[FIXTURES]", &self.fixtures.to_string_lossy()));
        let ran = self.edgectl(folder.path(), words)?;
        let files: String = ran.files.iter().map(|name| format!("{name}\n")).collect();
        let found = [("files", files), ("status", format!("{}\n", ran.status)), ("stderr", ran.stderr), ("stdout", ran.stdout)];
        let mut differences = vec![];
        for (name, found) in found {
            let default = if name == "status" { "0\n" } else { "" };
            let expected = fs::read_to_string(case.join(name)).unwrap_or_else(|_| default.to_owned());
            if matches(&expected, &found) {
                continue;
            }
            if std::env::var_os("EDGECTL_BLESS").is_some() {
                if found == default { fs::remove_file(case.join(name))? } else { fs::write(case.join(name), found)? }
            } else {
                differences.push(format!("expected {name}:\n{expected}\nfound {name}:\n{found}"));
            }
        }
        ensure!(differences.is_empty(), "{}", differences.join("\n"));
        Ok(())
    }

    /// Runs the binary in a folder.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn edgectl(&self, folder: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Ran> {
        let before = names(folder)?;
        let Output { status, stdout, stderr } = self.command(folder).args(arguments).output().context("cannot run the binary")?;
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.replace(&*folder.to_string_lossy(), "[CASE]").replace(&*self.fixtures.to_string_lossy(), "[FIXTURES]")
        };
        let files = names(folder)?.difference(&before).cloned().collect();
        Ok(Ran { status: code(status), stdout: text(stdout), stderr: text(stderr), files })
    }

    /// The binary, to be run in a folder; nothing in the environment colours its output.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.binary);
        command.current_dir(folder).env_remove("CI").env_remove("GITHUB_ACTIONS").env("NO_COLOR", "1");
        command
    }
}

/// The exit status; the negative number of the signal that ended a process.
fn code(status: std::process::ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return -signal;
    }
    status.code().unwrap_or(i32::MIN)
}

/// The names in a folder, hidden ones included.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
