//! SLIP (RFC 1055): `C0 bytes C0`, with C0 and DB escaped.

const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;

/// A frame of these bytes.
pub(crate) fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![END];
    for &byte in bytes {
        match byte {
            END => frame.extend([ESCAPE, 0xDC]),
            ESCAPE => frame.extend([ESCAPE, 0xDD]),
            byte => frame.push(byte),
        }
    }
    frame.push(END);
    frame
}

/// Collects bytes into frames. Every C0 ends what came before it and begins what follows.
#[derive(Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    escaped: bool,
}

impl Decoder {
    /// Takes a byte, and gives the frame that it ends.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Vec<u8>> {
        match byte {
            END => {
                self.escaped = false;
                return Some(std::mem::take(&mut self.bytes)).filter(|bytes| !bytes.is_empty());
            }
            ESCAPE => self.escaped = true,
            _ if std::mem::take(&mut self.escaped) => self.bytes.push(if byte == 0xDC { END } else { ESCAPE }),
            _ => self.bytes.push(byte),
        }
        // Longer than any command.
        if self.bytes.len() > 1 << 17 {
            self.bytes.clear();
        }
        None
    }
}
