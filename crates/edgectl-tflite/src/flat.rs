//! A reader of flatbuffers that trusts nothing.
//!
//! Every offset is checked before it is followed. Parts of a flatbuffer may overlap, so that a small file could describe a huge model;
//! therefore all that is read as a list is charged to a budget that is proportional to the file.
//!
//! flatc and planus generate readers of whole schemas, with unsafe code in them; of this one's hundreds of tables a dozen matter here.
//!
//! The encoding: <https://flatbuffers.dev/internals/>. All numbers are little-endian.

use std::cell::Cell;

use crate::TfliteError;

/// How often all of a file may be read. Once, were nothing shared; tools that merge equal constants share some of them.
const READS: usize = 16;

/// A field of a table: its place in the schema and what it is called in messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field(pub(crate) usize, pub(crate) &'static str);

/// The bytes of a flatbuffer.
#[derive(Debug)]
pub(crate) struct Flat<'a> {
    bytes: &'a [u8],
    budget: Cell<usize>,
}

impl<'a> Flat<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Flat<'a> {
        Flat { bytes, budget: Cell::new(bytes.len().saturating_mul(READS)) }
    }

    /// The table that everything hangs on.
    pub(crate) fn root(&self) -> Result<Table<'_>, TfliteError> {
        let what = "the root table";
        Table::new(self, self.follow(0, what)?, what)
    }

    /// Some of the bytes.
    pub(crate) fn slice(&self, at: usize, len: usize, what: &'static str) -> Result<&'a [u8], TfliteError> {
        let end = at.saturating_add(len);
        self.bytes.get(at..end).ok_or(TfliteError::OutOfBounds { what, end, len: self.bytes.len() })
    }

    /// Takes from the budget what is about to be read or copied.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), TfliteError> {
        let left = self.budget.get().checked_sub(bytes);
        self.budget.set(left.ok_or(TfliteError::Overlap { limit: READS })?);
        Ok(())
    }

    fn number<const N: usize>(&self, at: usize, what: &'static str) -> Result<[u8; N], TfliteError> {
        let mut number = [0; N];
        number.copy_from_slice(self.slice(at, N, what)?);
        Ok(number)
    }

    /// The target of the offset that stands at a place.
    fn follow(&self, at: usize, what: &'static str) -> Result<usize, TfliteError> {
        let offset = u32::from_le_bytes(self.number(at, what)?);
        Ok(at.saturating_add(offset as usize))
    }
}

/// A table: a list of fields, each of which may be absent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    flat: &'a Flat<'a>,
    at: usize,
    /// Two bytes per field: where it is, counted from `at`, or zero.
    slots: &'a [u8],
}

impl<'a> Table<'a> {
    fn new(flat: &'a Flat<'a>, at: usize, what: &'static str) -> Result<Table<'a>, TfliteError> {
        let back = i64::from(i32::from_le_bytes(flat.number(at, what)?));
        // A place before the first byte becomes one behind the last.
        let vtable = usize::try_from((at as i64).saturating_sub(back)).unwrap_or(usize::MAX);
        let size = u16::from_le_bytes(flat.number(vtable, what)?);
        let slots = flat.slice(vtable, size.into(), what)?.get(4..).unwrap_or_default();
        Ok(Table { flat, at, slots })
    }

    /// Where a field is, unless it is absent.
    fn place(&self, field: Field) -> Option<usize> {
        let slot = self.slots.get(2 * field.0..2 * field.0 + 2)?;
        let offset = usize::from(u16::from_le_bytes([slot[0], slot[1]]));
        (offset != 0).then(|| self.at.saturating_add(offset))
    }

    fn number<const N: usize>(&self, field: Field) -> Result<Option<[u8; N]>, TfliteError> {
        self.place(field).map(|at| self.flat.number(at, field.1)).transpose()
    }

    pub(crate) fn u8(&self, field: Field, default: u8) -> Result<u8, TfliteError> {
        Ok(self.number(field)?.map_or(default, u8::from_le_bytes))
    }

    pub(crate) fn bool(&self, field: Field) -> Result<bool, TfliteError> {
        Ok(self.u8(field, 0)? != 0)
    }

    pub(crate) fn i32(&self, field: Field, default: i32) -> Result<i32, TfliteError> {
        Ok(self.number(field)?.map_or(default, i32::from_le_bytes))
    }

    pub(crate) fn u32(&self, field: Field, default: u32) -> Result<u32, TfliteError> {
        Ok(self.number(field)?.map_or(default, u32::from_le_bytes))
    }

    pub(crate) fn u64(&self, field: Field) -> Result<u64, TfliteError> {
        Ok(self.number(field)?.map_or(0, u64::from_le_bytes))
    }

    pub(crate) fn f32(&self, field: Field, default: f32) -> Result<f32, TfliteError> {
        Ok(self.number(field)?.map_or(default, f32::from_le_bytes))
    }

    pub(crate) fn table(&self, field: Field) -> Result<Option<Table<'a>>, TfliteError> {
        let Some(at) = self.place(field) else { return Ok(None) };
        Table::new(self.flat, self.flat.follow(at, field.1)?, field.1).map(Some)
    }

    /// The bytes of a vector of `N`-byte elements and where they begin; empty where it is absent.
    fn vector<const N: usize>(&self, field: Field) -> Result<(usize, &'a [[u8; N]]), TfliteError> {
        let Some(at) = self.place(field) else { return Ok((0, &[])) };
        let at = self.flat.follow(at, field.1)?;
        let count = u32::from_le_bytes(self.flat.number(at, field.1)?) as usize;
        let first = at.saturating_add(4);
        let bytes = self.flat.slice(first, count.saturating_mul(N), field.1)?;
        self.flat.charge(bytes.len())?;
        Ok((first, bytes.as_chunks().0))
    }

    pub(crate) fn bytes(&self, field: Field) -> Result<&'a [u8], TfliteError> {
        Ok(self.vector::<1>(field)?.1.as_flattened())
    }

    /// A string; what is not UTF-8 in it is replaced.
    pub(crate) fn string(&self, field: Field) -> Result<String, TfliteError> {
        Ok(String::from_utf8_lossy(self.bytes(field)?).into_owned())
    }

    pub(crate) fn i32s(&self, field: Field) -> Result<Vec<i32>, TfliteError> {
        Ok(self.vector(field)?.1.iter().map(|&number| i32::from_le_bytes(number)).collect())
    }

    pub(crate) fn i64s(&self, field: Field) -> Result<Vec<i64>, TfliteError> {
        Ok(self.vector(field)?.1.iter().map(|&number| i64::from_le_bytes(number)).collect())
    }

    pub(crate) fn f32s(&self, field: Field) -> Result<Vec<f32>, TfliteError> {
        Ok(self.vector(field)?.1.iter().map(|&number| f32::from_le_bytes(number)).collect())
    }

    pub(crate) fn tables(&self, field: Field) -> Result<Vec<Table<'a>>, TfliteError> {
        let (first, offsets) = self.vector::<4>(field)?;
        let at = |(index, offset): (usize, &[u8; 4])| (first + 4 * index).saturating_add(u32::from_le_bytes(*offset) as usize);
        offsets.iter().enumerate().map(|offset| Table::new(self.flat, at(offset), field.1)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A root table with one field at `place` (from the table's first byte), and a vector `[7, 8]` of int32 behind it.
    fn sample(place: u16) -> Vec<u8> {
        let mut bytes = 12u32.to_le_bytes().to_vec(); // the root table is at 12
        bytes.extend(6u16.to_le_bytes()); // at 4, the vtable: its size, ...
        bytes.extend(8u16.to_le_bytes()); // ... the table's size, ...
        bytes.extend(place.to_le_bytes()); // ... the field
        bytes.extend([0; 2]);
        bytes.extend(8i32.to_le_bytes()); // at 12, the table: 8 bytes back to the vtable
        bytes.extend(4u32.to_le_bytes()); // at 16, the field: 4 bytes on to the vector
        bytes.extend(2u32.to_le_bytes());
        bytes.extend([7, 8].into_iter().flat_map(i32::to_le_bytes));
        bytes
    }

    const FIELD: Field = Field(0, "a field");

    #[test]
    fn fields_are_found_and_absent_ones_have_defaults() {
        let bytes = sample(4);
        let flat = Flat::new(&bytes);
        let root = flat.root().unwrap();
        assert_eq!(root.i32s(FIELD).unwrap(), [7, 8]);
        assert_eq!(root.i32(Field(1, "another"), -1).unwrap(), -1);
        let bytes = sample(0);
        assert_eq!(Flat::new(&bytes).root().unwrap().i32s(FIELD).unwrap(), [0; 0]);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = sample(4);
        for len in 0..bytes.len() {
            let flat = Flat::new(&bytes[..len]);
            let error = flat.root().and_then(|root| root.i32s(FIELD)).unwrap_err();
            assert!(matches!(error, TfliteError::OutOfBounds { end, len: found, .. } if end > len && found == len), "{error}");
        }
    }

    #[test]
    fn offsets_beyond_the_file_are_errors() {
        for (at, number) in [(0, u32::MAX), (12, i32::MIN as u32), (12, 100), (16, u32::MAX), (20, u32::MAX), (20, 3)] {
            let mut bytes = sample(4);
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            let flat = Flat::new(&bytes);
            assert!(flat.root().and_then(|root| root.i32s(FIELD)).is_err(), "{number:#x} at {at}");
        }
        assert!(Flat::new(&sample(u16::MAX)).root().unwrap().i32s(FIELD).is_err());
    }

    #[test]
    fn reading_the_same_bytes_again_and_again_ends() {
        let bytes = sample(4);
        let flat = Flat::new(&bytes);
        let root = flat.root().unwrap();
        let reads = (0..).take_while(|_| root.i32s(FIELD).is_ok()).count();
        assert_eq!(reads, bytes.len() * READS / 8);
        assert!(matches!(root.i32s(FIELD), Err(TfliteError::Overlap { limit: READS })));
    }
}
