//! Addresses, and what is there.

use crate::xtensa::{NoCode, Refused};

/// Granularity of the map.
const PAGE: u32 = 4096;

/// What a place in the map holds beside areas.
const NOTHING: u8 = 0;
const REGISTERS: u8 = 255;

/// Bytes behind the end of an area, so that its last instruction can be fetched as a longer one.
const SPARE: usize = 4;

/// How an area can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everything.
    Data,
    /// Code; loads and stores of whole words.
    Words,
    /// Loads.
    Constant,
    /// Code; loads of whole words.
    Code,
}

/// Memory that lies together.
struct Area {
    base: u32,
    bytes: Vec<u8>,
    access: Access,
}

/// All of it.
pub(crate) struct Memory {
    areas: Vec<Area>,
    /// For each page the area from which it is, plus one; and how far that lies from where the area says.
    map: Vec<u8>,
    /// The second address of an area: where, and which it is a view of.
    view: Option<(u32, usize)>,
}

/// What is at an address.
pub(crate) enum Place {
    /// Bytes of an area.
    Area {
        index: usize,
        offset: usize,
    },
    Registers,
    Nothing,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { areas: vec![], map: vec![NOTHING; (u32::MAX / PAGE) as usize + 1], view: None }
    }

    /// Adds an area, filled with a byte. Its number.
    pub(crate) fn add(&mut self, base: u32, length: u32, access: Access, fill: u8) -> usize {
        let index = self.areas.len();
        self.areas.push(Area { base, bytes: vec![fill; length as usize + SPARE], access });
        self.show(index, base, length);
        index
    }

    /// Adds registers.
    pub(crate) fn add_registers(&mut self, base: u32, length: u32) {
        self.pages(base, length).fill(REGISTERS);
    }

    /// Makes an area usable at a second address, for code and whole words.
    pub(crate) fn add_view(&mut self, base: u32, length: u32, index: usize) {
        self.view = Some((base, index));
        let view = self.areas.len();
        self.areas.push(Area { base, bytes: vec![], access: Access::Words });
        self.show(view, base, length);
    }

    /// Makes a part of an area visible.
    pub(crate) fn show(&mut self, index: usize, base: u32, length: u32) {
        let number = index as u8 + 1;
        self.pages(base, length).fill(number);
    }

    /// Hides what is there.
    pub(crate) fn hide(&mut self, base: u32, length: u32) {
        self.pages(base, length).fill(NOTHING);
    }

    fn pages(&mut self, base: u32, length: u32) -> &mut [u8] {
        let first = (base / PAGE) as usize;
        &mut self.map[first..first + length.div_ceil(PAGE) as usize]
    }

    pub(crate) fn at(&self, address: u32) -> Place {
        match self.map[(address / PAGE) as usize] {
            NOTHING => Place::Nothing,
            REGISTERS => Place::Registers,
            number => {
                let (mut index, area) = (usize::from(number) - 1, &self.areas[usize::from(number) - 1]);
                let offset = (address - area.base) as usize;
                if let Some((_, of)) = self.view.filter(|view| view.0 == area.base && area.bytes.is_empty()) {
                    index = of;
                }
                Place::Area { index, offset }
            }
        }
    }

    /// Code, three bytes.
    pub(crate) fn fetch(&self, address: u32) -> Result<u32, NoCode> {
        let nothing = NoCode::Refused("no code can be executed here, or the cache is off");
        let Place::Area { index, offset } = self.at(address) else { return Err(nothing) };
        let bytes = self.areas[index].bytes.get(offset..offset + 4).and_then(|bytes| bytes.first_chunk()).ok_or(nothing)?;
        Ok(u32::from_le_bytes(*bytes) & 0xff_ffff)
    }

    /// A value from an area.
    pub(crate) fn load(&self, index: usize, offset: usize, address: u32, bytes: u32) -> Result<u32, Refused> {
        let area = &self.areas[index];
        let is_view = address != area.base + offset as u32;
        if bytes != 4 && (is_view || matches!(area.access, Access::Words | Access::Code)) {
            return Err("loaded a part of a word where there are whole words only");
        }
        let found =
            area.bytes.get(offset..offset + 4).and_then(|bytes| bytes.first_chunk()).ok_or("loaded from behind the end of a memory")?;
        Ok(u32::from_le_bytes(*found) & (u32::MAX >> (32 - 8 * bytes)))
    }

    /// A value into an area.
    pub(crate) fn store(&mut self, index: usize, offset: usize, address: u32, bytes: u32, value: u32) -> Result<(), Refused> {
        let area = &mut self.areas[index];
        match area.access {
            Access::Constant | Access::Code => return Err("stored to what can only be read"),
            Access::Words if bytes != 4 => return Err("stored a part of a word where there are whole words only"),
            _ => {}
        }
        if bytes != 4 && address != area.base + offset as u32 {
            return Err("stored a part of a word where there are whole words only");
        }
        let end = offset + bytes as usize;
        let place = area.bytes.get_mut(offset..end).ok_or("stored behind the end of a memory")?;
        place.copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
        Ok(())
    }

    /// Bytes of an area, without what is spare.
    pub(crate) fn bytes(&self, index: usize) -> &[u8] {
        let bytes = &self.areas[index].bytes;
        &bytes[..bytes.len() - SPARE]
    }

    /// Those bytes, for what is no program.
    pub(crate) fn bytes_mut(&mut self, index: usize) -> &mut [u8] {
        let bytes = &mut self.areas[index].bytes;
        let length = bytes.len() - SPARE;
        &mut bytes[..length]
    }

    /// Bytes at an address, for what is no program. `None` where there is no memory for them.
    pub(crate) fn slice(&mut self, address: u32, length: usize) -> Option<&mut [u8]> {
        let Place::Area { index, offset } = self.at(address) else { return None };
        self.bytes_mut(index).get_mut(offset..offset + length)
    }
}
