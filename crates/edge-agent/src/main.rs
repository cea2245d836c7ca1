//! `edge-agent`: parse, dispatch, exit status.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use edge_agent::device::Device;
use edge_agent::model::{Model, ModelError};
use edge_agent::{guard, serve, service, session};

const HELP: &str = "\
The Linux device's side of edgectl.

Usage: edge-agent COMMAND [OPTIONS]

  run --root FOLDER [--account NAME]     execute the current release of an application; for systemd
  boot --root FOLDER                     before `run`, when the device starts: takes back what was not committed
  self-test MODEL                        replay golden vectors; status 1 where a byte differs
  infer MODEL [--raw] [--input FILE]     lines of JSON, or raw tensors, from a file or standard input
  bench MODEL [--iterations N]           time inferences
  session --root FOLDER                  for `edgectl deploy`: requests on standard input
  guard --root FOLDER --attempt N        for `edgectl deploy`: takes a release back unless it is committed in time
  unit --root FOLDER [--account NAME]    print a systemd unit

MODEL: --release FOLDER, or --program FILE [--golden FILE]
";

/// The command line.
#[derive(Default)]
struct Args {
    command: String,
    root: Option<PathBuf>,
    boot_id: Option<PathBuf>,
    attempt: Option<u64>,
    account: Option<String>,
    release: Option<PathBuf>,
    program: Option<PathBuf>,
    golden: Option<PathBuf>,
    input: Option<PathBuf>,
    iterations: usize,
    raw: bool,
}

fn parse() -> Result<Args, lexopt::Error> {
    use lexopt::{Arg, ValueExt};
    let mut args = Args { iterations: 1000, ..Args::default() };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Value(value) if args.command.is_empty() => args.command = value.string()?,
            Arg::Long("root") => args.root = Some(parser.value()?.into()),
            Arg::Long("boot-id") => args.boot_id = Some(parser.value()?.into()),
            Arg::Long("attempt") => args.attempt = Some(parser.value()?.parse()?),
            Arg::Long("account") => args.account = Some(parser.value()?.string()?),
            Arg::Long("release") => args.release = Some(parser.value()?.into()),
            Arg::Long("program") => args.program = Some(parser.value()?.into()),
            Arg::Long("golden") => args.golden = Some(parser.value()?.into()),
            Arg::Long("input") => args.input = Some(parser.value()?.into()),
            Arg::Long("iterations") => args.iterations = parser.value()?.parse()?,
            Arg::Long("raw") => args.raw = true,
            Arg::Long("help") | Arg::Short('h') => args.command = "help".into(),
            Arg::Long("version") | Arg::Short('V') => args.command = "version".into(),
            other => return Err(other.unexpected()),
        }
    }
    Ok(args)
}

fn main() -> ExitCode {
    let result = parse().map_err(|error| format!("{error}; see edge-agent --help")).and_then(|args| run(&args));
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, String> {
    let root = || args.root.as_deref().ok_or("--root is missing");
    let device = || root().map(|root| Device::new(root, args.boot_id.clone()));
    let text = |error: ModelError| error.to_string();
    match args.command.as_str() {
        "session" => session::run(device()?).map_err(|error| error.to_string())?,
        "guard" => guard::run(&device()?, args.attempt.ok_or("--attempt is missing")?),
        "boot" => println!("{}", guard::boot(&device()?).map_err(|error| error.to_string())?),
        "run" => serve::run(root()?, args.account.as_deref()).map_err(text)?,
        "unit" => print!("{}", service::unit(root()?, args.account.as_deref())),
        "self-test" => {
            let found = model(args)?.with(|ready| ready.self_test(usize::MAX)).map_err(text)?;
            println!("{}", serde_json::to_string(&found).map_err(|error| error.to_string())?);
            return Ok(ExitCode::from(u8::from(found.mismatches > 0)));
        }
        "bench" => {
            let found = model(args)?.with(|ready| ready.bench(args.iterations)).map_err(text)?;
            println!("{}", serde_json::to_string(&found).map_err(|error| error.to_string())?);
        }
        "infer" => infer(args)?,
        "version" => println!("edge-agent {}", env!("CARGO_PKG_VERSION")),
        "help" => print!("{HELP}"),
        "" => return Err("no command; see edge-agent --help".into()),
        other => return Err(format!("unknown command `{other}`; see edge-agent --help")),
    }
    Ok(ExitCode::SUCCESS)
}

fn model(args: &Args) -> Result<Model, String> {
    let model = match (&args.release, &args.program) {
        (Some(home), None) => Model::of_release(home),
        (None, Some(program)) => Model::read(program, args.golden.as_deref()),
        _ => return Err("expected --release FOLDER or --program FILE".into()),
    };
    model.map_err(|error| error.to_string())
}

fn infer(args: &Args) -> Result<(), String> {
    let input: Box<dyn Read> = match &args.input {
        Some(path) => Box::new(File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?),
        None => Box::new(io::stdin()),
    };
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(io::stdout().lock()));
    let done = model(args)?.with(|ready| match args.raw {
        true => ready.infer_tensors(&mut input, &mut output),
        false => ready.infer_lines(&mut input, &mut output),
    });
    done.map_err(|error| error.to_string())?;
    output.flush().map_err(|error| error.to_string())
}
