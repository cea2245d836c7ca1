//! UF2 files: what is written is read, and of what is malformed nothing is accepted.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use edgectl_deploy::uf2::{BLOCK, Family, PAYLOAD, Segment, Uf2Error, chip, file, parse, write};

/// A file of 16 blocks: one sector.
fn sixteen() -> Vec<u8> {
    let (chip, _) = chip(Family::Rp2040);
    let bytes: Vec<u8> = (0..4096u32).map(|at| (at * 7 + at / 256) as u8).collect();
    write(&chip, &[Segment { offset: 0x2000, bytes: &bytes }]).unwrap()
}

fn refused(bytes: &[u8], family: Family) -> Option<Uf2Error> {
    parse(bytes, &chip(family).0).err()
}

fn put(bytes: &mut [u8], block: usize, offset: usize, value: u32) {
    bytes[block * BLOCK + offset..][..4].copy_from_slice(&value.to_le_bytes());
}

fn word(bytes: &[u8], block: usize, offset: usize) -> u32 {
    u32::from_le_bytes(bytes[block * BLOCK + offset..][..4].try_into().unwrap())
}

#[test]
fn what_is_written_is_read() {
    for family in Family::ALL {
        let (chip, map) = chip(family);
        let (firmware, image) = (vec![0xAB; 5000], vec![0xCD; 9000]);
        let bytes = file(family, Some(&firmware), &image).unwrap();
        let found = parse(&bytes, &chip).unwrap();
        let padded = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes.resize(bytes.len().next_multiple_of(4096), 0xFF);
            bytes
        };
        assert_eq!(found, [(0, padded(&firmware)), (map.layout.slots[0].offset, padded(&image))]);
        let alone = file(family, None, &image).unwrap();
        assert_eq!(parse(&alone, &chip).unwrap(), [(map.layout.slots[0].offset, padded(&image))]);
    }
}

#[test]
fn a_block_has_the_bytes_that_the_page_states() {
    let bytes = sixteen();
    assert_eq!(bytes.len(), 16 * BLOCK);
    let head = b"UF2\n\x57\x51\x5d\x9e\x00\x20\x00\x00\x00\x21\x00\x10\x00\x01\x00\x00\x01\x00\x00\x00\x10\x00\x00\x00\x56\xff\x8b\xe4";
    assert_eq!(bytes[BLOCK..][..32], *head);
    assert_eq!(bytes[BLOCK..][508..512], *b"\x30\x6f\xb1\x0a");
}

#[test]
fn a_file_for_the_rp2350_begins_with_the_block_against_its_erratum() {
    let bytes = file(Family::Rp2350, None, &[1; 100]).unwrap();
    assert_eq!((word(&bytes, 0, 28), word(&bytes, 0, 12), word(&bytes, 0, 24)), (0xE48B_FF57, 0x10FF_FF00, 2));
    assert!(bytes[32..32 + PAYLOAD].iter().all(|&byte| byte == 0xEF));
    assert!(parse(&bytes, &chip(Family::Rp2350).0).is_ok());
    // Without it, too; but it is nothing for the other chip.
    assert!(parse(&bytes[BLOCK..], &chip(Family::Rp2350).0).is_ok());
    assert!(matches!(refused(&bytes, Family::Rp2040), Some(Uf2Error::Family { block: 0, .. })));
    assert_eq!(refused(&bytes[..BLOCK], Family::Rp2350), Some(Uf2Error::Empty));
}

#[test]
fn files_that_are_wrong_in_one_thing_are_refused_by_name() {
    let change = |block: usize, offset: usize, value: u32| {
        let mut bytes = sixteen();
        put(&mut bytes, block, offset, value);
        bytes
    };
    let renumbered = |count: u32, blocks: &[usize]| {
        let good = sixteen();
        let mut bytes: Vec<u8> = blocks.iter().flat_map(|&block| good[block * BLOCK..][..BLOCK].to_vec()).collect();
        for number in 0..blocks.len() {
            put(&mut bytes, number, 20, number as u32);
            put(&mut bytes, number, 24, count);
        }
        bytes
    };
    let all: Vec<usize> = (0..16).collect();
    let mut padding = sixteen();
    padding[32 + PAYLOAD] = 1;
    let two_sectors = {
        let (chip, _) = chip(Family::Rp2040);
        write(&chip, &[Segment { offset: 0, bytes: &[1; 8192] }]).unwrap()
    };
    let mut swapped = sixteen();
    let (first, second) = (word(&swapped, 3, 12), word(&swapped, 4, 12));
    put(&mut swapped, 3, 12, second);
    put(&mut swapped, 4, 12, first);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], "it is empty"),
        ("a text", b"#!/bin/sh\n".to_vec(), "no multiple of 512"),
        ("zeros", vec![0; BLOCK], "first magic number is 0x0"),
        ("an ELF file", [&b"\x7fELF"[..], &[0; 508]].concat(), "first magic number"),
        ("the first magic number", change(5, 0, 0x0A32_4654), "UF2 block 5: first magic number"),
        ("the second magic number", change(5, 4, 0), "second magic number"),
        ("the last magic number", change(15, 508, 0), "UF2 block 15: last magic number"),
        ("no family", change(0, 8, 0), "flags is 0x0: expected 0x2000"),
        ("not for flash", change(1, 8, 0x2001), "not for flash"),
        ("a file container", change(1, 8, 0x3000), "file container"),
        ("MD5", change(1, 8, 0x6000), "MD5"),
        ("tags", change(1, 8, 0xA000), "tags"),
        ("a flag that nobody knows", change(1, 8, 0x1_2000), "flags"),
        ("an RP2350", change(0, 28, 0xE48B_FF59), "it is for rp2350: expected rp2040"),
        ("an ESP32-S2", change(7, 28, 0xBFDD_4EEE), "family 0xbfdd4eee"),
        ("a family for one block", change(15, 28, 0), "family 0x00000000"),
        ("payload of 0", change(2, 16, 0), "payload length is 0x0"),
        ("payload of 476", change(2, 16, 476), "payload length is 0x1dc"),
        ("payload of 2^32 - 1", change(2, 16, u32::MAX), "payload length"),
        ("a block number twice", change(3, 20, 2), "number of the block is 0x2: expected 0x3"),
        ("a block number too high", change(3, 20, 16), "number of the block"),
        ("blocks in another order", renumbered(16, &[1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]), "ascending order"),
        ("fewer blocks than stated", change(0, 24, 17), "number of blocks"),
        ("fewer blocks, all stating more", renumbered(17, &all), "16 blocks: expected 17"),
        ("more blocks than stated", renumbered(15, &all), "16 blocks: expected 15"),
        ("no block stated", renumbered(0, &all), "16 blocks: expected 0"),
        ("2^32 - 1 blocks stated", renumbered(u32::MAX, &all), "expected 4294967295"),
        ("two numbers of blocks", change(9, 24, 15), "number of blocks"),
        ("an address below the flash", change(0, 12, 0x0FFF_FF00), "one within the flash"),
        ("an address in RAM", change(0, 12, 0x2000_0000), "one within the flash"),
        ("an address behind the flash", change(15, 12, 0x1020_0000), "one within the flash"),
        ("an address that wraps", change(15, 12, 0xFFFF_FF00), "one within the flash"),
        ("an address that is odd", change(4, 12, 0x1000_2401), "a multiple of 256"),
        ("an address within a page", change(4, 12, 0x1000_2480), "a multiple of 256"),
        ("a page twice", change(4, 12, word(&sixteen(), 3, 12)), "each once"),
        ("pages swapped", swapped, "ascending order"),
        ("a gap in a sector", renumbered(15, &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15]), "in part only"),
        ("a sector without its beginning", renumbered(15, &all[1..]), "in part only"),
        ("a sector without its end", renumbered(15, &all[..15]), "in part only"),
        ("one page", renumbered(1, &[0]), "in part only"),
        (
            "half of the last sector",
            {
                let mut bytes = two_sectors;
                bytes.truncate(24 * BLOCK);
                (0..24).for_each(|block| put(&mut bytes, block, 24, 24));
                bytes
            },
            "in part only",
        ),
        ("something behind the payload", padding, "expected zeros"),
        ("two files", [sixteen(), sixteen()].concat(), "number of the block"),
        ("a byte too many", [sixteen(), vec![0]].concat(), "no multiple of 512"),
    ];
    for (name, bytes, expected) in &cases {
        let error = refused(bytes, Family::Rp2040).unwrap_or_else(|| panic!("{name}: accepted")).to_string();
        assert!(error.contains(expected), "{name}: expected \"{expected}\", found \"{error}\"");
    }
    println!("{} named malformed UF2 files: none accepted", cases.len());
}

/// Every truncation, every word of every header replaced by what tempts, and random damage to headers.
#[test]
fn ten_thousand_malformed_files_are_refused() {
    let good = sixteen();
    let mut tried = 0;
    let mut try_one = |bytes: &[u8], what: &dyn Fn() -> String| {
        assert!(refused(bytes, Family::Rp2040).is_some(), "accepted: {}", what());
        tried += 1;
    };
    for length in 0..good.len() {
        try_one(&good[..length], &|| format!("{length} bytes"));
    }
    let tempting = [
        0,
        1,
        2,
        15,
        16,
        17,
        255,
        256,
        257,
        476,
        512,
        0x2000,
        0xA000,
        0x1000_0000,
        0x1000_2000,
        0x101F_FF00,
        0x1020_0000,
        0x2000_0000,
        0xE48B_FF56,
        u32::MAX,
    ];
    for block in 0..16 {
        for offset in [0, 4, 8, 12, 16, 20, 24, 28, 508] {
            for value in tempting.into_iter().filter(|&value| value != word(&good, block, offset)) {
                let mut bytes = good.clone();
                put(&mut bytes, block, offset, value);
                try_one(&bytes, &|| format!("block {block}, word {offset}: {value:#x}"));
            }
        }
        for byte in (0..32).chain(32 + PAYLOAD..BLOCK) {
            let mut bytes = good.clone();
            bytes[block * BLOCK + byte] ^= 1 << (byte % 8);
            try_one(&bytes, &|| format!("block {block}, byte {byte}"));
        }
    }
    let mut random = fastrand::Rng::with_seed(0);
    for _ in 0..1000 {
        let mut bytes = good.clone();
        let (first, second) = (random.usize(..16), random.usize(..16));
        let block: Vec<u8> = bytes[first * BLOCK..][..BLOCK].to_vec();
        match random.u8(..3) {
            0 if first != second => bytes[second * BLOCK..][..BLOCK].copy_from_slice(&block),
            1 => bytes.extend(block),
            _ => drop(bytes.drain(first * BLOCK..(first + 1) * BLOCK)),
        }
        try_one(&bytes, &|| format!("blocks {first} and {second}"));
    }
    assert!(tried >= 10_000, "{tried}");
    println!("{tried} malformed UF2 files: none accepted");
}

#[test]
fn segments_that_do_not_lie_in_flash_are_refused() {
    let (chip, map) = chip(Family::Rp2040);
    let refused = |segments: &[Segment<'_>]| matches!(write(&chip, segments), Err(Uf2Error::Segment { .. }));
    let segment = |offset, bytes| Segment { offset, bytes };
    assert!(refused(&[segment(100, &[0; 4])]));
    assert!(refused(&[segment(0, &[])]));
    assert!(refused(&[segment(4096, &[0; 4]), segment(0, &[0; 4])]));
    assert!(refused(&[segment(0, &[0; 4097]), segment(4096, &[0; 4])]));
    assert!(refused(&[segment(chip.flash_bytes, &[0; 4])]));
    assert!(refused(&[segment(chip.flash_bytes - 4096, &[0; 4097])]));
    assert!(file(Family::Rp2040, Some(&vec![0; map.firmware_bytes as usize + 1]), &[0; 4]).is_err());
    assert!(file(Family::Rp2040, None, &vec![0; map.layout.slot_bytes() as usize + 1]).is_err());
}
