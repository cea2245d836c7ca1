//! The agents for Linux devices.

use std::io::Read;

use flate2::read::GzDecoder;

const AARCH64: &[u8] = include_bytes!("../../edge-agent/prebuilt/aarch64.gz");
const X86_64: &[u8] = include_bytes!("../../edge-agent/prebuilt/x86_64.gz");

/// `edge-agent` for an architecture, as `uname -m` names it: a static program; `None` where there is none.
pub fn agent(arch: &str) -> Option<Vec<u8>> {
    let compressed = match arch {
        "aarch64" => AARCH64,
        "x86_64" => X86_64,
        _ => return None,
    };
    let mut binary = vec![];
    GzDecoder::new(compressed).read_to_end(&mut binary).ok()?;
    Some(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_programs_for_their_architecture() {
        for (arch, machine) in [("aarch64", 183), ("x86_64", 62)] {
            let binary = agent(arch).unwrap_or_default();
            assert!(binary.starts_with(b"\x7fELF\x02\x01\x01"), "{arch}");
            assert_eq!(binary[18..20], u16::to_le_bytes(machine), "{arch}");
        }
        assert_eq!(agent("riscv64"), None);
    }
}
