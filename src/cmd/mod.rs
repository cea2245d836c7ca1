//! One file per subcommand: arguments → options → library → report.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod distill;
pub(crate) mod finetune;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod monitor;
pub(crate) mod package;
pub(crate) mod profiles;
pub(crate) mod prune;
pub(crate) mod quantize;
pub(crate) mod run;
pub(crate) mod verify;
