//! Runs a flash image with UART0 on a pseudo-terminal, whose path it prints, until standard input ends:
//!
//! ```text
//! cargo run --release -p edgectl-esp-emulator --example terminal -- esp32|esp32s3 FLASH.bin
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::Read;

use edgectl_esp_emulator::{Chip, Emulator};

const FLASH_BYTES: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [chip, file] = &arguments[..] else { return Err("expected a chip and a file".into()) };
    let chip = match &**chip {
        "esp32" => Chip::Esp32,
        "esp32s3" => Chip::Esp32S3,
        _ => return Err("expected esp32 or esp32s3".into()),
    };
    let mut flash = std::fs::read(file)?;
    flash.resize(FLASH_BYTES, 0xff);
    let (mut emulator, path) = Emulator::on_terminal(chip, flash)?;
    println!("{}", path.display());
    std::io::stdin().read_to_end(&mut vec![])?;
    println!("{:?}", emulator.stop()?);
    Ok(())
}
