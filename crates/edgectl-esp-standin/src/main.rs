//! `edgectl-esp-standin CHIP [--flash FILE] [--line BITS_PER_SECOND]`: a chip until standard input ends. Prints its port; then, for every
//! line `dump`, writes its flash to the file.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use edgectl_esp_standin::{Setup, StandIn, fault::Always};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut setup = Setup::new(&arguments.next().unwrap_or_else(|| "esp32c3".into()));
    let (mut file, mut faults) = (None, vec![]);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--flash" => file = arguments.next().map(PathBuf::from),
            "--line" => setup.line = arguments.next().and_then(|bits| bits.parse().ok()),
            "--no-stub" => faults.push(Always::StubRefused),
            _ => return Err(io::Error::other(format!("no option {argument}"))),
        }
    }
    let chip = StandIn::start(setup)?;
    faults.into_iter().for_each(|fault| chip.fail_always(fault));
    if let Some(content) = file.as_ref().and_then(|file| std::fs::read(file).ok()) {
        chip.put(0, &content);
    }
    let mut out = io::stdout();
    writeln!(out, "{}", chip.port().display())?;
    for line in io::stdin().lock().lines() {
        match (line?.as_str(), &file) {
            ("dump", Some(file)) => {
                std::fs::write(file, chip.flash())?;
                writeln!(out, "dumped")?;
            }
            ("loader", _) => {
                chip.reset_to_loader();
                writeln!(out, "loader")?;
            }
            ("reset", _) => {
                chip.reset();
                writeln!(out, "reset")?;
            }
            _ => writeln!(out, "?")?,
        }
    }
    Ok(())
}
