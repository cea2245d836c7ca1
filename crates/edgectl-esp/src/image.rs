//! Images of applications: made of ELF files, and checked wherever they come from.
//!
//! ```text
//! header, 24 bytes:  E9  segments(1)  mode(1)  size and speed of the flash(1)  entry(4)  …  chip(2, at 12)  …
//!                    lowest(2, at 15) and highest(2, at 17) revision, major × 100 + minor  …  digest follows(1, at 23)
//! segments:          address(4) length(4) bytes
//! checksum:          EF xor all bytes of segments, last of 16 bytes
//! digest:            SHA-256 of all that
//! ```
//!
//! (Espressif, "Firmware Image Format".)

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use espflash::flasher::{FlashData, FlashSettings, FlashSize};
use espflash::image_format::idf::IdfBootloaderFormat;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::chip::Chip;
use crate::plan::Region;
use crate::table::{PartitionTable, TABLE_OFFSET};

const MAGIC: u8 = 0xE9;
const HEADER_BYTES: usize = 24;
/// Segments that any chip's boot loader takes.
const MAX_SEGMENTS: u8 = 16;
/// No flash holds a longer image, and no linker writes an ELF file of such a length without debug information.
const MAX_ELF_BYTES: usize = 256 << 20;

/// What an image says of itself, its checksum and digest verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The number of the chip that it is for.
    pub chip_id: u16,
    /// Lowest and highest revision of the silicon, major × 100 + minor.
    pub revisions: (u16, u16),
    /// The size of flash that it was made for.
    pub flash_bytes: Option<u32>,
    /// Its length, digest included.
    pub bytes: usize,
}

/// Why something is no image, or cannot become one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// For another chip.
    #[error("the {what} is for {found}: expected {}", .expected.name())]
    Chip {
        /// Image or ELF file.
        what: &'static str,
        /// By its header.
        found: String,
        /// The board's.
        expected: Chip,
    },
    /// Damaged, or something else.
    #[error("no image for an ESP32: {0}")]
    Image(&'static str),
    /// Not an ELF file for a microcontroller.
    #[error("not an ELF file that a chip can run: {0}")]
    Elf(String),
    /// It does not fit its partition.
    #[error("the application has {needed} bytes: its partition `{partition}` takes {available}")]
    Size {
        /// Bytes.
        needed: usize,
        /// Its name.
        partition: String,
        /// Its bytes.
        available: u32,
    },
    /// No partition for an application.
    #[error("the partition table has no partition for an application: expected factory or ota_0")]
    NoApp,
    /// The table reaches behind the end of the flash.
    #[error("the partition table ends at {end:#x}: the flash has {flash_bytes:#x} bytes")]
    Table {
        /// End of the last partition.
        end: u32,
        /// Bytes of flash.
        flash_bytes: u32,
    },
    /// The size is none that a header can name.
    #[error("no flash has {0} bytes: expected 1, 2, 4, 8, 16, 32, 64 or 128 MiB")]
    FlashSize(u32),
}

impl Image {
    /// Checks an image; what lies behind it is ignored.
    ///
    /// # Errors
    /// [`ImageError::Image`].
    pub fn parse(bytes: &[u8]) -> Result<Image, ImageError> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(ImageError::Image("it is shorter than a header"))?;
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        if header[0] != MAGIC {
            return Err(ImageError::Image("it does not begin with e9"));
        }
        let segments = header[1];
        if segments == 0 || segments > MAX_SEGMENTS {
            return Err(ImageError::Image("it has no segments, or more than 16"));
        }
        let cut = ImageError::Image("it is cut off");
        let (mut at, mut sum) = (HEADER_BYTES, 0xEF);
        for _ in 0..segments {
            let length = bytes.get(at + 4..).and_then(|bytes| bytes.first_chunk()).copied().map(u32::from_le_bytes);
            let begin = at + 8;
            let segment = length.and_then(|length| bytes.get(begin..begin.checked_add(length as usize)?));
            let Some(segment) = segment else { return Err(cut) };
            sum = segment.iter().fold(sum, |sum, byte| sum ^ byte);
            at = begin + segment.len();
        }
        let end = (at + 1).next_multiple_of(16);
        match bytes.get(end - 1) {
            Some(&found) if found == sum => {}
            Some(_) => return Err(ImageError::Image("its checksum is wrong")),
            None => return Err(cut),
        }
        let mut length = end;
        if header[23] > 1 {
            return Err(ImageError::Image("it says neither that a digest follows nor that none does"));
        }
        if header[23] == 1 {
            let digest = bytes.get(end..).and_then(|bytes| bytes.first_chunk::<32>()).ok_or(cut)?;
            if Sha256::digest(bytes.get(..end).unwrap_or_default()).as_slice() != digest {
                return Err(ImageError::Image("its digest is wrong"));
            }
            length += 32;
        }
        let flash_bytes = (1u32 << 20).checked_shl(u32::from(header[3] >> 4)).filter(|&bytes| bytes > 0);
        Ok(Image { chip_id: half(12), revisions: (half(15), half(17)), flash_bytes, bytes: length })
    }

    /// Whether it is for a chip.
    ///
    /// # Errors
    /// [`ImageError::Chip`].
    pub fn is_for(&self, chip: Chip) -> Result<(), ImageError> {
        match self.chip_id == chip.id() {
            true => Ok(()),
            false => Err(ImageError::Chip { what: "image", found: Chip::name_of(self.chip_id), expected: chip }),
        }
    }

    /// Whether it runs on a revision of the silicon, major × 100 + minor.
    pub fn runs_on(&self, revision: u32) -> bool {
        let (low, high) = self.revisions;
        // Images from before there was a highest revision have 0 there.
        (u32::from(low)..=if high == 0 { u32::MAX } else { high.into() }).contains(&revision)
    }
}

/// The parts of a flash that starts the program of an ELF file: boot loader, partition table, application, by offset.
///
/// # Errors
/// [`ImageError`].
pub fn parts(chip: Chip, elf: &[u8], table: &PartitionTable, flash_bytes: u32) -> Result<Vec<Region>, ImageError> {
    let partition = table.first_app().ok_or(ImageError::NoApp)?;
    if table.end() > flash_bytes {
        return Err(ImageError::Table { end: table.end(), flash_bytes });
    }
    let (boot_loader, app) = build(chip, elf, flash_bytes)?;
    if app.len() > partition.bytes as usize {
        let (needed, partition, available) = (app.len(), partition.name.clone(), partition.bytes);
        return Err(ImageError::Size { needed, partition, available });
    }
    for image in [&boot_loader, &app] {
        Image::parse(image)?.is_for(chip)?;
    }
    let region = |name: &str, offset, bytes| Region { name: name.into(), offset, bytes };
    Ok(vec![
        region("boot loader", chip.boot_offset(), boot_loader),
        region("partition table", TABLE_OFFSET, table.to_bytes()),
        region("application", partition.offset, app),
    ])
}

/// One file of all parts, from the beginning of the flash; between them there is FF, as in erased flash.
pub fn merge(parts: &[Region]) -> Vec<u8> {
    let end = parts.iter().map(|part| part.offset as usize + part.bytes.len()).max().unwrap_or(0);
    let mut flash = vec![0xFF; end];
    for part in parts {
        let at = part.offset as usize;
        if let Some(place) = flash.get_mut(at..at + part.bytes.len()) {
            place.copy_from_slice(&part.bytes);
        }
    }
    flash
}

/// Boot loader and application.
fn build(chip: Chip, elf: &[u8], flash_bytes: u32) -> Result<(Vec<u8>, Vec<u8>), ImageError> {
    use FlashSize::*;
    let no = |why: &str| ImageError::Elf(why.into());
    if elf.get(..6) != Some(b"\x7fELF\x01\x01") || elf.len() > MAX_ELF_BYTES {
        return Err(no("expected 32 bits, little-endian, at most 256 MiB"));
    }
    let machine = elf.get(18..20).and_then(|bytes| bytes.first_chunk()).copied().map_or(0, u16::from_le_bytes);
    if machine != chip.elf_machine() {
        let found = match machine {
            94 => "an Xtensa chip".into(),
            243 => "a RISC-V chip".into(),
            other => format!("machine number {other}"),
        };
        return Err(ImageError::Chip { what: "ELF file", found, expected: chip });
    }
    let sizes = [_1Mb, _2Mb, _4Mb, _8Mb, _16Mb, _32Mb, _64Mb, _128Mb];
    let size = sizes.into_iter().find(|size| size.size() == flash_bytes).ok_or(ImageError::FlashSize(flash_bytes))?;
    let chip = chip.espflash();
    let data = FlashData::new(FlashSettings::new(None, Some(size), None), 0, None, chip, chip.default_xtal_frequency());
    let built = quietly(|| {
        let format = IdfBootloaderFormat::new(elf, &data, None, None, None, None).map_err(|error| ImageError::Elf(in_words(&error)))?;
        let app = format.clone().ota_segments().next().map(|segment| segment.data.into_owned());
        let boot_loader = format.flash_segments().next().map(|segment| segment.data.into_owned());
        boot_loader.zip(app).ok_or_else(|| no("it gives no image"))
    });
    let (boot_loader, app) = built.unwrap_or_else(|| Err(no("its sections are not those of an application for this chip")))?;
    Ok((boot_loader, app))
}

/// An error with its causes, on one line.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls what may panic on bytes that somebody else wrote: `None` where it did, without a word on stderr.
pub(crate) fn quietly<R>(call: impl FnOnce() -> R) -> Option<R> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                others(panic);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    QUIET.set(false);
    result.ok()
}
