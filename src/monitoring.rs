//! What `monitor` shows: lines as they come, each as soon as it is complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;
use edgectl_deploy::monitor::{Said, listen};

use crate::cmd::monitor::Args;
use crate::ui::{SCHEMA_VERSION, Ui, Verdict};

/// Listens until it is interrupted, or the time is over.
pub(crate) fn monitor(args: &Args, ui: &Ui) -> Result<Verdict> {
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let begin = Instant::now();
    let over = || stop.load(Ordering::SeqCst) || args.time.is_some_and(|time| begin.elapsed() >= time);
    let mut failed = None;
    let mut show = |said: Said| {
        match line(ui, &said) {
            Ok(true) => {}
            // Nobody reads any more.
            Ok(false) => stop.store(true, Ordering::SeqCst),
            Err(error) => {
                stop.store(true, Ordering::SeqCst);
                failed.get_or_insert(error);
            }
        }
    };
    listen(&args.port, !args.no_reconnect, &over, &mut show)?;
    failed.map_or(Ok(Verdict::Positive), Err)
}

/// Shows it: whether anybody still reads.
fn line(ui: &Ui, said: &Said) -> Result<bool> {
    match said {
        Said::Gone { text } => ui.warning(format_args!("the port is gone ({text}); waiting for it")),
        Said::Back => ui.warning("the port is back; what was said meanwhile is lost"),
        _ => {}
    }
    if ui.is_json() {
        let mut document = serde_json::to_value(said)?;
        document["schema_version"] = SCHEMA_VERSION.into();
        return ui.stream(format!("{document}\n").as_bytes());
    }
    match said {
        Said::Line { text } => ui.stream(format!("{text}\n").as_bytes()),
        Said::Frame { sequence, text } => ui.stream(format!("[edgectl {sequence}] {text}\n").as_bytes()),
        _ => Ok(true),
    }
}
