//! Headers of a ustar archive (POSIX.1-1988) of regular files. A name and a size have exactly one header here, so a reader compares headers
//! and never interprets them: links, devices, long names, extended headers, sparse files and odd numbers do not exist.

use crate::check::MAX_FILE_BYTES;

/// Everything in an archive comes in blocks of so many bytes.
pub(crate) const BLOCK: usize = 512;

/// The blocks of zeros at the end.
pub(crate) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The fields of a header: offset, length, what they hold. The type comes first, since a header of another type means something else.
const FIELDS: [(usize, usize, &str); 16] = [
    (156, 1, "type"),
    (0, 100, "name"),
    (100, 8, "mode"),
    (108, 8, "owner"),
    (116, 8, "group"),
    (124, 12, "size"),
    (136, 12, "time"),
    (148, 8, "checksum"),
    (157, 100, "link name"),
    (257, 6, "magic"),
    (263, 2, "version"),
    (265, 32, "owner name"),
    (297, 32, "group name"),
    (329, 16, "device"),
    (345, 155, "name prefix"),
    (500, 12, "padding"),
];

/// The header of a file. The name must have at most 100 bytes and the size less than 8 GiB: a longer one is cut off.
pub(crate) fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |offset: usize, bytes: &[u8]| {
        header.iter_mut().skip(offset).zip(bytes).for_each(|(place, byte)| *place = *byte);
    };
    put(0, name.as_bytes().get(..100).unwrap_or(name.as_bytes()));
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", size.min(MAX_FILE_BYTES)).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\0");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    let mut put = |offset: usize, bytes: &[u8]| {
        header.iter_mut().skip(offset).zip(bytes).for_each(|(place, byte)| *place = *byte);
    };
    put(148, format!("{sum:06o}\0 ").as_bytes());
    header
}

/// The name and size that a header states, where it is the header of a regular file.
pub(crate) fn stated(header: &[u8; BLOCK]) -> Option<(&str, u64)> {
    let name = header.get(..100)?;
    let name = std::str::from_utf8(name.get(..name.iter().position(|&byte| byte == 0)?)?).ok()?;
    let octal = std::str::from_utf8(header.get(124..135)?).ok()?;
    let size = u64::from_str_radix(octal, 8).ok()?;
    (self::header(name, size) == *header).then_some((name, size))
}

/// The field in which two headers differ first: what it is, and both contents.
pub(crate) fn difference(found: &[u8; BLOCK], expected: &[u8; BLOCK]) -> (&'static str, String, String) {
    let text = |bytes: &[u8]| {
        let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
        format!("\"{}\"", bytes.get(..end).unwrap_or_default().escape_ascii())
    };
    for (offset, length, what) in FIELDS {
        let (found, expected) = (found.get(offset..offset + length), expected.get(offset..offset + length));
        // The checksum differs with every other field.
        if found != expected && what != "checksum" {
            return (what, text(found.unwrap_or_default()), text(expected.unwrap_or_default()));
        }
    }
    ("checksum", text(found.get(148..156).unwrap_or_default()), text(expected.get(148..156).unwrap_or_default()))
}

/// Bytes after a content of this size, up to the next block.
pub(crate) fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK as u64) as usize
}
