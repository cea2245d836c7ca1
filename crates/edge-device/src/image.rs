//! What a slot holds: a program with the golden vectors that prove it, as bytes that are written once and never changed.
//!
//! All integers are little-endian; offsets count from the image's first byte.
//!
//! ```text
//! offset size  header (128 bytes)
//!      0    4  magic              45 44 47 53   ("EDGS")
//!      4    2  version            1: the layout on this page
//!      6    2  reserved           0
//!      8   32  digest             SHA-256 of the bytes from 40 to the image's end
//!     40    4  length             of the image, a multiple of 4
//!     44    4  security version   rises when an older image must not run any more
//!     48    4  program offset     128
//!     52    4  program length     in bytes, a whole `.edgm` file
//!     56    4  vectors offset     the first multiple of 16 behind the program; 0 where there are none
//!     60    4  vectors length     in bytes, 0 where there are none
//!     64   32  program digest     SHA-256 of the program: the name by which the host knows it
//!     96   32  vectors digest     SHA-256 of the vectors section; zeros where there is none
//! ```
//!
//! The vectors section is as [`Golden`](edge_format::Golden) states.
//!
//! Padding between the sections and at the end is zero. The digest at 8 is the image's identity: it covers everything else, so that two
//! images with one digest are the same image. What changes in an image's life, its [`State`](crate::slots::State), is not in it but in
//! the [journal](crate::journal).

use sha2::{Digest as _, Sha256};

/// A SHA-256.
pub type Digest = [u8; 32];

/// Length of the header.
pub const HEADER_BYTES: usize = 128;

/// Where what the digest covers begins.
pub const COVERED: usize = 40;

const MAGIC: [u8; 4] = *b"EDGS";
const VERSION: u16 = 1;
const SECTION_ALIGNMENT: u32 = 16;

/// The header of an image, its fields in range and apart from each other. Whether the digests hold is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Identity of the image.
    pub digest: Digest,
    /// Bytes of the image.
    pub length: u32,
    /// Rises when an older image must not run any more.
    pub security_version: u32,
    /// Bytes of the program, which begins behind the header.
    pub program_length: u32,
    /// First byte of the vectors; 0 where there are none.
    pub vectors_offset: u32,
    /// Bytes of the vectors; 0 where there are none.
    pub vectors_length: u32,
    /// Of the program.
    pub program_digest: Digest,
    /// Of the vectors.
    pub vectors_digest: Digest,
}

impl Header {
    /// Reads the header of an image that is no longer than `capacity`; `None` where there is none, or one that does not hold together.
    pub fn parse(bytes: &[u8; HEADER_BYTES], capacity: u32) -> Option<Self> {
        let header = Self {
            digest: array(bytes, 8)?,
            length: u32_at(bytes, 40)?,
            security_version: u32_at(bytes, 44)?,
            program_length: u32_at(bytes, 52)?,
            vectors_offset: u32_at(bytes, 56)?,
            vectors_length: u32_at(bytes, 60)?,
            program_digest: array(bytes, 64)?,
            vectors_digest: array(bytes, 96)?,
        };
        let known = array(bytes, 0)? == MAGIC && u16_at(bytes, 4)? == VERSION && u16_at(bytes, 6)? == 0;
        let program_end = (HEADER_BYTES as u32).checked_add(header.program_length)?;
        let (vectors_offset, end) = match header.vectors_length {
            0 => (0, program_end),
            length => {
                let offset = program_end.checked_next_multiple_of(SECTION_ALIGNMENT)?;
                (offset, offset.checked_add(length)?)
            }
        };
        let placed = u32_at(bytes, 48)? == HEADER_BYTES as u32
            && header.vectors_offset == vectors_offset
            && header.length == end.checked_next_multiple_of(4)?;
        (known && placed && header.program_length > 0 && header.length <= capacity).then_some(header)
    }

    /// The program in the bytes of its image.
    pub fn program<'i>(&self, image: &'i [u8]) -> Option<&'i [u8]> {
        section(image, HEADER_BYTES as u32, self.program_length)
    }

    /// The vectors in the bytes of its image; `None` where there are none, or not those of the digest.
    pub fn vectors<'i>(&self, image: &'i [u8]) -> Option<&'i [u8]> {
        let bytes = section(image, self.vectors_offset, self.vectors_length);
        bytes.filter(|bytes| !bytes.is_empty() && sha256(bytes) == self.vectors_digest)
    }
}

/// Makes the image of a program. Each vector is the bytes of all inputs and those of all outputs. `None` where it would be longer
/// than 32 bits count, or there are more than 65,535 vectors.
#[cfg(feature = "std")]
pub fn build(program: &[u8], vectors: &[(&[u8], &[u8])], security_version: u32) -> Option<Vec<u8>> {
    let program_length = u32::try_from(program.len()).ok()?;
    let section = if vectors.is_empty() { vec![] } else { edge_format::write_golden(vectors)? };
    let program_end = (HEADER_BYTES as u32).checked_add(program_length)?;
    let offset = if section.is_empty() { program_end } else { program_end.checked_next_multiple_of(SECTION_ALIGNMENT)? };
    let vectors_length = u32::try_from(section.len()).ok()?;
    let length = offset.checked_add(vectors_length)?.checked_next_multiple_of(4)?;
    let vectors_digest = if section.is_empty() { [0; 32] } else { sha256(&section) };

    let mut covered = Vec::with_capacity(length as usize);
    for word in [length, security_version, HEADER_BYTES as u32, program_length] {
        covered.extend(word.to_le_bytes());
    }
    let vectors_offset = if section.is_empty() { 0 } else { offset };
    covered.extend([vectors_offset.to_le_bytes(), vectors_length.to_le_bytes()].concat());
    covered.extend([sha256(program), vectors_digest].concat());
    covered.extend(program);
    covered.resize(offset as usize - COVERED, 0);
    covered.extend(section);
    covered.resize(length as usize - COVERED, 0);

    let mut image = Vec::with_capacity(length as usize);
    image.extend(MAGIC);
    image.extend(VERSION.to_le_bytes());
    image.extend([0; 2]);
    image.extend(sha256(&covered));
    image.extend(covered);
    Some(image)
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// How digests travel: as bytes, since an array would be taken apart into 32 elements, each with code of its own.
pub(crate) mod as_bytes {
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    use super::Digest;

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(digest)
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Digest, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Digest;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("32 bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Digest, E> {
            bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
        }
    }
}

fn section(image: &[u8], offset: u32, length: u32) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok()?;
    image.get(offset..offset.checked_add(usize::try_from(length).ok()?)?)
}

/// The bytes from a place on.
pub(crate) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_le_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_le_bytes)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn header(image: &[u8]) -> Option<Header> {
        Header::parse(image.first_chunk()?, image.len() as u32)
    }

    #[test]
    fn what_is_built_is_read() {
        for vectors in [&[][..], &[(&[1u8, 2, 3][..], &[4u8][..]), (&[5, 6, 7], &[8])]] {
            let program = [9; 37];
            let image = build(&program, vectors, 7).unwrap();
            let header = header(&image).unwrap();
            assert_eq!((header.security_version, header.length as usize), (7, image.len()));
            assert_eq!((header.digest, header.program_digest), (sha256(&image[COVERED..]), sha256(&program)));
            assert_eq!(header.program(&image).unwrap(), program);
            assert_eq!(header.vectors(&image).map(<[u8]>::to_vec), edge_format::write_golden(vectors));
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_page() {
        let image = build(&[0xaa; 20], &[(&[1], &[2])], 3).unwrap();
        assert_eq!(&image[..8], b"EDGS\x01\0\0\0");
        assert_eq!(&image[40..64], [172, 0, 0, 0, 3, 0, 0, 0, 128, 0, 0, 0, 20, 0, 0, 0, 160, 0, 0, 0, 10, 0, 0, 0]);
        assert_eq!(&image[128..], [&[0xaa; 20][..], &[0; 12], b"EDGV\x01\0\x01\0\x01\x02\0\0"].concat());
    }

    #[test]
    fn vectors_of_another_digest_are_none() {
        let image = build(&[9; 37], &[(&[1, 2, 3], &[4])], 7).unwrap();
        let header = header(&image).unwrap();
        let mut torn = image.clone();
        torn[header.vectors_offset as usize + 8] ^= 1;
        assert_eq!(header.vectors(&torn), None);
    }

    #[test]
    fn sections_lie_within_the_image_or_there_is_no_header() {
        let image = build(&[9; 37], &[(&[1, 2, 3], &[4])], 7).unwrap();
        for bit in 0..HEADER_BYTES * 8 {
            let mut changed = image.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Some(header) = header(&changed) else { continue };
            assert!(header.program(&image).is_some() && (header.length as usize) <= image.len(), "bit {bit}");
            assert!(bit / 8 >= 8 && !(40..44).contains(&(bit / 8)) && !(48..52).contains(&(bit / 8)), "bit {bit}");
        }
        assert!(Header::parse(image.first_chunk().unwrap(), image.len() as u32 - 1).is_none());
    }
}
