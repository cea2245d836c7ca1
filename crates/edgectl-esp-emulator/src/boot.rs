//! What ESP-IDF's second-stage boot loader does with a flash: finds the application, loads and maps its segments.

use crate::board::Board;
use crate::cache::PAGE;

const TABLE: usize = 0x8000;
const ENTRY: usize = 32;
const CHECKSUM_SEED: u8 = 0xef;

/// Loads the application of the first partition for one, with the cache on. Its entry.
pub(crate) fn boot(board: &mut Board) -> Result<u32, &'static str> {
    let flash = board.flash.bytes.clone();
    let word = |at: usize| {
        flash.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes)).ok_or("the flash ends")
    };
    let table = flash.get(TABLE..).ok_or("the flash ends before the partition table")?;
    let app = table.chunks_exact(ENTRY).take_while(|entry| entry[..2] == [0xaa, 0x50]).find(|entry| entry[2] == 0 && entry[3] <= 0x10);
    let app = app.and_then(|entry| entry[4..8].first_chunk()).ok_or("no partition for an application")?;
    let begin = u32::from_le_bytes(*app) as usize;
    let (header, entry) = (word(begin)?, word(begin + 4)?);
    if header & 0xff != 0xe9 || word(begin + 12)? & 0xffff != u32::from(board.facts.id) {
        return Err("no image for this chip");
    }
    let (mut at, mut sum) = (begin + 24, CHECKSUM_SEED);
    for _ in 0..header >> 8 & 0xff {
        let (address, length) = (word(at)?, word(at + 4)? as usize);
        at += 8;
        let bytes = flash.get(at..at + length).ok_or("a segment reaches behind the end of the flash")?;
        sum = bytes.iter().fold(sum, |sum, byte| sum ^ byte);
        match board.cache.page_of(address) {
            Some(first) => {
                if !(address as usize ^ at).is_multiple_of(PAGE as usize) {
                    return Err("a segment does not lie in its page of flash as in its page of memory");
                }
                let pages = (address % PAGE + length as u32).div_ceil(PAGE);
                for page in 0..pages {
                    board.cache.map(first + page as usize, at as u32 / PAGE + page)?;
                }
            }
            // What only keeps others apart has address 0.
            None if address < PAGE => {}
            None => board.memory.slice(address, length).ok_or("a segment is for no memory")?.copy_from_slice(bytes),
        }
        at += length;
    }
    let end = (at + 1).next_multiple_of(16);
    if flash.get(end - 1) != Some(&sum) {
        return Err("the image's checksum is wrong");
    }
    board.cache.switch(false, true, &mut board.memory, &flash);
    board.cache.switch(true, true, &mut board.memory, &flash);
    Ok(entry)
}
