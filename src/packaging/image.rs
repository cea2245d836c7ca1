//! Images for the slots of microcontrollers, and files for their boot loaders: UF2, or plain bytes for ESP32 chips.

use std::path::PathBuf;

use anyhow::{Context, Result};
use edge_device::image;
use edge_format::{Golden, Program};
use edgectl_bundle::Digest;
use edgectl_deploy::uf2::{self, Family};
use edgectl_esp::Chip;
use edgectl_firmware::Firmware;
use edgectl_profile::{Profile, Transport};
use serde::Serialize;

use super::golden::Made as Vectors;
use super::{Args, PackageError};
use crate::output::Outputs;
use crate::ui::{Align, Report, Style, Table, bytes, count};

/// Refuses early what no slot of a board takes.
pub(super) fn fits(profile: &Profile, program: &[u8], golden: &[u8]) -> Result<(), PackageError> {
    let esp = Chip::from_name(&profile.soc).and_then(|chip| edgectl_firmware::for_chip(chip.name())).map(|firmware| firmware.map);
    let Some(map) = edgectl_firmware::for_profile(&profile.name).next().map(|firmware| firmware.map).or(esp) else { return Ok(()) };
    // The header, and padding between the sections.
    let needed = (image::HEADER_BYTES + program.len().next_multiple_of(16) + golden.len()).next_multiple_of(4) as u64;
    let available = u64::from(map.layout.slot_bytes());
    if needed > available {
        let (profile, needed, available) = (profile.name.clone(), count(needed), count(available));
        return Err(PackageError::DoesNotFit { profile, memory: "a slot of its flash", needed, available });
    }
    Ok(())
}

/// A file for a boot loader, and what is said of it.
struct Made {
    file: Vec<u8>,
    chip: &'static str,
    firmware: Option<String>,
}

/// Writes a file with all that lies in a board's flash, or with the model alone: UF2 or plain bytes, as its name says.
pub(super) fn write(args: &Args, profiles: &[Profile], program: &[u8], golden: &Vectors, outputs: Outputs) -> Result<super::PackageReport> {
    let path = || args.output.clone();
    if !args.key.is_empty() {
        return Err(PackageError::Unsigned { path: path() }.into());
    }
    let is_uf2 = args.output.extension().is_some_and(|extension| extension == "uf2");
    let refuse = |found: String| match is_uf2 {
        true => PackageError::Uf2 { path: path(), found },
        false => PackageError::Bin { path: path(), found },
    };
    let [profile] = profiles else {
        return Err(refuse(profiles.iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>().join(", ")).into());
    };
    let parsed = Program::parse(program)?;
    let vectors = Golden::parse(&golden.bytes, &parsed)?;
    let pairs: Vec<(&[u8], &[u8])> = vectors.vectors().map(|vector| (vector.inputs, vector.outputs)).collect();
    let image = image::build(program, &pairs, args.release.security_version).context("program and golden vectors are too long")?;
    let made = match is_uf2 {
        true => uf2(args, profile, &parsed, &image)?,
        false => bin(args, profile, program, &image)?,
    };
    let made = made.ok_or_else(|| refuse(profile.name.clone()))?;
    outputs.write(0, &made.file)?;
    outputs.commit()?;
    Ok(super::PackageReport::Image(ImageReport {
        path: path(),
        bytes: made.file.len() as u64,
        digest: Digest::of(&made.file),
        chip: made.chip,
        firmware: made.firmware,
        image_bytes: image.len() as u64,
        image_digest: image.get(8..40).unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect(),
        golden_vectors: golden.count,
    }))
}

/// For a board whose boot loader takes UF2 files; `None` where it is none.
fn uf2(args: &Args, profile: &Profile, program: &Program<'_>, image: &[u8]) -> Result<Option<Made>> {
    let family = Family::ALL.into_iter().find(|family| family.chip().eq_ignore_ascii_case(&profile.soc));
    let Some(family) = family.filter(|_| profile.transports.contains(&Transport::Uf2)) else { return Ok(None) };
    let firmware = match args.content.model_only {
        true => None,
        false => match edgectl_firmware::for_program(&profile.name, program) {
            Some(firmware) => Some(firmware),
            None => return Ok(None),
        },
    };
    let file = uf2::file(family, firmware.map(|firmware: &Firmware| firmware.image), image)?;
    uf2::parse(&file, &uf2::chip(family).0)?;
    Ok(Some(Made { file, chip: family.chip(), firmware: firmware.map(|firmware| firmware.name.into()) }))
}

/// For an ESP32, from the beginning of its flash; `None` where it is none, or has no firmware.
fn bin(args: &Args, profile: &Profile, program: &[u8], image: &[u8]) -> Result<Option<Made>> {
    let parsed = Program::parse(program)?;
    let Some(flash) = super::esp::Flash::of(profile, &parsed, program.len(), args)? else { return Ok(None) };
    let chip = flash.chip().name();
    Ok(Some(match args.content.model_only {
        true => Made { file: image.to_vec(), chip, firmware: None },
        false => Made { file: flash.merged(program, image)?, chip, firmware: Some(flash.firmware().into()) },
    }))
}

/// A file for a boot loader.
#[derive(Debug, Serialize)]
pub(crate) struct ImageReport {
    path: PathBuf,
    bytes: u64,
    digest: Digest,
    chip: &'static str,
    /// Absent where it holds the model alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware: Option<String>,
    image_bytes: u64,
    /// As the board says it when it is asked what its slots hold.
    image_digest: String,
    golden_vectors: u64,
}

impl Report for ImageReport {
    fn text(&self, style: Style) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        let mut row = |what: &str, text: String| table.row([what.into(), text]);
        row("file", format!("{} ({})", self.path.display(), bytes(self.bytes)));
        row("digest", self.digest.to_string());
        row("chip", self.chip.into());
        row("firmware", self.firmware.clone().unwrap_or_else(|| "none: for boards that have it".into()));
        row("image", format!("{}, {} golden vectors, digest {}", bytes(self.image_bytes), self.golden_vectors, self.image_digest));
        row("verdict", "not signed: whoever holds the board copies it".into());
        table.text(style)
    }
}
