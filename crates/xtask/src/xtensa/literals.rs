//! Puts the literals of Xtensa functions where the functions can reach them.
//!
//! An `l32r` loads a word that lies before it, at a multiple of four. LLVM collects the words that a function loads, and writes them before it writes
//! the function: where every function has a section of its own, they end up behind the function before, wherever that ends, and in its section.
//! The linker then refuses the address; and if it did not, the words of a function in RAM would be in flash. Here each function gets its words
//! into its own section, in front of its code.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use object::build::Id;
use object::build::elf::{Builder, Relocation, SectionData, SectionId};
use object::elf::{EM_XTENSA, R_XTENSA_32, R_XTENSA_SLOT0_OP, SHT_STRTAB, STT_SECTION};

/// The opcode of `l32r`, in the lowest bits of the instruction.
const L32R: u8 = 1;

const WORD: u64 = 4;

/// An `l32r` and the word that it loads.
struct Load {
    /// Section and place of the instruction's relocation.
    relocations: SectionId,
    index: usize,
    /// Section and place of the word.
    word: (SectionId, u64),
}

/// Moves the literals in an object file: its new bytes.
pub(super) fn gather(object: &[u8]) -> Result<Vec<u8>> {
    let mut file = Builder::read32(object)?;
    ensure!(file.header.e_machine == EM_XTENSA, "expected an Xtensa object");
    let loads = loads(&file)?;

    // Where each function's words go: in the order in which they were, from the beginning of its section.
    let mut words: BTreeMap<usize, (SectionId, BTreeSet<(usize, u64)>)> = BTreeMap::new();
    for (function, load) in &loads {
        words.entry(function.index()).or_insert((*function, BTreeSet::new())).1.insert((load.word.0.index(), load.word.1));
    }
    let moved: BTreeMap<(usize, usize, u64), u64> = words
        .values()
        .flat_map(|(function, words)| words.iter().zip(0..).map(|(&(section, at), index)| ((function.index(), section, at), WORD * index)))
        .collect();
    let shifts: BTreeMap<usize, u64> = words
        .iter()
        .map(|(&function, (id, words))| {
            (function, (WORD * words.len() as u64).next_multiple_of(file.sections.get(*id).sh_addralign.max(WORD)))
        })
        .collect();

    // The words, and what was to be filled in there, before they are cut off.
    let contents: Vec<(SectionId, Vec<u8>, Vec<Relocation>)> = words
        .values()
        .map(|(function, words)| {
            let (bytes, relocations) = copy(&file, words)?;
            Ok((*function, bytes, relocations))
        })
        .collect::<Result<_>>()?;
    cut(&mut file, moved.keys().map(|&(_, section, at)| (section, at)))?;

    // Everything behind the beginning of a section that has grown.
    let section_symbols: BTreeMap<usize, usize> = file
        .symbols
        .iter()
        .filter(|symbol| symbol.st_type() == STT_SECTION)
        .filter_map(|symbol| Some((symbol.id().index(), symbol.section?.index())))
        .collect();
    for symbol in file.symbols.iter_mut().filter(|symbol| symbol.st_type() != STT_SECTION) {
        symbol.st_value += symbol.section.and_then(|section| shifts.get(&section.index())).unwrap_or(&0);
    }
    let is_load: BTreeSet<(usize, usize)> = loads.iter().map(|(_, load)| (load.relocations.index(), load.index)).collect();
    for section in file.sections.iter_mut() {
        let here = section.sh_info_section.and_then(|section| shifts.get(&section.index())).copied().unwrap_or_default();
        let id = section.id().index();
        let SectionData::Relocation(relocations) = &mut section.data else { continue };
        for (index, relocation) in relocations.iter_mut().enumerate() {
            relocation.r_offset += here;
            let target = relocation.symbol.and_then(|symbol| section_symbols.get(&symbol.index()));
            if let Some(section) = target.filter(|_| !is_load.contains(&(id, index))) {
                relocation.r_addend += shifts.get(section).copied().unwrap_or_default() as i64;
            }
        }
    }
    for (function, load) in &loads {
        let symbol = file.symbols.iter().find(|symbol| symbol.section == Some(*function)).context("expected a symbol for a function")?;
        let at = moved[&(function.index(), load.word.0.index(), load.word.1)];
        let (symbol, addend) = (symbol.id(), at as i64 - symbol.st_value as i64);
        let SectionData::Relocation(relocations) = &mut file.sections.get_mut(load.relocations).data else { continue };
        (relocations[load.index].symbol, relocations[load.index].r_addend) = (Some(symbol), addend);
    }
    for (function, mut bytes, mut relocations) in contents {
        for relocation in &mut relocations {
            // The word may have held the address of a section that has grown.
            let target = relocation.symbol.and_then(|symbol| section_symbols.get(&symbol.index()));
            relocation.r_addend += target.and_then(|section| shifts.get(section)).copied().unwrap_or_default() as i64;
        }
        let section = file.sections.get_mut(function);
        section.sh_addralign = section.sh_addralign.max(WORD);
        bytes.resize(shifts[&function.index()] as usize, 0);
        if let SectionData::Data(data) = &mut section.data {
            bytes.extend_from_slice(data);
            *data = bytes.into();
        }
        let own = file
            .sections
            .iter_mut()
            .find(|section| section.sh_info_section == Some(function) && matches!(section.data, SectionData::Relocation(_)));
        if let Some(SectionData::Relocation(own)) = own.map(|section| &mut section.data) {
            relocations.append(own);
            *own = relocations;
        }
    }

    // LLVM has one table for the names of symbols and sections.
    if !file.sections.iter().any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = file.sections.add();
        (names.name, names.sh_type, names.sh_addralign, names.data) = (b".shstrtab"[..].into(), SHT_STRTAB, 1, SectionData::SectionString);
    }
    lay_out(&mut file);
    let mut bytes = Vec::new();
    file.write(&mut bytes)?;
    Ok(bytes)
}

/// Gives sections their places in the file.
fn lay_out(file: &mut Builder<'_>) {
    let mut offset = file.file_header_size();
    for section in file.sections.iter_mut().filter(|section| section.is_alloc()) {
        offset = offset.next_multiple_of(section.sh_addralign.max(1));
        section.sh_offset = offset;
        if let SectionData::Data(data) = &section.data {
            offset += data.len() as u64;
        }
    }
}

/// All loads of literals, each with the section of its function.
fn loads(file: &Builder<'_>) -> Result<Vec<(SectionId, Load)>> {
    let mut loads = Vec::new();
    for section in &file.sections {
        let (SectionData::Relocation(relocations), Some(function)) = (&section.data, section.sh_info_section) else { continue };
        let SectionData::Data(code) = &file.sections.get(function).data else { continue };
        for (index, relocation) in relocations.iter().enumerate().filter(|(_, relocation)| relocation.r_type == R_XTENSA_SLOT0_OP) {
            let opcode = code.get(relocation.r_offset as usize).context("expected an instruction where a relocation is")?;
            if opcode & 15 != L32R {
                continue;
            }
            let symbol = file.symbols.get(relocation.symbol.context("expected a literal with a symbol")?);
            let target = symbol.section.context("expected a literal in this object")?;
            let at = u64::try_from(symbol.st_value as i64 + relocation.r_addend)
                .context("expected a literal behind the beginning of its section")?;
            loads.push((function, Load { relocations: section.id(), index, word: (target, at) }));
        }
    }
    Ok(loads)
}

/// The bytes of words, and the relocations there, as if the words stood together from 0 on.
fn copy(file: &Builder<'_>, words: &BTreeSet<(usize, u64)>) -> Result<(Vec<u8>, Vec<Relocation>)> {
    let (mut bytes, mut copied) = (Vec::new(), Vec::new());
    for &(section, at) in words {
        let source = file.sections.iter().find(|found| found.id().index() == section).context("expected the literal's section")?;
        let SectionData::Data(data) = &source.data else { anyhow::bail!("expected literals among code") };
        let word = data.get(at as usize..(at + WORD) as usize).context("expected the literal within its section")?;
        for found in file.sections.iter().filter(|found| found.sh_info_section == Some(source.id())) {
            let SectionData::Relocation(relocations) = &found.data else { continue };
            for relocation in relocations.iter().filter(|relocation| relocation.r_offset == at) {
                ensure!(relocation.r_type == R_XTENSA_32, "expected the address of something in a literal");
                copied.push(Relocation { r_offset: bytes.len() as u64, ..*relocation });
            }
        }
        bytes.extend_from_slice(word);
    }
    Ok((bytes, copied))
}

/// Cuts off the ends of sections from the first literal on, with the relocations there. Some literals nobody loads: their code was optimized away.
fn cut(file: &mut Builder<'_>, words: impl Iterator<Item = (usize, u64)>) -> Result<()> {
    let mut starts: BTreeMap<usize, u64> = BTreeMap::new();
    for (section, at) in words {
        let start = starts.entry(section).or_insert(at);
        *start = at.min(*start);
    }
    for symbol in file.symbols.iter().filter(|symbol| symbol.st_type() != STT_SECTION) {
        let start = symbol.section.and_then(|section| starts.get(&section.index()));
        ensure!(
            start.is_none_or(|&start| symbol.st_value < start),
            "expected nothing but literals at the end of the section of {}",
            symbol.name
        );
    }
    for section in file.sections.iter_mut() {
        if let (Some(&start), SectionData::Data(data)) = (starts.get(&section.id().index()), &mut section.data) {
            ensure!((data.len() as u64 - start).is_multiple_of(WORD), "expected whole literals at the end of {}", section.name);
            data.to_mut().truncate(start as usize);
        }
        let start = section.sh_info_section.and_then(|section| starts.get(&section.index()));
        if let (Some(&start), SectionData::Relocation(relocations)) = (start, &mut section.data) {
            relocations.retain(|relocation| relocation.r_offset < start);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use object::Endianness;
    use object::build::elf::SymbolId;
    use object::elf::{
        ET_REL, SHF_ALLOC, SHF_EXECINSTR, SHF_INFO_LINK, SHT_PROGBITS, SHT_RELA, SHT_SYMTAB, STB_GLOBAL, STB_LOCAL, STT_FUNC,
    };

    use super::*;

    /// `l32r a2`, with whatever offset.
    const LOAD: [u8; 3] = [0x21, 0, 0];

    /// As LLVM writes them: `f`, of five bytes, with the literals of `g` behind, which are an address of `g`'s own code, a number that is loaded
    /// twice, and one that nobody loads. `extra` is a symbol at that place of `f`'s section.
    fn object(extra: Option<u64>) -> Vec<u8> {
        let mut file = Builder::new(Endianness::Little, false);
        (file.header.e_type, file.header.e_machine) = (ET_REL, EM_XTENSA);
        let code = |file: &mut Builder<'static>, name: &'static [u8], bytes: Vec<u8>| {
            let section = file.sections.add();
            (section.name, section.sh_type, section.sh_flags, section.sh_addralign) =
                (name.into(), SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 4);
            section.data = SectionData::Data(bytes.into());
            section.id()
        };
        let literals = [[0; 4], [1, 2, 3, 4], [0; 4]].concat();
        let f = code(&mut file, b".text.f", [&[0xf0; 5], &literals[..]].concat());
        let g = code(&mut file, b".text.g", [LOAD, LOAD, LOAD, [0xf0; 3]].concat());
        let mut symbol = |name: &'static str, section, value, kind, bind| {
            let symbol = file.symbols.add();
            (symbol.name, symbol.section, symbol.st_value) = (name.as_bytes().into(), Some(section), value);
            symbol.set_st_info(bind, kind);
            symbol.id()
        };
        let [of_f, of_g] = [f, g].map(|section| symbol("", section, 0, STT_SECTION, STB_LOCAL));
        let g_itself = symbol("g", g, 0, STT_FUNC, STB_GLOBAL);
        if let Some(at) = extra {
            symbol("extra", f, at, STT_FUNC, STB_GLOBAL);
        }
        let table = file.sections.add();
        (table.name, table.sh_type, table.sh_addralign, table.data) = (b".symtab"[..].into(), SHT_SYMTAB, 4, SectionData::Symbol);
        let table = table.id();
        for (name, data) in [(&b".strtab"[..], SectionData::String), (b".shstrtab", SectionData::SectionString)] {
            let names = file.sections.add();
            (names.name, names.sh_type, names.sh_addralign, names.data) = (name.into(), SHT_STRTAB, 1, data);
        }
        let mut relocations = |name: &'static [u8], of, relocations: &[(u64, SymbolId, object::elf::RelocationType, i64)]| {
            let section = file.sections.add();
            (section.name, section.sh_type, section.sh_flags, section.sh_addralign) = (name.into(), SHT_RELA, SHF_INFO_LINK, 4);
            (section.sh_link_section, section.sh_info_section) = (Some(table), Some(of));
            let relocation = |&(r_offset, symbol, r_type, r_addend)| Relocation { r_offset, symbol: Some(symbol), r_type, r_addend };
            section.data = SectionData::Relocation(relocations.iter().map(relocation).collect());
        };
        relocations(b".rela.text.f", f, &[(5, of_g, R_XTENSA_32, 9)]);
        let load = |at, word: i64| (at, of_f, R_XTENSA_SLOT0_OP, 5 + 4 * word);
        // The last one is no load, but refers to where `g` is.
        relocations(b".rela.text.g", g, &[load(0, 0), load(3, 1), load(6, 1), (9, g_itself, R_XTENSA_SLOT0_OP, 0)]);
        lay_out(&mut file);
        let mut bytes = Vec::new();
        file.write(&mut bytes).unwrap();
        bytes
    }

    /// The bytes of a section, and its relocations: place, value and section of the symbol, addend.
    fn section(file: &Builder<'_>, name: &[u8]) -> (Vec<u8>, Vec<(u64, u64, i64)>) {
        let found = file.sections.iter().find(|section| &*section.name == name).unwrap();
        let SectionData::Data(bytes) = &found.data else { panic!("expected bytes") };
        let of = file.sections.iter().find(|section| section.sh_info_section == Some(found.id()));
        let relocations = of.map(|section| match &section.data {
            SectionData::Relocation(relocations) => relocations
                .iter()
                .map(|relocation| (relocation.r_offset, file.symbols.get(relocation.symbol.unwrap()).st_value, relocation.r_addend))
                .collect(),
            _ => panic!("expected relocations"),
        });
        (bytes.to_vec(), relocations.unwrap_or_default())
    }

    #[test]
    fn a_function_gets_its_literals_in_front_of_it() {
        let bytes = gather(&object(None)).unwrap();
        let file = Builder::read32(&*bytes).unwrap();
        assert_eq!(section(&file, b".text.f"), ([0xf0; 5].to_vec(), vec![]));
        let (code, relocations) = section(&file, b".text.g");
        assert_eq!(code, [&[0, 0, 0, 0, 1, 2, 3, 4][..], &LOAD, &LOAD, &LOAD, &[0xf0; 3]].concat());
        // The address in the first literal lies 8 bytes later, as do the code and `g`; loads refer to the literals in front of it.
        assert_eq!(relocations, [(0, 0, 17), (8, 0, 0), (11, 0, 4), (14, 0, 4), (17, 8, 0)]);
        assert!(file.sections.iter().all(|section| section.name.ends_with(b"tab") || section.sh_addralign == 4));
    }

    #[test]
    fn literals_in_front_of_code_are_refused() {
        let once = gather(&object(None)).unwrap();
        assert!(gather(&once).is_err_and(|error| error.to_string().contains("expected nothing but literals")));
    }

    #[test]
    fn code_behind_literals_is_refused() {
        let error = gather(&object(Some(9))).unwrap_err().to_string();
        assert_eq!(error, "expected nothing but literals at the end of the section of extra");
        assert!(gather(&object(Some(4))).is_ok());
    }

    #[test]
    fn other_files_are_refused() {
        assert!(gather(b"\x7fELF").is_err());
        assert!(gather(include_bytes!("../../../firmware-esp32/prebuilt/esp32c3.elf")).is_err());
    }
}
