//! What the chip's ROM and its second-stage boot loader look at before they start something: headers, checksums, digests, the partition
//! table, and the record that chooses among applications. Written from ESP-IDF's description of these formats.

use sha2::{Digest, Sha256};

use crate::model::Model;

const TABLE: usize = 0x8000;

/// An application that would be started.
pub(crate) struct App<'f> {
    bytes: &'f [u8],
}

impl App<'_> {
    /// Whether it is our firmware: its greeting is in it.
    pub(crate) fn is_ours(&self) -> bool {
        self.bytes.windows(11).any(|bytes| bytes == b" self-test=")
    }
}

/// The log of a start, and what is started.
pub(crate) fn boot<'f>(model: &Model, flash: &'f [u8]) -> (String, Option<App<'f>>) {
    let mut log = String::from("ESP-ROM: stand-in\r\nrst:0x1 (POWERON),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n");
    if let Err(problem) = image(model, flash.get(model.boot_offset as usize..).unwrap_or_default()) {
        log += &format!("invalid header: {problem}\r\n");
        return (log, None);
    }
    let app = partitions(flash).and_then(|partitions| chosen(flash, &partitions));
    let app = app.and_then(|(at, length)| flash.get(at..at.checked_add(length)?).ok_or("partition outside of the flash").ok());
    match app.ok_or("no bootable app partition").and_then(|app| image(model, app)) {
        Ok(bytes) => {
            log += "I (30) boot: Loaded app\r\n";
            (log, Some(App { bytes }))
        }
        Err(problem) => {
            log += &format!("E (30) boot: {problem}\r\n");
            (log, None)
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

/// An image as its header says how long it is: segments, a checksum at the end of 16 bytes, a digest.
fn image<'f>(model: &Model, bytes: &'f [u8]) -> Result<&'f [u8], &'static str> {
    let header = bytes.get(..24).ok_or("too short")?;
    if header[0] != 0xE9 {
        return Err("no image");
    }
    if u16::from_le_bytes([header[12], header[13]]) != model.id {
        return Err("image for another chip");
    }
    let (mut at, mut sum) = (24, 0xEF);
    for _ in 0..header[1] {
        let length = word(bytes, at + 4).ok_or("a segment is cut off")?;
        let segment = bytes.get(at + 8..(at + 8).saturating_add(length)).ok_or("a segment is cut off")?;
        sum = segment.iter().fold(sum, |sum, byte| sum ^ byte);
        at += 8 + length;
    }
    let end = (at + 1).next_multiple_of(16);
    if bytes.get(end - 1) != Some(&sum) {
        return Err("checksum mismatch");
    }
    if header[23] == 1 {
        let digest = bytes.get(end..end + 32).ok_or("no digest")?;
        if Sha256::digest(&bytes[..end]).as_slice() != digest {
            return Err("digest mismatch");
        }
    }
    Ok(&bytes[..end])
}

/// Type, subtype, offset, length of all partitions.
fn partitions(flash: &[u8]) -> Option<Vec<[usize; 4]>> {
    let mut partitions = vec![];
    for row in flash.get(TABLE..TABLE + 0xC00)?.chunks_exact(32) {
        match row {
            [0xAA, 0x50, kind, subtype, ..] => partitions.push([(*kind).into(), (*subtype).into(), word(row, 4)?, word(row, 8)?]),
            _ => break,
        }
    }
    Some(partitions)
}

/// The application that the records choose, or the factory's, or the first.
fn chosen(flash: &[u8], partitions: &[[usize; 4]]) -> Option<(usize, usize)> {
    let apps: Vec<_> = partitions.iter().filter(|[kind, subtype, ..]| *kind == 0 && (0x10..0x20).contains(subtype)).collect();
    let factory = partitions.iter().find(|[kind, subtype, ..]| (*kind, *subtype) == (0, 0));
    let records = partitions.iter().find(|[kind, subtype, ..]| (*kind, *subtype) == (1, 0));
    let newest = records.and_then(|[_, _, at, _]| {
        let sequence = |at| {
            let sequence = word(flash, at)?;
            let sum = !crc32(&(sequence as u32).to_le_bytes());
            (sequence != 0xFFFF_FFFF && word(flash, at + 28)? == sum as usize).then_some(sequence)
        };
        sequence(*at).max(sequence(*at + 4096))
    });
    let app = match newest {
        Some(sequence) if !apps.is_empty() => apps.get((sequence - 1) % apps.len()).copied(),
        _ => factory.or(apps.first().copied()),
    };
    app.map(|[_, _, at, length]| (*at, *length))
}

/// As the ROM computes it: its start value is what others end with.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = 0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
