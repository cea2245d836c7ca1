//! The volume of a boot loader.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Family;
use crate::board::BoardError;
use crate::board::line::POLL;

const INFO: &str = "INFO_UF2.TXT";
const NAME: &str = "edgectl.uf2";
const PIECE: usize = 32 << 10;

/// The volume of a boot loader.
pub(super) struct Volume {
    path: PathBuf,
    family: Family,
}

impl Volume {
    /// Takes a folder that a boot loader's volume is mounted at.
    pub(super) fn open(path: &Path) -> Result<Volume, BoardError> {
        let refuse = |problem: String| BoardError::Volume { path: path.into(), problem };
        let mut text = vec![];
        let read = || File::open(path.join(INFO))?.take(4096).read_to_end(&mut text);
        match { read }() {
            Ok(_) => {}
            Err(error) if path.is_dir() => return Err(refuse(format!("it has no readable {INFO} ({error})"))),
            Err(error) => return Err(refuse(error.to_string())),
        }
        let text = String::from_utf8_lossy(&text);
        let id = text.lines().find_map(|line| line.strip_prefix("Board-ID:")).map(str::trim);
        let id = id.ok_or_else(|| refuse(format!("{INFO} has no Board-ID")))?;
        let family = Family::ALL.into_iter().find(|family| family.board_id() == id);
        let family = family.ok_or_else(|| {
            let known = Family::ALL.map(Family::board_id).join(" or ");
            refuse(format!("its board is {:?}: expected {known}", id.replace(char::is_control, " ")))
        })?;
        Ok(Volume { path: path.into(), family })
    }

    /// The only volume of a boot loader that is mounted.
    pub(super) fn only() -> Result<Volume, BoardError> {
        let mut found = mounted();
        match (found.pop(), found.len()) {
            (Some(volume), 0) => Ok(volume),
            (Some(volume), _) => {
                let all = found.iter().chain([&volume]).map(|volume| format!("uf2:{}", volume.path.display()));
                Err(BoardError::Several { found: all.collect() })
            }
            (None, _) => Err(BoardError::NoBoard { wanted: "that waits for a UF2 file".into(), found: vec![] }),
        }
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    /// Copies a file to the volume. `advanced` is told the bytes that have been handed over.
    ///
    /// The volume goes away as soon as the last block has arrived, so that closing the file may fail: that is no error if all was handed
    /// over.
    pub(super) fn write(&self, bytes: &[u8], advanced: &mut dyn FnMut(u64)) -> Result<(), BoardError> {
        let path = self.path.join(NAME);
        let mut written = 0;
        let failed = |written, source| BoardError::Write { path: path.clone(), written, total: bytes.len() as u64, source };
        let mut file = File::create(&path).map_err(|source| failed(0, source))?;
        for piece in bytes.chunks(PIECE) {
            file.write_all(piece).map_err(|source| failed(written, source))?;
            written += piece.len() as u64;
            advanced(written);
        }
        match file.sync_all() {
            Err(error) if !is_gone(&error) => Err(failed(written, error)),
            _ => Ok(()),
        }
    }

    /// Waits until the volume is gone: that is how a boot loader says that a file was complete.
    pub(super) fn wait_gone(&self, patience: Duration) -> bool {
        let begin = Instant::now();
        while self.path.join(INFO).exists() {
            if begin.elapsed() > patience {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }
}

/// Whether an error is that of a volume that has gone away: EIO, ENXIO, ENODEV, ENOENT, ESTALE.
fn is_gone(error: &io::Error) -> bool {
    const GONE: [i32; 5] = [5, 6, 19, 2, 116];
    error.raw_os_error().is_some_and(|code| GONE.contains(&code))
}

/// The volumes of boot loaders that are mounted, as far as this system says what is mounted.
fn mounted() -> Vec<Volume> {
    let mut paths: Vec<PathBuf> = vec![];
    if let Ok(mounts) = fs::read_to_string("/proc/self/mounts") {
        paths.extend(mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(|path| unescape(path).into()));
    } else if let Ok(volumes) = fs::read_dir("/Volumes") {
        paths.extend(volumes.flatten().map(|volume| volume.path()));
    }
    paths.sort();
    paths.dedup();
    paths.iter().filter_map(|path| Volume::open(path).ok()).collect()
}

/// Paths in the table of mounts have octal numbers for spaces, tabs, line feeds and backslashes.
fn unescape(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(path.to_owned(), |path, (code, c)| path.replace(code, c))
}
