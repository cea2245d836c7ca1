//! What devices need besides the program, by their profile.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use edge_agent::service;
use edge_format::Program;
use edgectl_bundle::{Flash, Part, Role, Target};
use edgectl_deploy::ssh::FOLDER;
use edgectl_profile::{ProcessorKind, Profile, System};

use super::{Args, PackageError, Packed, esp, read};

/// The targets of these profiles, each with the paths of what only it needs, which is added to `packed`.
pub(crate) fn targets(
    profiles: &[Profile],
    args: &Args,
    name: &str,
    program: &Program<'_>,
    packed: &mut Vec<Packed>,
) -> Result<Vec<(Target, Vec<String>)>> {
    let mut agents = BTreeMap::new();
    for path in &args.content.runtime {
        let content = read(path)?;
        let arch = elf_arch(path, &content)?;
        if agents.insert(arch, content).is_some() {
            return Err(PackageError::RuntimeTwice { arch }.into());
        }
    }
    let program_bytes = packed.iter().find(|file| file.role == Role::Program).map_or(0, |file| file.content.len());
    let mut targets = vec![];
    for profile in profiles {
        let arch = arch(profile);
        let mut own = vec![];
        if profile.system == System::Linux {
            let missing = || PackageError::NoRuntime { profile: profile.name.clone(), arch: arch.clone() };
            let agent = |arch: &str| agents.get(arch).cloned().or_else(|| edgectl_firmware::agent(arch));
            let (path, unit) = (format!("runtime/{arch}/edge-agent"), format!("{name}.service"));
            if !packed.iter().any(|file| file.path == path) {
                packed.push(Packed::new(&path, Role::Runtime, agent(&arch).ok_or_else(missing)?));
            }
            if !packed.iter().any(|file| file.path == unit) {
                packed.push(Packed::new(&unit, Role::Service, service::unit(&Path::new(FOLDER).join(name), None)));
            }
            own = vec![path, unit];
        }
        let mut flash = None;
        if let Some(esp) = esp::Flash::of(profile, program, program_bytes, args)? {
            let mut parts = vec![];
            for part in esp.parts() {
                let path = format!("firmware/{}/{}.bin", profile.name, part.name.replace(' ', "-"));
                packed.push(Packed::new(&path, Role::Firmware, &part.bytes[..]));
                parts.push(Part { file: path.clone(), offset: part.offset.into() });
                own.push(path);
            }
            if let Some(offset) = esp.program_offset() {
                parts.push(Part { file: "program.edgm".into(), offset: offset.into() });
            }
            parts.sort_by_key(|part| part.offset);
            flash = Some(Flash { bytes: esp.flash_bytes().into(), erase_bytes: 4096, parts });
        } else if let Some(firmware) = edgectl_firmware::for_program(&profile.name, program) {
            let path = format!("firmware/{}.bin", firmware.name);
            packed.push(Packed::new(&path, Role::Firmware, firmware.image));
            let parts = vec![Part { file: path.clone(), offset: 0 }];
            flash = Some(Flash { bytes: firmware.map.flash_bytes.into(), erase_bytes: firmware.map.erase_bytes.into(), parts });
            own.push(path);
        }
        let system = match profile.system {
            System::Linux => edgectl_bundle::System::Linux,
            System::BareMetal => edgectl_bundle::System::BareMetal,
        };
        let target = Target { arch, files: vec![], flash, profile: profile.name.clone(), soc: profile.soc.clone(), system };
        targets.push((target, own));
    }
    Ok(targets)
}

/// The instruction set as Linux and Rust name it.
fn arch(profile: &Profile) -> String {
    let cpu = profile.processors.values().find(|processor| processor.kind == ProcessorKind::Cpu);
    let isa = cpu.map_or("unknown", |cpu| cpu.isa.as_str());
    match (profile.system, isa) {
        (System::Linux, isa) if isa.starts_with("armv8") || isa.starts_with("armv9") => "aarch64".into(),
        (System::Linux, isa) if isa.starts_with("x86-64") => "x86_64".into(),
        (_, isa) => isa.replace('.', "-"),
    }
}

/// The instruction set of a program for Linux, which must need no other file to run.
fn elf_arch(path: &Path, content: &[u8]) -> Result<&'static str, PackageError> {
    let refuse = |expected, found: &str| PackageError::Runtime { path: path.into(), expected, found: found.into() };
    let half = |at: usize| content.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes);
    // ELF64, little-endian (System V ABI, chapter 4).
    if !content.starts_with(b"\x7fELF\x02\x01\x01") {
        return Err(refuse("a program for 64-bit Linux", "another kind of file"));
    }
    let arch = match half(18) {
        Some(62) => "x86_64",
        Some(183) => "aarch64",
        machine => return Err(refuse("x86-64 (62) or AArch64 (183)", &format!("machine {}", machine.unwrap_or_default()))),
    };
    let offset = content.get(32..40).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let (size, count) = (half(54).unwrap_or_default(), half(56).unwrap_or_default());
    for index in 0..u64::from(count) {
        const INTERPRETER: [u8; 4] = [3, 0, 0, 0];
        let header = offset.and_then(|offset| offset.checked_add(index * u64::from(size))).and_then(|at| usize::try_from(at).ok());
        let kind =
            header.and_then(|at| content.get(at..at.checked_add(4)?)).ok_or_else(|| refuse("a program for Linux", "a damaged one"))?;
        if kind == INTERPRETER {
            return Err(refuse("a statically linked program", "one that needs a dynamic linker"));
        }
    }
    Ok(arch)
}
