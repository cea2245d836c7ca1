//! What a linked image is made of: its functions, and which of them each one refers to.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SymbolKind};

/// A function or a named table.
pub(super) struct Symbol {
    pub(super) name: String,
    address: u64,
    pub(super) bytes: u64,
    /// Indices of what it refers to, each with where in the symbol, in the order of the references.
    references: Vec<(u64, usize)>,
}

/// An image for a 32-bit machine, linked with its relocations.
pub(super) struct Image {
    pub(super) symbols: Vec<Symbol>,
    /// Everything that goes to flash.
    pub(super) bytes: u64,
}

impl Image {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = ElfFile32::<object::Endianness>::parse(&*bytes).with_context(|| format!("{} is no ELF file", path.display()))?;
        // An ARM function's symbol has its lowest bit set where the code is Thumb.
        let address = |symbol: &object::read::elf::ElfSymbol32<'_, '_>| match symbol.kind() {
            SymbolKind::Text => symbol.address() & !1,
            _ => symbol.address(),
        };
        let mut symbols: Vec<_> = file
            .symbols()
            .filter(|symbol| symbol.size() > 0)
            .map(|symbol| Symbol {
                name: symbol.name().unwrap_or_default().to_owned(),
                address: address(&symbol),
                bytes: symbol.size(),
                references: Vec::new(),
            })
            .collect();
        symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        // Several names of one place are one symbol.
        symbols.dedup_by_key(|symbol| symbol.address);
        let mut image = Self { symbols, bytes: 0 };
        // What is not loaded has no address; tables for unwinding are what firmware's linker scripts leave out.
        for section in file.sections().filter(|section| section.address() != 0 && section.name() != Ok(".eh_frame")) {
            image.bytes += section.size();
            for (place, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let target = file.symbol_by_index(index)?;
                if let (Some(from), Some(to)) = (image.at(place), image.at(address(&target))) {
                    let offset = place - image.symbols[from].address;
                    image.symbols[from].references.push((offset, to));
                }
            }
        }
        Ok(image)
    }

    /// The symbol that covers an address.
    fn at(&self, address: u64) -> Option<usize> {
        let index = self.symbols.partition_point(|symbol| symbol.address <= address).checked_sub(1)?;
        let symbol = &self.symbols[index];
        (address < symbol.address + symbol.bytes).then_some(index)
    }

    /// The symbol of this name.
    pub(super) fn find(&self, name: &str) -> Result<usize> {
        self.symbols.iter().position(|symbol| symbol.name == name).with_context(|| format!("no symbol {name}"))
    }

    /// What a table of `count` entries refers to, entry by entry.
    pub(super) fn entries(&self, table: usize, count: usize) -> Vec<Vec<usize>> {
        let Symbol { bytes, references, .. } = &self.symbols[table];
        let entry_bytes = bytes / count as u64;
        let of = |entry: usize| references.iter().filter(move |(offset, _)| offset / entry_bytes == entry as u64).map(|&(_, to)| to);
        (0..count).map(|entry| of(entry).collect()).collect()
    }

    /// Everything within reach of `roots`, but for what only `barrier` reaches.
    pub(super) fn reach(&self, roots: &[usize], barrier: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = roots.to_vec();
        while let Some(next) = open.pop() {
            if reached.insert(next) && next != barrier {
                open.extend(self.symbols[next].references.iter().map(|&(_, to)| to));
            }
        }
        reached
    }

    /// The shortest way from one symbol to another, as names.
    pub(super) fn path(&self, from: usize, to: usize) -> Option<Vec<&str>> {
        let mut paths = std::collections::VecDeque::from([vec![from]]);
        let mut seen = BTreeSet::from([from]);
        while let Some(path) = paths.pop_front() {
            let last = *path.last()?;
            if last == to {
                return Some(path.iter().map(|&index| &*self.symbols[index].name).collect());
            }
            let next = self.symbols[last].references.iter().map(|&(_, to)| to).filter(|&to| seen.insert(to));
            paths.extend(next.collect::<Vec<_>>().into_iter().map(|to| [&*path, &[to]].concat()));
        }
        None
    }
}
