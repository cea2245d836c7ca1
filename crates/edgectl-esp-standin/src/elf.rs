//! ELF files as small as they can be, for tests that need one and no compiler.

/// An ELF file of 32 bits for a machine (94: Xtensa, 243: RISC-V) with these sections, each an address and what lies there.
pub fn elf(machine: u16, sections: &[(u32, &[u8])]) -> Vec<u8> {
    const HEADER: usize = 52;
    const ROW: usize = 40;
    const NAMES: &[u8] = b"\0.s\0";
    let mut content = vec![];
    let row = |name: u32, kind: u32, flags: u32, address: u32, offset: usize, length: usize| {
        [name, kind, flags, address, offset as u32, length as u32, 0, 0, 4, 0].map(u32::to_le_bytes).concat()
    };
    let mut rows = row(0, 0, 0, 0, 0, 0);
    for (address, bytes) in sections {
        // PROGBITS, allocated and executable.
        rows.extend(row(1, 1, 6, *address, HEADER + content.len(), bytes.len()));
        content.extend(*bytes);
        content.resize(content.len().next_multiple_of(4), 0);
    }
    rows.extend(row(0, 3, 0, 0, HEADER + content.len(), NAMES.len()));
    content.extend(NAMES);
    let entry = sections.first().map_or(0, |(address, _)| *address);
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    file.extend(machine.to_le_bytes());
    file.extend([1, entry, 0, (HEADER + content.len()) as u32, 0].map(u32::to_le_bytes).concat());
    let rows_of = rows.len() / ROW;
    file.extend([HEADER as u16, 32, 0, ROW as u16, rows_of as u16, rows_of as u16 - 1].map(u16::to_le_bytes).concat());
    file.extend(content);
    file.extend(rows);
    file
}

/// One that the stand-in takes for our firmware of this version on a chip.
///
/// # Panics
/// Where there is no such chip.
pub fn firmware(chip: &str, version: &str) -> Vec<u8> {
    // An address in internal memory, and one in mapped flash behind the image's headers.
    let (machine, ram, flash) = match chip {
        "esp32" => (94, 0x4008_0000, 0x3F40_0020),
        "esp32s2" => (94, 0x4002_8000, 0x3F00_0020),
        "esp32s3" => (94, 0x4037_8000, 0x3C00_0020),
        "esp32c3" => (243, 0x4038_0000, 0x3C00_0020),
        "esp32c6" | "esp32h2" => (243, 0x4080_0000, 0x4200_0020),
        "esp32p4" => (243, 0x4FF0_0000, 0x4000_0020),
        other => panic!("no chip {other}"),
    };
    let text = format!("edgectl {version} {chip} abi=1 model=none self-test=none\r\n");
    elf(machine, &[(ram, &[0x13; 64]), (flash, &[text.as_bytes(), &[0xA5; 5000]].concat())])
}
