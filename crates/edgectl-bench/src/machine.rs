//! The machine on which something is measured, and what may disturb it.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What measured times depend on. Two measurements can be compared where these are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Instruction set: `x86_64`, `aarch64`.
    pub arch: String,
    /// The processor, as the system names it; empty where it does not.
    pub cpu: String,
    /// Threads that can run at a time.
    pub threads: usize,
}

/// What the system was doing meanwhile. Whatever the system does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The policy by which the processor's clock is chosen: `performance`, `powersave`, `schedutil`...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Runnable threads over the last minute, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_1min: Option<f64>,
    /// Whether the processor is shared with other systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<bool>,
}

impl Machine {
    /// This machine.
    pub fn here() -> Machine {
        Machine::read(Path::new("/"))
    }

    /// A machine by its `/proc` and `/sys` below `root`; other systems have none, and name no processor.
    fn read(root: &Path) -> Machine {
        let info = text(root, "proc/cpuinfo");
        let board = || text(root, "sys/firmware/devicetree/base/model");
        let cpu = field(&info, "model name").or_else(|| field(&info, "Model")).unwrap_or_else(board);
        Machine {
            arch: std::env::consts::ARCH.into(),
            cpu: cpu.trim_end_matches('\0').trim().to_owned(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Conditions {
    /// Those of this moment.
    pub fn here() -> Conditions {
        Conditions::read(Path::new("/"))
    }

    fn read(root: &Path) -> Conditions {
        let governor = text(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
        let flags = field(&text(root, "proc/cpuinfo"), "flags");
        Conditions {
            governor: Some(governor.trim().to_owned()).filter(|governor| !governor.is_empty()),
            load_1min: text(root, "proc/loadavg").split_whitespace().next().and_then(|word| word.parse().ok()),
            virtual_machine: flags.map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
        }
    }
}

fn text(root: &Path, path: &str) -> String {
    fs::read(root.join(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The value of the first line `name : value`.
fn field(info: &str, name: &str) -> Option<String> {
    let pairs = info.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn a_pc_names_its_processor() {
        let info = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu hypervisor avx2\n\nprocessor\t: 1\n";
        let root = root(&[
            ("proc/cpuinfo", info),
            ("proc/loadavg", "0.69 1.13 0.99 2/345 6789\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil\n"),
        ]);
        assert_eq!(Machine::read(root.path()).cpu, "AMD EPYC");
        let expected = Conditions { governor: Some("schedutil".into()), load_1min: Some(0.69), virtual_machine: Some(true) };
        assert_eq!(Conditions::read(root.path()), expected);
    }

    #[test]
    fn a_board_names_itself() {
        let root = root(&[
            ("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd\n"),
            ("sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
        ]);
        assert_eq!(Machine::read(root.path()).cpu, "Raspberry Pi 4 Model B Rev 1.4");
        assert_eq!(Conditions::read(root.path()), Conditions::default());
    }

    #[test]
    fn a_system_that_tells_nothing_is_no_error() {
        let root = root(&[]);
        assert_eq!(Machine::read(root.path()).cpu, "");
        assert_eq!(Conditions::read(root.path()), Conditions::default());
    }
}
