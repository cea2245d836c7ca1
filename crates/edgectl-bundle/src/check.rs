//! What a manifest may say: names, paths, ranges, and that its parts fit each other.

use std::collections::BTreeSet;

use crate::error::ManifestError;
use crate::manifest::{FORMAT, File, Flash, Manifest, Role, System, Target};

/// The greatest integer that every reader of JSON understands.
const MAX_INTEGER: u64 = 1 << 53;
/// The longest file, in bytes: what a ustar header can say.
pub(crate) const MAX_FILE_BYTES: u64 = (8 << 30) - 1;
/// The longest path, in bytes.
const MAX_PATH: usize = 100;
/// The longest free text, in bytes.
const MAX_TEXT: usize = 256;

pub(crate) fn check(manifest: &Manifest) -> Result<(), ManifestError> {
    let m = manifest;
    require(m.format == FORMAT, "format", m.format, "1; a newer edgectl made this bundle")?;
    require(is_name(&m.name, "._-"), "name", &m.name, "1 to 64 of a-z 0-9 . _ -, a letter or digit first")?;
    require(is_name(&m.channel, "-"), "channel", &m.channel, "1 to 64 of a-z 0-9 -, a letter or digit first")?;
    require((1..MAX_INTEGER).contains(&m.counter), "counter", m.counter, "1 or more, less than 2^53")?;
    require(m.arena_bytes < 1 << 31, "arena_bytes", m.arena_bytes, "less than 2 GiB")?;
    if let (Some(created), Some(expires)) = (m.created, m.expires) {
        require(expires > created, "expires", expires, "a moment after `created`")?;
    }
    for port in m.inputs.iter().chain(&m.outputs) {
        require(is_text(&port.name), "name of an input or output", &port.name, "at most 256 bytes without control characters")?;
        require(is_name(&port.dtype, ""), "dtype", &port.dtype, "a data type such as i8")?;
        require(port.scale.value() > 0.0, "scale", port.scale, "more than 0")?;
    }
    files(&m.files)?;
    targets(m)?;
    evidence(m)
}

fn files(files: &[File]) -> Result<(), ManifestError> {
    for file in files {
        require(is_path(&file.path), "path", &file.path, "segments of A-Z a-z 0-9 . _ -, parted by slashes, at most 100 characters")?;
        require(file.size <= MAX_FILE_BYTES, "size", file.size, "less than 8 GiB")?;
    }
    for pair in files.windows(2) {
        if let [first, second] = pair {
            require(first.path < second.path, "path", &second.path, "paths in ascending order, each once")?;
        }
    }
    let folders: BTreeSet<&str> =
        files.iter().flat_map(|file| file.path.match_indices('/').filter_map(|(at, _)| file.path.get(..at))).collect();
    for file in files {
        require(!folders.contains(file.path.as_str()), "path", &file.path, "a file that is no folder of another one")?;
    }
    // Devices whose file systems do not tell these apart would lose one of them.
    let folded: BTreeSet<String> = files.iter().map(|file| file.path.to_ascii_lowercase()).collect();
    require(folded.len() == files.len(), "path", "of two files", "paths that differ in more than upper and lower case")?;
    let by_digest: BTreeSet<_> = files.iter().map(|file| (file.digest, file.size)).collect();
    let digests: BTreeSet<_> = files.iter().map(|file| file.digest).collect();
    require(by_digest.len() == digests.len(), "size", "of two files", "one size for one digest")?;
    let programs = files.iter().filter(|file| file.role == Role::Program).count();
    require(programs == 1, "files", format!("{programs} programs"), "one program")
}

fn targets(manifest: &Manifest) -> Result<(), ManifestError> {
    require(!manifest.targets.is_empty(), "targets", "none", "one or more")?;
    for pair in manifest.targets.windows(2) {
        if let [first, second] = pair {
            require(first.profile < second.profile, "profile of a target", &second.profile, "profiles in ascending order, each once")?;
        }
    }
    for target in &manifest.targets {
        let Target { arch, files, flash, profile, soc, system } = target;
        require(is_name(profile, "-"), "profile of a target", profile, "the name of a device profile")?;
        require(is_name(arch, "_-"), "arch of a target", arch, "an instruction set such as aarch64")?;
        require(is_text(soc), "soc of a target", soc, "at most 256 bytes without control characters")?;
        for path in files {
            require(manifest.file(path).is_some(), "files of a target", path, "a path among `files`")?;
        }
        for pair in files.windows(2) {
            require(pair.first() < pair.last(), "files of a target", pair.join(", "), "paths in ascending order, each once")?;
        }
        let has = |role| manifest.files_for(target).filter(|file| file.role == role).count();
        require(has(Role::Program) == 1, "files of a target", profile, "the program among them")?;
        require(has(Role::Golden) == 1, "files of a target", profile, "the golden vectors among them")?;
        require(has(Role::Runtime) <= 1, "files of a target", profile, "at most one runtime")?;
        require(has(Role::Service) <= 1, "files of a target", profile, "at most one service")?;
        let is_linux = *system == System::Linux;
        require(!(is_linux && flash.is_some()), "flash of a target", profile, "none where there is Linux")?;
        if let Some(flash) = flash {
            parts(manifest, target, flash)?;
        }
    }
    Ok(())
}

fn parts(manifest: &Manifest, target: &Target, flash: &Flash) -> Result<(), ManifestError> {
    let Flash { bytes, erase_bytes, parts } = flash;
    require((1..=1 << 32).contains(bytes), "bytes of a flash", bytes, "1 or more, at most 4 GiB")?;
    let whole = erase_bytes.is_power_of_two() && bytes.is_multiple_of(*erase_bytes);
    require(whole, "erase_bytes of a flash", erase_bytes, "a power of two that divides `bytes`")?;
    let mut end = 0;
    for part in parts {
        let listed = target.files.contains(&part.file).then(|| manifest.file(&part.file)).flatten();
        let Some(file) = listed else {
            return Err(ManifestError::of("file of a part of the flash", &part.file, "a file of the target"));
        };
        require(part.offset.is_multiple_of(*erase_bytes), "offset of a part", part.offset, "a multiple of `erase_bytes`")?;
        require(part.offset >= end, "offset of a part", part.offset, "parts in ascending order, without overlap")?;
        // Both are below 2^54.
        end = part.offset.saturating_add(file.size);
        require(end <= *bytes, "end of a part", end, "at most the size of the flash")?;
    }
    Ok(())
}

fn evidence(manifest: &Manifest) -> Result<(), ManifestError> {
    let evidence = &manifest.evidence;
    let is = |path: &str, role: Role| manifest.file(path).is_some_and(|file| file.role == role);
    let golden = &evidence.golden;
    require(is(&golden.file, Role::Golden), "file of the golden vectors", &golden.file, "a file of the role golden")?;
    require((1..MAX_INTEGER).contains(&golden.vectors), "number of golden vectors", golden.vectors, "1 or more")?;
    require(is_text(&golden.source), "source of the golden vectors", &golden.source, "at most 256 bytes without control characters")?;
    if let Some(accuracy) = &evidence.accuracy {
        require(is(&accuracy.report, Role::Report), "report of the accuracy", &accuracy.report, "a file of the role report")?;
        require(is_text(&accuracy.metric), "metric", &accuracy.metric, "at most 256 bytes without control characters")?;
        require(accuracy.samples < MAX_INTEGER, "samples", accuracy.samples, "less than 2^53")?;
    }
    for bench in &evidence.bench {
        require(is(&bench.report, Role::Report), "report of a benchmark", &bench.report, "a file of the role report")?;
        require(is_text(&bench.target), "target of a benchmark", &bench.target, "at most 256 bytes without control characters")?;
        require(is_name(&bench.backend, "-"), "backend of a benchmark", &bench.backend, "a name such as estimate")?;
        require(bench.latency_ms.value() >= 0.0, "latency_ms", bench.latency_ms, "0 or more")?;
    }
    Ok(())
}

fn require(holds: bool, what: &'static str, found: impl ToString, expected: &'static str) -> Result<(), ManifestError> {
    if holds { Ok(()) } else { Err(ManifestError::of(what, found, expected)) }
}

/// Lower-case letters and digits, and these others but not at the beginning.
fn is_name(text: &str, others: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 64 && text.starts_with(is_plain) && text.chars().all(|c| is_plain(c) || others.contains(c))
}

/// A path below a folder, on any system: no `..`, no hidden file, nothing that a program could take for an option.
fn is_path(path: &str) -> bool {
    let is_segment = |segment: &str| {
        segment.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    path.len() <= MAX_PATH && path.split('/').all(is_segment)
}

fn is_text(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}
