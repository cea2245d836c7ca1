//! Flash as the processor sees it: pages of 64 KiB, which a table maps, through a cache.
//!
//! As in Espressif's model of the chips, the cache holds whole pages. It takes in a page that is mapped anew when it is switched on, and all of them when
//! it is emptied: whoever changes flash and empties nothing goes on seeing what was there.

use crate::memory::{Access, Memory};

/// Bytes of a page.
pub(crate) const PAGE: u32 = 64 << 10;

/// Addresses through which a part of the table is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) base: u32,
    /// The first of its entries, and how many pages it has.
    pub(crate) first: usize,
    pub(crate) pages: usize,
    /// Pages before this one are something else.
    pub(crate) from: usize,
    /// Whether it is for code.
    pub(crate) is_code: bool,
}

/// Table, windows and what they hold.
pub(crate) struct Cache {
    windows: Vec<(Window, usize)>,
    entries: Vec<u32>,
    /// Whether a page of a window is to be taken in.
    stale: Vec<Vec<bool>>,
    /// Of windows for data, and for code.
    is_on: [bool; 2],
    /// The bit of an entry that maps nothing.
    nothing: u32,
}

impl Cache {
    /// Before anything else is put where the windows are.
    pub(crate) fn new(memory: &mut Memory, windows: &[Window], entries: usize, nothing: u32) -> Self {
        let add = |window: &Window| {
            let access = if window.is_code { Access::Code } else { Access::Constant };
            let index = memory.add(window.base, window.pages as u32 * PAGE, access, 0xba);
            memory.hide(window.base, window.pages as u32 * PAGE);
            (*window, index)
        };
        let windows: Vec<(Window, usize)> = windows.iter().map(add).collect();
        let stale = windows.iter().map(|window| vec![true; window.0.pages]).collect();
        Self { windows, entries: vec![nothing; entries], stale, is_on: [false; 2], nothing }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on.contains(&true)
    }

    pub(crate) fn entry(&self, index: usize) -> Option<u32> {
        self.entries.get(index).copied()
    }

    /// Maps a page.
    pub(crate) fn map(&mut self, index: usize, entry: u32) -> Result<(), &'static str> {
        if self.is_on() {
            return Err("mapped a page of flash while the cache was on");
        }
        let place = self.entries.get_mut(index).ok_or("mapped a page that the table does not have")?;
        if *place != entry {
            *place = entry;
            for (stale, (window, _)) in self.stale.iter_mut().zip(&self.windows) {
                if let Some(stale) = index.checked_sub(window.first).and_then(|page| stale.get_mut(page)) {
                    *stale = true;
                }
            }
        }
        Ok(())
    }

    /// The page of the table through which an address is seen.
    pub(crate) fn page_of(&self, address: u32) -> Option<usize> {
        let at = |window: &Window| {
            let page = (address.checked_sub(window.base)? / PAGE) as usize;
            (page < window.pages && page >= window.from).then_some(window.first + page)
        };
        self.windows.iter().find_map(|window| at(&window.0))
    }

    /// Empties it.
    pub(crate) fn empty(&mut self, memory: &mut Memory, flash: &[u8]) {
        self.stale.iter_mut().for_each(|stale| stale.fill(true));
        if self.is_on() {
            self.take_in(memory, flash);
        }
    }

    /// Switches the part for data, or that for code.
    pub(crate) fn switch(&mut self, is_code: bool, is_on: bool, memory: &mut Memory, flash: &[u8]) {
        self.is_on[usize::from(is_code)] = is_on;
        self.take_in(memory, flash);
        for (window, index) in &self.windows {
            if window.is_code != is_code {
                continue;
            }
            for page in window.from..window.pages {
                let base = window.base + page as u32 * PAGE;
                if is_on && self.entries[window.first + page] & self.nothing == 0 {
                    memory.show(*index, base, PAGE);
                } else {
                    memory.hide(base, PAGE);
                }
            }
        }
    }

    fn take_in(&mut self, memory: &mut Memory, flash: &[u8]) {
        for ((window, index), stale) in self.windows.iter().zip(&mut self.stale) {
            if !self.is_on[usize::from(window.is_code)] {
                continue;
            }
            let bytes = memory.bytes_mut(*index);
            for (page, stale) in stale.iter_mut().enumerate().filter(|(_, stale)| **stale) {
                let entry = self.entries[window.first + page];
                let place = &mut bytes[page * PAGE as usize..][..PAGE as usize];
                match flash.get(entry as usize * PAGE as usize..).and_then(|flash| flash.get(..PAGE as usize)) {
                    Some(page) if entry & self.nothing == 0 => place.copy_from_slice(page),
                    _ => place.fill(0xba),
                }
                *stale = false;
            }
        }
    }
}
