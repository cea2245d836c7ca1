//! Frames: `COBS(payload, CRC-32 of the payload) 00`.
//!
//! Consistent Overhead Byte Stuffing (S. Cheshire, M. Baker, 1999) frees the bytes of zeros, so that a zero ends a frame and nothing else
//! does. The checksum is that of IEEE 802.3, little-endian.

use edge_format::crc32;

/// Longest payload, in bytes.
pub const MAX_PAYLOAD: usize = 1024;

const CHECKSUM: usize = size_of::<u32>();

/// Longest frame, in bytes, with the zero that ends it: one byte of overhead for each 254.
pub const MAX_FRAME: usize = cobs::max_encoding_length(MAX_PAYLOAD + CHECKSUM) + 1;

/// Writes the frame of the payload that stands in the first `length` bytes of `buffer`; `None` where it is too long.
pub fn encode<'f>(buffer: &mut [u8; MAX_PAYLOAD + CHECKSUM], length: usize, frame: &'f mut [u8; MAX_FRAME]) -> Option<&'f [u8]> {
    let checksum = crc32(&[buffer.get(..length)?]).to_le_bytes();
    let end = length.checked_add(CHECKSUM)?;
    buffer.get_mut(length..end)?.copy_from_slice(&checksum);
    let encoded = cobs::try_encode(buffer.get(..end)?, frame.get_mut(..MAX_FRAME - 1)?).ok()?;
    *frame.get_mut(encoded)? = 0;
    frame.get(..=encoded)
}

/// A buffer that [`encode`] takes: a payload and room for its checksum.
pub type PayloadBuffer = [u8; MAX_PAYLOAD + CHECKSUM];

/// Collects the bytes of a line into frames.
#[derive(Debug)]
pub struct Decoder {
    bytes: [u8; MAX_FRAME],
    /// Bytes of the frame so far; more than `MAX_FRAME` where it is too long to be one.
    length: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// At the beginning of a frame.
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_FRAME], length: 0 }
    }

    /// Takes the next byte of the line, and gives the payload of the frame that it ends. What is no frame is dropped.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        if byte != 0 {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte;
            }
            self.length = (self.length + 1).min(MAX_FRAME + 1);
            return None;
        }
        let length = core::mem::take(&mut self.length);
        let frame = self.bytes.get_mut(..length)?;
        let decoded = cobs::decode_in_place(frame).ok()?;
        let (payload, checksum) = self.bytes.get(..decoded)?.split_last_chunk::<CHECKSUM>()?;
        (crc32(&[payload]) == u32::from_le_bytes(*checksum)).then_some(payload)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    extern crate std;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut buffer = [0; MAX_PAYLOAD + CHECKSUM];
        buffer[..payload.len()].copy_from_slice(payload);
        encode(&mut buffer, payload.len(), &mut [0; MAX_FRAME]).unwrap().to_vec()
    }

    fn payloads(line: &[u8]) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::default();
        line.iter().filter_map(|&byte| decoder.push(byte).map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn a_frame_has_the_bytes_that_the_page_states() {
        // CRC-32 of "123456789" is CBF43926.
        assert_eq!(frame(b"123456789"), b"\x0e123456789\x26\x39\xf4\xcb\x00");
        assert_eq!(frame(&[]), [1, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn a_payload_too_long_has_no_frame() {
        let mut buffer = [1; MAX_PAYLOAD + CHECKSUM];
        assert!(encode(&mut buffer, MAX_PAYLOAD, &mut [0; MAX_FRAME]).is_some());
        assert!(encode(&mut buffer, MAX_PAYLOAD + 1, &mut [0; MAX_FRAME]).is_none());
        assert!(encode(&mut buffer, usize::MAX, &mut [0; MAX_FRAME]).is_none());
    }

    #[test]
    fn an_endless_frame_is_dropped_and_the_next_one_found() {
        let mut line = std::vec![7; 100_000];
        line.push(0);
        line.extend(frame(b"next"));
        assert_eq!(payloads(&line), [b"next"]);
    }

    proptest! {
        #[test]
        fn payloads_survive_noise_between_frames(
            first in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD),
            noise in prop::collection::vec(1u8.., 0..50),
            second in prop::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD),
        ) {
            let line = [frame(&first), noise, std::vec![0], frame(&second)].concat();
            prop_assert_eq!(payloads(&line), [first, second]);
        }

        #[test]
        fn a_changed_byte_is_noticed(payload in prop::collection::vec(any::<u8>(), 0..300), at: prop::sample::Index, flip in 1u8..) {
            let mut line = frame(&payload);
            let at = at.index(line.len());
            line[at] ^= flip;
            prop_assert!(!payloads(&line).contains(&payload));
        }

        #[test]
        fn random_bytes_are_no_frames(line in prop::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert!(payloads(&line).iter().all(|payload| payload.is_empty()));
        }
    }
}
