//! Partition tables: which part of the flash is for what.
//!
//! ```text
//! row, 32 bytes, little-endian:   AA 50  type(1)  subtype(1)  offset(4)  length(4)  name(16, zeros behind it)  flags(4)
//! after the rows:                 EB EB  FF × 14  MD5 of the rows(16)
//! up to 3,072 bytes:              FF
//! ```
//!
//! (ESP-IDF, "Partition Tables"; the rules are those of its `gen_esp32part.py`, which is the tests' oracle.)

use std::fmt::{self, Display};

use md5::{Digest, Md5};
use thiserror::Error;

/// Where the table lies in flash, unless a boot loader was built for another place.
pub const TABLE_OFFSET: u32 = 0x8000;
/// Bytes of a table.
pub const TABLE_BYTES: usize = 0xC00;
/// What can be erased at once.
pub const SECTOR_BYTES: u32 = 0x1000;

const ROW_BYTES: usize = 32;
const ROW_MAGIC: [u8; 2] = [0xAA, 0x50];
const DIGEST_MAGIC: [u8; 2] = [0xEB, 0xEB];
/// Rows, of which the last two are the digest and the end.
const MAX_PARTITIONS: usize = TABLE_BYTES / ROW_BYTES - 2;
/// Where partitions may begin: the table has a sector of its own.
const FIRST_OFFSET: u32 = TABLE_OFFSET + SECTOR_BYTES;
const APP_ALIGNMENT: u32 = 0x1_0000;
/// A store that can be written has at least this.
const NVS_BYTES: u32 = 0x3000;
/// The two sectors of the record that chooses among applications.
const OTA_DATA_BYTES: u32 = 0x2000;
/// Longer files are no tables.
const MAX_CSV_BYTES: usize = 64 << 10;

/// Types by name.
const TYPES: [(&str, u8); 2] = [("app", 0), ("data", 1)];
/// Subtypes of data by name.
const DATA: [(&str, u8); 12] = [
    ("ota", 0),
    ("phy", 1),
    ("nvs", 2),
    ("coredump", 3),
    ("nvs_keys", 4),
    ("efuse", 5),
    ("undefined", 6),
    ("esphttpd", 0x80),
    ("fat", 0x81),
    ("spiffs", 0x82),
    ("littlefs", 0x83),
    ("tee_ota", 0x90),
];
const FLAGS: [(&str, u32); 2] = [("encrypted", 1), ("readonly", 2)];

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// At most 16 bytes.
    pub name: String,
    /// 0: an application; 1: data; from 0x40 on: whatever an application wants.
    pub kind: u8,
    /// What of it.
    pub subtype: u8,
    /// From the beginning of the flash, in bytes.
    pub offset: u32,
    /// Bytes.
    pub bytes: u32,
    /// Bit 0: encrypted where the flash is; bit 1: read-only.
    pub flags: u32,
}

impl Partition {
    /// Whether it is for an application.
    pub fn is_app(&self) -> bool {
        self.kind == 0
    }

    /// Which of the applications that can be chosen among it is for.
    pub fn ota_number(&self) -> Option<u8> {
        (self.kind == 0 && (0x10..0x20).contains(&self.subtype)).then(|| self.subtype - 0x10)
    }

    /// Whether it holds the record that chooses among applications.
    pub fn is_ota_data(&self) -> bool {
        (self.kind, self.subtype) == (1, 0)
    }

    /// Where it ends.
    pub fn end(&self) -> u32 {
        self.offset.saturating_add(self.bytes)
    }
}

/// The partitions of a flash, as they stand in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionTable {
    partitions: Vec<Partition>,
}

/// Why something is no partition table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {what}")]
pub struct TableError {
    /// A line, row or partition.
    pub at: Place,
    /// What is wrong there.
    pub what: String,
}

/// Where in a table something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of the text, counted from 1.
    Line(usize),
    /// A row of the bytes, counted from 0.
    Row(usize),
    /// A partition by name.
    Partition(String),
    /// No one place.
    Table,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "partition table, line {line}"),
            Place::Row(row) => write!(f, "partition table, row {row}"),
            Place::Partition(name) => write!(f, "partition `{name}`"),
            Place::Table => f.write_str("partition table"),
        }
    }
}

fn at_line(line: usize, what: impl Into<String>) -> TableError {
    TableError { at: Place::Line(line), what: what.into() }
}

fn of(partition: &Partition, what: impl Into<String>) -> TableError {
    TableError { at: Place::Partition(partition.name.clone()), what: what.into() }
}

impl PartitionTable {
    /// Reads the text: `name, type, subtype, offset, size, flags` in every line, `#` before comments; where the offset is left out, the
    /// partition begins behind the one before; a negative size says where it ends.
    ///
    /// # Errors
    /// [`TableError`], also where the partitions break a rule.
    pub fn from_csv(text: &str) -> Result<PartitionTable, TableError> {
        if text.len() > MAX_CSV_BYTES {
            return Err(TableError { at: Place::Table, what: format!("{} bytes of text: expected at most {MAX_CSV_BYTES}", text.len()) });
        }
        let (mut partitions, mut end) = (vec![], FIRST_OFFSET);
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let partition = row(line, number + 1, end)?;
            end = partition.end();
            partitions.push(partition);
        }
        PartitionTable { partitions }.checked()
    }

    /// Reads what lies in flash.
    ///
    /// # Errors
    /// [`TableError`], also where the partitions break a rule or the digest is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<PartitionTable, TableError> {
        let mut partitions = vec![];
        for (number, row) in bytes.chunks_exact(ROW_BYTES).take(TABLE_BYTES / ROW_BYTES).enumerate() {
            let refuse = |what: String| TableError { at: Place::Row(number), what };
            let word = |at: usize| row.get(at..).and_then(|row| row.first_chunk()).copied().map_or(0, u32::from_le_bytes);
            match (row.first_chunk(), row.get(16..)) {
                (Some(&DIGEST_MAGIC), Some(found)) => {
                    let expected = Md5::digest(bytes.get(..number * ROW_BYTES).unwrap_or_default());
                    if found != expected.as_slice() {
                        return Err(refuse("its MD5 differs from that of the rows before".into()));
                    }
                    return PartitionTable { partitions }.checked();
                }
                (Some(&ROW_MAGIC), _) => {}
                _ if row.iter().all(|&byte| byte == 0xFF) => return PartitionTable { partitions }.checked(),
                _ => return Err(refuse("it begins with neither aa50 nor ebeb".into())),
            }
            let name = row.get(12..28).unwrap_or_default();
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            let name = std::str::from_utf8(name).map_err(|_| refuse("its name is no UTF-8".into()))?;
            let (kind, subtype) = (row.get(2).copied().unwrap_or(0), row.get(3).copied().unwrap_or(0));
            partitions.push(Partition { name: name.into(), kind, subtype, offset: word(4), bytes: word(8), flags: word(28) });
        }
        Err(TableError { at: Place::Table, what: "it has no end".into() })
    }

    /// As it lies in flash.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![];
        for partition in &self.partitions {
            let mut name = partition.name.clone().into_bytes();
            name.resize(16, 0);
            bytes.extend(ROW_MAGIC);
            bytes.extend([partition.kind, partition.subtype]);
            bytes.extend(partition.offset.to_le_bytes());
            bytes.extend(partition.bytes.to_le_bytes());
            bytes.extend(name);
            bytes.extend(partition.flags.to_le_bytes());
        }
        let digest = Md5::digest(&bytes);
        bytes.extend(DIGEST_MAGIC);
        bytes.extend([0xFF; 14]);
        bytes.extend(digest.as_slice());
        bytes.resize(TABLE_BYTES, 0xFF);
        bytes
    }

    /// The partitions, in the order of the table.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The partition of this name.
    pub fn find(&self, name: &str) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.name == name)
    }

    /// The application that is started where no record says otherwise: the factory's, or the first that can be chosen.
    pub fn first_app(&self) -> Option<&Partition> {
        let of_number = |number| self.partitions.iter().find(move |partition| partition.ota_number() == Some(number));
        self.partitions.iter().find(|partition| (partition.kind, partition.subtype) == (0, 0)).or_else(|| of_number(0))
    }

    /// Where the last partition ends.
    pub fn end(&self) -> u32 {
        self.partitions.iter().map(Partition::end).max().unwrap_or(FIRST_OFFSET)
    }

    /// The rules of `gen_esp32part.py`.
    fn checked(self) -> Result<PartitionTable, TableError> {
        let table = |what: String| TableError { at: Place::Table, what };
        if self.partitions.is_empty() {
            return Err(table("it has no partitions".into()));
        }
        if self.partitions.len() > MAX_PARTITIONS {
            return Err(table(format!("{} partitions: expected at most {MAX_PARTITIONS}", self.partitions.len())));
        }
        for partition in &self.partitions {
            alone(partition)?;
        }
        for (index, partition) in self.partitions.iter().enumerate() {
            for other in self.partitions.iter().take(index) {
                if other.name == partition.name {
                    return Err(of(partition, "another one has this name, too"));
                }
                if other.offset < partition.end() && partition.offset < other.end() {
                    let (range, name) = (format!("{:#x} to {:#x}", other.offset, other.end()), &other.name);
                    return Err(of(partition, format!("at {:#x}: it overlaps `{name}`, {range}", partition.offset)));
                }
            }
        }
        for (subtype, name) in [(0, "ota"), (0x90, "tee_ota")] {
            let mut records = self.partitions.iter().filter(|partition| (partition.kind, partition.subtype) == (1, subtype));
            if let (Some(_), Some(second)) = (records.next(), records.next()) {
                return Err(of(second, format!("a second one of type data, subtype {name}: expected one at most")));
            }
        }
        Ok(self)
    }
}

/// What holds for every partition by itself.
fn alone(partition: &Partition) -> Result<(), TableError> {
    let refuse = |what: String| Err(of(partition, what));
    let Partition { name, kind, subtype, offset, bytes, flags } = partition;
    if name.is_empty() || name.len() > 16 || name.contains(char::is_control) {
        return refuse(format!("its name has {} bytes: expected 1 to 16, none of them control characters", name.len()));
    }
    let alignment = if partition.is_app() { APP_ALIGNMENT } else { SECTOR_BYTES };
    if !offset.is_multiple_of(alignment) {
        return refuse(format!("its offset is {offset:#x}: expected a multiple of {alignment:#x}"));
    }
    if *offset < FIRST_OFFSET {
        return refuse(format!("its offset is {offset:#x}: expected {FIRST_OFFSET:#x} or more, behind the table"));
    }
    if *bytes == 0 || offset.checked_add(*bytes).is_none() {
        return refuse(format!("its size is {bytes:#x} bytes: expected 1 or more, and an end below 4 GiB"));
    }
    if partition.is_app() && !bytes.is_multiple_of(SECTOR_BYTES) {
        return refuse(format!("its size is {bytes:#x}: expected a multiple of {SECTOR_BYTES:#x}"));
    }
    if *kind == 1 && matches!(subtype, 0 | 3) && flags & 2 != 0 {
        return refuse("it is read-only: expected that it can be written, as its subtype needs".into());
    }
    if *kind == 1 && matches!(subtype, 0 | 0x90) && *bytes != OTA_DATA_BYTES {
        return refuse(format!("its size is {bytes:#x}: expected {OTA_DATA_BYTES:#x}, as its subtype needs"));
    }
    if (*kind, *subtype) == (1, 2) && *bytes < NVS_BYTES && flags & 2 == 0 {
        return refuse(format!("its size is {bytes:#x}: expected {NVS_BYTES:#x} or more, or the flag `readonly`"));
    }
    Ok(())
}

/// A line of the text; without an offset, the partition begins at `end`, aligned.
fn row(line: &str, number: usize, end: u32) -> Result<Partition, TableError> {
    let mut fields = line.split(',').map(str::trim);
    let mut field = || fields.next().unwrap_or_default();
    let [name, kind, subtype, offset, size, flags] = [field(), field(), field(), field(), field(), field()];
    if let Some(more) = fields.find(|field| !field.is_empty()) {
        return Err(at_line(number, format!("`{more}` behind the flags: expected name, type, subtype, offset, size, flags")));
    }
    let number_of = |what: &str, text: &str, names: &[(&str, u8)]| -> Result<u8, TableError> {
        let named = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value);
        let found = named.or_else(|| integer(text).and_then(|value| u8::try_from(value).ok()));
        found.ok_or_else(|| {
            let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            at_line(number, format!("{what} `{text}`: expected {}, or a number up to 255", names.join(", ")))
        })
    };
    let kind = number_of("type", kind, &TYPES)?;
    if matches!(kind, 2 | 3) {
        return Err(at_line(number, format!("type {kind}: expected none of boot loader or table, whose places are given")));
    }
    let subtype = match (kind, subtype) {
        (0, "") => return Err(at_line(number, "an app without a subtype: expected factory, test or ota_0 to ota_15")),
        (_, "") => 6,
        (0, "factory") => 0,
        (0, "test") => 0x20,
        (0, name) if name.starts_with("ota_") => {
            let digits = name.trim_start_matches("ota_").parse::<u8>().ok().filter(|number| *number < 16);
            digits.map(|digits| 0x10 + digits).ok_or_else(|| at_line(number, format!("subtype `{name}`: expected ota_0 to ota_15")))?
        }
        (0, "tee_0") => 0x30,
        (0, "tee_1") => 0x31,
        (1, name) => number_of("subtype", name, &DATA)?,
        (_, name) => number_of("subtype", name, &[])?,
    };
    let alignment = if kind == 0 { APP_ALIGNMENT } else { SECTOR_BYTES };
    let value = |what, text: &str| integer(text).ok_or_else(|| at_line(number, format!("{what} `{text}`: expected a number of bytes")));
    let offset = match offset {
        "" => end.checked_next_multiple_of(alignment).map_or(i64::MAX, i64::from),
        text => value("offset", text)?,
    };
    if offset < i64::from(end) {
        return Err(at_line(number, format!("offset {offset:#x}: expected {end:#x} or more, where the partition before ends")));
    }
    let size = value("size", size)?;
    // Below zero, it is where the partition ends.
    let size = if size < 0 { -size - offset } else { size };
    let narrow = |what, value: i64| {
        u32::try_from(value).map_err(|_| at_line(number, format!("{what} of {value} bytes: expected 0 or more, below 4 GiB")))
    };
    let mut bits = 0;
    for flag in flags.split(':').filter(|flag| !flag.is_empty()) {
        let known = FLAGS.iter().find(|(name, _)| *name == flag);
        bits |= known.ok_or_else(|| at_line(number, format!("flag `{flag}`: expected encrypted or readonly")))?.1;
    }
    Ok(Partition { name: name.into(), kind, subtype, offset: narrow("offset", offset)?, bytes: narrow("size", size)?, flags: bits })
}

/// A number in decimal or hexadecimal, with K or M behind it.
fn integer(text: &str) -> Option<i64> {
    let (text, factor) = match text.as_bytes().last()?.to_ascii_lowercase() {
        b'k' => (text.get(..text.len() - 1)?, 1 << 10),
        b'm' => (text.get(..text.len() - 1)?, 1 << 20),
        _ => (text, 1),
    };
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with(['+', '-'])),
        None => digits.parse().ok().filter(|_| !digits.starts_with(['+', '-'])),
    }?;
    value.checked_mul(factor).map(|value: i64| if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "# name, type, subtype, offset, size, flags\n\
        nvs, data, nvs, 0x9000, 16K,\n\
        otadata, data, ota, , 0x2000\n\
        app_0, app, ota_0, , 256K\n\
        app_1, app, ota_1, , 256K, encrypted\n\
        model, 0x40, 0x00, , 1M, readonly:encrypted\n\
        rest, data, , , -4M,\n";

    #[test]
    fn a_table_survives_its_bytes() {
        let table = PartitionTable::from_csv(GOOD).unwrap();
        assert_eq!(PartitionTable::from_bytes(&table.to_bytes()).unwrap(), table);
        assert_eq!(table.find("app_0").map(|app| app.offset), Some(0x10000));
        assert_eq!(table.first_app().map(|app| app.name.as_str()), Some("app_0"));
        assert_eq!((table.end(), table.find("model").map(|model| model.flags)), (4 << 20, Some(3)));
        assert_eq!(table.find("rest").map(|rest| (rest.kind, rest.subtype)), Some((1, 6)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("", "it has no partitions"),
            ("a", "line 1: type ``"),
            ("a,app,,0x10000,64K", "an app without a subtype"),
            ("a,app,factory,0x11000,64K", "expected a multiple of 0x10000"),
            ("a,app,factory,0x10000,100", "its size is 0x64: expected a multiple of 0x1000"),
            ("a,data,nvs,0x9000,0x1000", "expected 0x3000 or more"),
            ("a,data,ota,0x9000,0x1000", "expected 0x2000"),
            ("a,data,ota,0x9000,0x2000\nb,data,ota,,0x2000", "partition `b`: a second one"),
            ("a,data,phy,0x9000,4K\na,data,phy,,4K", "another one has this name"),
            ("a,data,phy,0x9000,8K\nb,data,phy,0xa000,4K", "line 2: offset 0xa000: expected 0xb000"),
            ("a,data,phy,0x8000,4K", "line 1: offset 0x8000: expected 0x9000"),
            ("a,data,phy,0x9001,4K", "expected a multiple of 0x1000"),
            ("seventeen_letters,data,phy,0x9000,4K", "its name has 17 bytes"),
            (",data,phy,0x9000,4K", "its name has 0 bytes"),
            ("a,data,phy,0x9000,", "size ``"),
            ("a,data,phy,0x9000,5G", "size `5G`"),
            ("a,data,phy,0x9000,0x100000000", "below 4 GiB"),
            ("a,data,phy,0x9000,0xfffff000", "an end below 4 GiB"),
            ("a,data,phy,0x9000,-1K", "expected 0 or more"),
            ("a,data,ota,0x9000,8K,readonly", "it is read-only"),
            ("a,data,phy,0x9000,4K,secret", "flag `secret`"),
            ("a,data,0x100,0x9000,4K", "subtype `0x100`"),
            ("a,app,ota_16,0x10000,64K", "expected ota_0 to ota_15"),
            ("a,bootloader,primary,,", "type `bootloader`"),
            ("a,data,phy,0x9000,4K,,x", "`x` behind the flags"),
        ] {
            let error = PartitionTable::from_csv(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let many: String = (0..95).map(|number| format!("p{number},data,phy,,4K\n")).collect();
        assert!(PartitionTable::from_csv(&many).unwrap_err().to_string().contains("at most 94"));
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = PartitionTable::from_csv(GOOD).unwrap().to_bytes();
        for bit in 0..7 * ROW_BYTES * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // The fillers of the digest's row are not covered.
            let filler = 6 * ROW_BYTES + 2..6 * ROW_BYTES + 16;
            assert!(filler.contains(&(bit / 8)) || PartitionTable::from_bytes(&damaged).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "\\PC{0,80}(\n[a-z]{0,3},(app|data|0x40),[a-z0-9_]{0,6},[0-9xkM-]{0,9},[0-9xKm-]{0,9})*", bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            let _ = PartitionTable::from_csv(&text);
            let _ = PartitionTable::from_bytes(&bytes);
            if let Ok(table) = PartitionTable::from_csv(&text) {
                prop_assert_eq!(PartitionTable::from_bytes(&table.to_bytes()).unwrap(), table);
            }
        }
    }
}
