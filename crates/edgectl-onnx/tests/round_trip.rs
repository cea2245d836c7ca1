//! Import and export of real models: nothing is lost, and what was exported reads back as the same graph.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use edgectl_graph::{Graph, Op};
use edgectl_onnx::proto::ModelProto;
use edgectl_onnx::{ExportOptions, ImportOptions, export, import, read};
use prost::Message;

/// The models beside the checkout, where they are there.
fn models() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    let Ok(folders) = fs::read_dir(&root) else {
        eprintln!("skipped: no folder {}", root.display());
        return vec![];
    };
    let files = folders.flatten().filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten().flatten();
    let mut models: Vec<_> = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|ext| ext == "onnx")).collect();
    models.sort();
    assert!(!models.is_empty());
    models
}

fn envelope(graph: &Graph) -> ModelProto {
    ModelProto::decode(&*graph.origin.as_ref().unwrap().envelope).unwrap()
}

#[test]
fn an_exported_model_reads_back_as_the_same_graph() {
    for path in models() {
        round_trip(&path);
    }
}

/// What tests/interop/compare.py made, exported again for it; the names say which operators become typed.
#[test]
fn operators_in_all_their_forms() {
    let Some(folder) = std::env::var_os("EDGECTL_INTEROP_DIR").map(PathBuf::from) else {
        eprintln!("skipped: see tests/interop/compare.py");
        return;
    };
    let mut misjudged = vec![];
    for path in fs::read_dir(folder.join("in")).unwrap().map(|file| file.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (graph, bytes) = round_trip(&path);
        fs::write(folder.join("out").join(name), bytes).unwrap();
        let opaque = graph.nodes().iter().any(|node| matches!(node.op, Op::Opaque(_)));
        if let Some((kind @ ("typed" | "opaque"), _)) = name.split_once('-')
            && (kind == "opaque") != opaque
        {
            misjudged.push(format!("{name}: {graph}"));
        }
    }
    assert!(misjudged.is_empty(), "{misjudged:#?}");
}

/// The graph and the bytes of its export.
fn round_trip(path: &Path) -> (Graph, Vec<u8>) {
    let first = read(path, &ImportOptions::default()).unwrap();
    let bytes = export(&first.graph, &ExportOptions::default()).unwrap();
    let second = import(&bytes, &ImportOptions::default()).unwrap();
    assert_eq!(first.graph.to_string(), second.graph.to_string(), "{}", path.display());
    assert_eq!(first.warnings, second.warnings, "{}", path.display());
    assert_eq!(envelope(&first.graph), envelope(&second.graph), "{}", path.display());
    // Names of nodes, values of constants.
    assert!(first == second, "{}", path.display());
    assert_eq!(bytes, export(&second.graph, &ExportOptions::default()).unwrap(), "{}", path.display());
    (first.graph, bytes)
}
