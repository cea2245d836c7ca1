//! `completions/` is what the binary prints.

use std::fs;

use crate::support::{ROOT, edgectl};

#[test]
fn are_fresh() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, file) in
        [("bash", "edgectl.bash"), ("elvish", "edgectl.elv"), ("fish", "edgectl.fish"), ("powershell", "_edgectl.ps1"), ("zsh", "_edgectl")]
    {
        let printed = edgectl(folder.path(), &["completions", shell]).stdout;
        let kept = fs::read_to_string(ROOT.join("completions").join(file)).unwrap();
        assert!(printed == kept, "completions/{file} is stale; run `cargo xtask completions`");
    }
}
