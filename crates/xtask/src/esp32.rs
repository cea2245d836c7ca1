//! The shipped firmwares of the ESP32 family on emulated boards: boots each, brings models onto it as a host does, and compares all outputs with
//! those of this machine.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_device::client::{Client, Link, PROMPT};
use edge_device::image;
use edge_device::self_test::SelfTest;
use edge_device::slots::{State, Verdict};
use edge_format::{AlignedBytes, Program, RUNTIME_ABI};
use edgectl_bench::device::{Host, compare};
use edgectl_esp::image as image_of_flash;
use edgectl_esp_emulator::{Chip, Emulator, Report};
use edgectl_firmware::{ESP32, Esp32Firmware};

use crate::pico::{SUBJECTS, Subject, program, random};

const EMULATORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware-esp32/emulator");

/// What runs which chip.
#[derive(Clone, Copy)]
enum Runner {
    /// A script of [`EMULATORS`].
    Script(&'static str),
    /// Our own core.
    Xtensa(Chip, edgectl_esp::Chip),
}

const RUNNERS: [(&str, Runner); 4] = [
    ("esp32", Runner::Xtensa(Chip::Esp32, edgectl_esp::Chip::Esp32)),
    ("esp32s3", Runner::Xtensa(Chip::Esp32S3, edgectl_esp::Chip::Esp32S3)),
    ("esp32c3", Runner::Script("riscv.py")),
    ("esp32c6", Runner::Script("riscv.py")),
];

const FLASH_BYTES: u32 = 4 << 20;

/// The models that are brought onto each board, and how many samples they are shown.
const MODELS: [&str; 3] = ["digits_mlp", "kws_dscnn", "person_detect"];
const SAMPLES: usize = 3;

/// Emulated time is slower than ours.
const PATIENCE: Duration = Duration::from_secs(120);

/// `cargo xtask esp32 PYTHON`: an interpreter that has Unicorn.
pub(crate) fn run() -> Result<()> {
    let python = std::env::args().nth(2).context("expected a Python interpreter that has the package unicorn")?;
    let chosen = SUBJECTS.iter().filter(|subject| MODELS.contains(&subject.name));
    let models = chosen.filter_map(|subject| Some((subject, program(subject).transpose()?))).collect::<Vec<_>>();
    for (chip, runner) in RUNNERS {
        let firmware = edgectl_firmware::for_chip(chip).context("expected a firmware for the chip")?;
        let mut board = Board::start(&python, runner, firmware)?;
        let went = drive(&board, chip, &models);
        // What the board says about itself explains what the line says.
        if let Some(report) = board.stop().with_context(|| format!("{chip}: {went:?}"))? {
            ensure!(report.lost == 0, "{chip}: the UART lost {} bytes", report.lost);
            println!(
                "  {} million instructions, {} resets, {} of {} bytes of stack, {} sectors erased, {} writes",
                report.cycles / 1_000_000,
                report.resets.len(),
                report.stack_bytes,
                report.stack_limit,
                report.flash.0,
                report.flash.1
            );
        }
        went?;
    }
    let unproven: Vec<&str> =
        ESP32.iter().map(|firmware| firmware.chip).filter(|chip| !RUNNERS.iter().any(|runner| runner.0 == *chip)).collect();
    ensure!(unproven.is_empty(), "not run: {}", unproven.join(", "));
    Ok(())
}

/// Everything that a board is put through.
fn drive(board: &Board, chip: &str, models: &[(&Subject, Result<AlignedBytes>)]) -> Result<()> {
    let mut line = board.line()?;
    let said = line.boot()?;
    let expected = format!("edgectl {} {chip} abi={RUNTIME_ABI} model=none self-test=none\r\n", env!("CARGO_PKG_VERSION"));
    ensure!(said == expected, "expected {expected:?}, found {said:?}");
    println!("{chip}: {}", said.trim_end());
    let mut client = Client::new(line, PROMPT * 10);
    for (subject, bytes) in models {
        let bytes = bytes.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        converse(&mut client, subject, bytes).with_context(|| format!("{chip}, {}", subject.name))?;
    }
    Ok(())
}

/// A deployment with everything that may happen to it: confirmed, failing its self-test, and never confirmed.
fn converse(client: &mut Client<Line>, subject: &Subject, bytes: &[u8]) -> Result<()> {
    let program = Program::parse(bytes)?;
    let samples = random(program, SAMPLES)?;
    let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
    let mut host = Host::new(program, &mut arena)?;
    let mut golden =
        samples.iter().take(2).map(|inputs| Ok((inputs.concat(), host.infer(inputs)?.concat()))).collect::<Result<Vec<_>>>()?;
    let build = |golden: &[(Vec<u8>, Vec<u8>)]| {
        let golden: Vec<(&[u8], &[u8])> = golden.iter().map(|(inputs, outputs)| (&inputs[..], &outputs[..])).collect();
        image::build(bytes, &golden, 0).context("too long for an image")
    };
    let good = build(&golden)?;
    let said = bring(client, &good)?;
    ensure!(said.ends_with("self-test=pass 2/2\r\n"), "the boot line says {said:?}");
    client.confirm(&image::sha256(&good[image::COVERED..]))?;
    let test = client.self_test(PATIENCE)?;
    ensure!(test == SelfTest { passed: 2, count: 2, failure: None }, "self-test: {test}");
    for inputs in &samples {
        compare(client, &mut host, inputs, true)?;
    }

    // One byte of a golden vector is another: it is refused by the board itself, which goes back.
    if let Some(byte) = golden.last_mut().and_then(|vector| vector.1.last_mut()) {
        *byte ^= 1;
    }
    let bad = build(&golden)?;
    let said = bring(client, &bad)?;
    ensure!(said.ends_with("self-test=pass 2/2\r\n"), "after a bad image the boot line says {said:?}");
    let rejected = client.slots()?.iter().any(|slot| slot.state == State::Rejected && slot.verdict == Verdict::SelfTest);
    ensure!(rejected, "expected the bad image to be rejected");

    // Nobody confirms this one.
    let unconfirmed = build(&golden[..1])?;
    let said = bring(client, &unconfirmed)?;
    ensure!(said.ends_with("self-test=pass 1/1\r\n"), "on trial the boot line says {said:?}");
    let said = restart(client)?;
    ensure!(said.ends_with("self-test=pass 2/2\r\n"), "after a trial that nobody confirmed the boot line says {said:?}");
    let rejected = client.slots()?.iter().any(|slot| slot.state == State::Rejected && slot.verdict == Verdict::Unconfirmed);
    ensure!(rejected, "expected the trial to be rejected");
    ensure!(client.fault()?.is_none(), "expected no fault");
    println!(
        "  {:16} sent, proven, confirmed; {SAMPLES} inferences as here; went back from a failed self-test and from a trial",
        subject.name
    );
    Ok(())
}

/// Sends an image, activates it and restarts: what the board says then.
fn bring(client: &mut Client<Line>, image: &[u8]) -> Result<String> {
    client.hello()?;
    client.send_image(image, |_, _| {})?;
    client.activate(&image::sha256(&image[image::COVERED..]))?;
    restart(client)
}

fn restart(client: &mut Client<Line>) -> Result<String> {
    client.reset()?;
    let said = client.link_mut().boot()?;
    client.wait(PATIENCE)?;
    Ok(said)
}

/// An emulated board. It ends with this value.
enum Board {
    Process { process: Child, uart: u16 },
    Thread { emulator: Emulator, uart: u16 },
}

#[derive(serde::Deserialize)]
struct Ports {
    uart: u16,
}

impl Board {
    fn start(python: &str, runner: Runner, firmware: &Esp32Firmware) -> Result<Self> {
        match runner {
            Runner::Script(script) => Self::start_script(python, script, firmware),
            Runner::Xtensa(chip, of_image) => {
                let (emulator, uart) = Emulator::on_port(chip, flash(of_image, firmware)?)?;
                Ok(Self::Thread { emulator, uart })
            }
        }
    }

    fn start_script(python: &str, script: &str, firmware: &Esp32Firmware) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let elf: PathBuf = folder.path().join("firmware.elf");
        std::fs::write(&elf, firmware.elf)?;
        let mut command = Command::new(python);
        command.arg(Path::new(EMULATORS).join(script)).arg(firmware.chip).arg(&elf);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().with_context(|| python.to_owned())?;
        let mut ready = String::new();
        BufReader::new(process.stdout.take().context("no output")?).read_line(&mut ready)?;
        let Ports { uart } = serde_json::from_str(&ready).with_context(|| format!("{script} said {ready:?}"))?;
        Ok(Self::Process { process, uart })
    }

    fn line(&self) -> Result<Line> {
        let (Self::Process { uart, .. } | Self::Thread { uart, .. }) = self;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *uart))?;
        stream.set_nodelay(true)?;
        Ok(Line(stream))
    }

    /// Ends it. What it has to say of its run.
    fn stop(&mut self) -> Result<Option<Report>> {
        match self {
            Self::Process { process, .. } => {
                // It may have ended by itself.
                let _ = process.kill();
                process.wait()?;
                Ok(None)
            }
            Self::Thread { emulator, .. } => Ok(emulator.stop()?),
        }
    }
}

/// A whole flash, as `edgectl` writes it.
fn flash(chip: edgectl_esp::Chip, firmware: &Esp32Firmware) -> Result<Vec<u8>> {
    let table = edgectl_esp::PartitionTable::from_csv(edgectl_firmware::ESP32_PARTITIONS)?;
    let mut flash = image_of_flash::merge(&image_of_flash::parts(chip, firmware.elf, &table, FLASH_BYTES)?);
    flash.resize(FLASH_BYTES as usize, 0xff);
    Ok(flash)
}

impl Drop for Board {
    fn drop(&mut self) {
        // Whoever wants to know has asked.
        let _ = self.stop();
    }
}

/// UART0.
struct Line(TcpStream);

impl Line {
    /// What the firmware says: its line ends with a zero. Before it there may be the boot loader's.
    fn boot(&mut self) -> Result<String> {
        self.0.set_read_timeout(Some(PATIENCE))?;
        let (mut said, mut byte) = (Vec::new(), [0]);
        loop {
            self.0.read_exact(&mut byte).context("the firmware does not say its line")?;
            match byte {
                [0] if said.is_empty() => {}
                [0] => return Ok(String::from_utf8_lossy(&said).into_owned()),
                [byte] => {
                    if said.ends_with(b"\n") {
                        said.clear();
                    }
                    said.push(byte);
                }
            }
        }
    }
}

impl Link for Line {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.0.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(0),
            read => read,
        }
    }
}
