//! `flash PORT CHIP OFFSET FILE`: writes a file into the flash of a chip that waits in its loader, as `edgectl deploy` does, and prints how
//! long it took. `tests/interop/esp_throughput.py` compares that with esptool.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use edgectl_esp::plan::Rules;
use edgectl_esp::{Chip, PartitionTable, Patience, Plan, Region, Session, Where, write};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, chip, offset, file] = &arguments[..] else { return Err("expected PORT CHIP OFFSET FILE".into()) };
    let chip = Chip::from_name(chip).ok_or("no such chip")?;
    let offset = u32::from_str_radix(offset.trim_start_matches("0x"), 16)?;
    let bytes = std::fs::read(file)?;
    let all = Instant::now();
    let mut session = Session::open(Where { port: port.clone(), chip, mac: None, baud: Some(460_800) }, Patience::default())?;
    let table = PartitionTable::from_csv("data, data, undefined, 0x9000, -4M")?;
    let rules = Rules { table: &table, flash_bytes: 4 << 20, allow_unverified: false };
    let plan = Plan::new(vec![(Region { name: "file".into(), offset, bytes }, false)], session.facts(), &rules)?;
    let begin = Instant::now();
    let written = write::write(&mut session, &plan, &AtomicBool::new(false), &mut |_| ())?;
    let (writing, all) = (begin.elapsed().as_secs_f64(), all.elapsed().as_secs_f64());
    println!("sent {} bytes, verified {}: {writing:.3} s of {all:.3} s", written.sent_bytes, written.verified);
    Ok(())
}
