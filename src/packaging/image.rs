//! Images for the slots of microcontrollers, and UF2 files for their boot loaders.

use std::path::PathBuf;

use anyhow::{Context, Result};
use edge_device::image;
use edge_format::{Golden, Program};
use edgectl_bundle::Digest;
use edgectl_deploy::uf2::{self, Family};
use edgectl_firmware::Firmware;
use edgectl_profile::{Profile, Transport};
use serde::Serialize;

use super::golden::Made;
use super::{Args, PackageError};
use crate::output::Outputs;
use crate::ui::{Align, Report, Style, Table, bytes, count};

/// Refuses early what no slot of a board takes.
pub(super) fn fits(profile: &Profile, program: &[u8], golden: &[u8]) -> Result<(), PackageError> {
    let Some(firmware) = edgectl_firmware::for_profile(&profile.name).next() else { return Ok(()) };
    // The header, and padding between the sections.
    let needed = (image::HEADER_BYTES + program.len().next_multiple_of(16) + golden.len()).next_multiple_of(4) as u64;
    let available = u64::from(firmware.map.layout.slot_bytes());
    if needed > available {
        let (profile, needed, available) = (profile.name.clone(), count(needed), count(available));
        return Err(PackageError::DoesNotFit { profile, memory: "a slot of its flash", needed, available });
    }
    Ok(())
}

/// Writes a UF2 file with the model, and the firmware unless it is not wanted.
pub(super) fn write(args: &Args, profiles: &[Profile], program: &[u8], made: &Made, outputs: Outputs) -> Result<super::PackageReport> {
    if !args.key.is_empty() {
        return Err(PackageError::Uf2Signed { what: "signature" }.into());
    }
    let [profile] = profiles else {
        let found = profiles.iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(PackageError::Uf2 { path: args.output.clone(), found }.into());
    };
    let refuse = || PackageError::Uf2 { path: args.output.clone(), found: profile.name.clone() };
    let family = Family::ALL.into_iter().find(|family| family.chip().eq_ignore_ascii_case(&profile.soc));
    let family = family.filter(|_| profile.transports.contains(&Transport::Uf2)).ok_or_else(refuse)?;
    let parsed = Program::parse(program)?;
    let golden = Golden::parse(&made.bytes, &parsed)?;
    let pairs: Vec<(&[u8], &[u8])> = golden.vectors().map(|vector| (vector.inputs, vector.outputs)).collect();
    let image = image::build(program, &pairs, args.release.security_version).context("program and golden vectors are too long")?;
    let firmware = match args.content.model_only {
        true => None,
        false => Some(edgectl_firmware::for_program(&profile.name, &parsed).ok_or_else(refuse)?),
    };
    let file = uf2::file(family, firmware.map(|firmware: &Firmware| firmware.image), &image)?;
    uf2::parse(&file, &uf2::chip(family).0)?;
    outputs.write(0, &file)?;
    outputs.commit()?;
    Ok(super::PackageReport::Uf2(ImageReport {
        path: args.output.clone(),
        bytes: file.len() as u64,
        digest: Digest::of(&file),
        chip: family.chip(),
        firmware: firmware.map(|firmware| firmware.name),
        image_bytes: image.len() as u64,
        image_digest: image.get(8..40).unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect(),
        golden_vectors: made.count,
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
    firmware: Option<&'static str>,
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
        row("firmware", self.firmware.map_or("none: for boards that have it".into(), str::to_owned));
        row("image", format!("{}, {} golden vectors, digest {}", bytes(self.image_bytes), self.golden_vectors, self.image_digest));
        row("verdict", "not signed: whoever holds the board copies it".into());
        table.text(style)
    }
}
