//! The `edgectl` binary: parse, dispatch, exit status.
//!
//! | module | role |
//! |---|---|
//! | `cli` | the command line: one line per subcommand |
//! | `cmd` | one file per subcommand: arguments → options → library → report |
//! | `audit` | the data type in which every operator is executed |
//! | `benchmark` | what `bench` asks, finds and reports |
//! | `args` | arguments that several subcommands share |
//! | `monitoring` | what `monitor` shows of a serial line |
//! | `model` | MODEL: what a file is, and its content |
//! | `deployment` | bundles on devices: verification, rollout, progress, reports |
//! | `engine` | runs a model: float (tract) or int8 (edge-runtime) |
//! | `eval` | streams samples through engines, in parallel |
//! | `explanation` | where the noise of int8 is, what it does, what repairs it |
//! | `inspection` | what `inspect` reports |
//! | `output` | output files that appear whole or not at all |
//! | `packaging` | what `package` puts into a bundle, and how bundles are shown |
//! | `pruning` | what `prune` does and reports |
//! | `quantization` | what `quantize` does, finds and reports |
//! | `samples` | data that fit a model's inputs |
//! | `signing` | where signing keys are kept |
//! | `sheet` | device profiles as tables |
//! | `stack` | the outputs of all samples as an array file |
//! | `training` | what `finetune` and `distill` share: data, teachers, training, reports |
//! | `ui` | the terminal: results, notes, progress, errors, hints |

mod args;
mod audit;
mod benchmark;
mod cli;
mod cmd;
mod deployment;
mod engine;
mod eval;
mod explanation;
mod inspection;
mod model;
mod monitoring;
mod output;
mod packaging;
mod pruning;
mod quantization;
mod samples;
mod sheet;
mod signing;
mod stack;
mod training;
mod ui;

use std::process::ExitCode;

#[expect(unsafe_code, reason = "the environment is set up before there are threads")]
fn main() -> ExitCode {
    // SAFETY: no other thread exists yet.
    unsafe { edgectl_train::use_one_candle_thread() };
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(error) => return ui::usage(&error),
    };
    let ui = ui::Ui::new(&cli.ui);
    match cli.command.run(&ui) {
        Ok(ui::Verdict::Positive) => ExitCode::SUCCESS,
        Ok(ui::Verdict::Negative) => ExitCode::from(1),
        Err(error) => {
            ui.error(&error);
            ExitCode::from(2)
        }
    }
}
