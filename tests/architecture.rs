//! The arrows between the crates, as `crates/README.md` states them, checked on `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::ROOT;

/// Package → what it links, tests and build scripts left out.
struct Arrows(BTreeMap<String, BTreeSet<String>>);

impl Arrows {
    fn read() -> Arrows {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo).current_dir(*ROOT).args(["metadata", "--format-version", "1", "--locked"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let list = |value: &Value| value.as_array().unwrap().clone();
        let names: BTreeMap<String, String> = list(&metadata["packages"])
            .iter()
            .map(|package| (package["id"].as_str().unwrap().to_owned(), package["name"].as_str().unwrap().to_owned()))
            .collect();
        let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let linked = list(&node["deps"]).into_iter().filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()));
            let linked = linked.map(|dep| names[dep["pkg"].as_str().unwrap()].clone());
            arrows.entry(names[node["id"].as_str().unwrap()].clone()).or_default().extend(linked);
        }
        Arrows(arrows)
    }

    fn direct(&self, package: &str) -> &BTreeSet<String> {
        self.0.get(package).unwrap_or_else(|| panic!("no package {package}"))
    }

    /// Everything that a package reaches.
    fn reach(&self, package: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![package.to_owned()];
        while let Some(next) = open.pop() {
            for dep in self.direct(&next) {
                if reached.insert(dep.clone()) {
                    open.push(dep.clone());
                }
            }
        }
        reached
    }

    /// Our own packages.
    fn ours(&self) -> impl Iterator<Item = &str> {
        let ours = |name: &&str| name.starts_with("edge-") || name.starts_with("edgectl") || *name == "xtask";
        self.0.keys().map(String::as_str).filter(ours)
    }

    /// Our packages of which this holds, for messages that name them.
    fn ours_that(&self, holds: impl Fn(&str) -> bool) -> Vec<&str> {
        self.ours().filter(|package| holds(package)).collect()
    }
}

#[test]
fn arrows_point_one_way() {
    let arrows = Arrows::read();
    let is_host = |name: &str| name.starts_with("edgectl") || name == "xtask";
    let is_terminal = |name: &str| ["clap", "clap_complete", "console", "indicatif", "signal-hook"].contains(&name);

    for device in ["edge-agent", "edge-format", "edge-runtime"] {
        let host: Vec<_> = arrows.reach(device).into_iter().filter(|name| is_host(name)).collect();
        assert_eq!(host, [""; 0], "{device} depends on crates of the host");
    }
    for (engine, owner) in [("tract-", "edgectl-float"), ("candle-", "edgectl-train")] {
        let is_part = |name: &String| name.starts_with(engine);
        assert_eq!(arrows.ours_that(|name| arrows.direct(name).iter().any(is_part)), [owner], "link {engine}*");
        assert_eq!(arrows.ours_that(|name| arrows.reach(name).iter().any(is_part)), ["edgectl", owner], "reach {engine}*");
    }
    assert_eq!(arrows.ours_that(|name| arrows.direct(name).iter().any(|dep| is_terminal(dep))), ["edgectl"], "know a terminal");
    let anyhow = arrows.ours_that(|name| arrows.direct(name).contains("anyhow"));
    assert_eq!(anyhow, ["edgectl", "edgectl-testkit", "xtask"], "use anyhow");
    assert_eq!(arrows.ours_that(|name| arrows.direct(name).contains("edgectl")), [""; 0], "depend on the root");
    assert_eq!(arrows.ours_that(|name| arrows.direct(name).contains("edgectl-testkit")), [""; 0], "link the testkit");
    let graph: Vec<_> = arrows.direct("edgectl-graph").iter().filter(|dep| arrows.ours().any(|ours| ours == *dep)).collect();
    assert_eq!(graph, [""; 0], "edgectl-graph depends on crates of ours");
}
