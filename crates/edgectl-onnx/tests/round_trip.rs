//! Import and export of real models: nothing is lost, and what was exported reads back as the same graph.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use edgectl_graph::Graph;
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
        let first = read(&path, &ImportOptions::default()).unwrap();
        let bytes = export(&first.graph, &ExportOptions::default()).unwrap();
        let second = import(&bytes, &ImportOptions::default()).unwrap();
        assert_eq!(first.graph.to_string(), second.graph.to_string(), "{}", path.display());
        assert_eq!(first.warnings, second.warnings, "{}", path.display());
        assert_eq!(envelope(&first.graph), envelope(&second.graph), "{}", path.display());
        // Names of nodes, values of constants.
        assert!(first == second, "{}", path.display());
        assert_eq!(bytes, export(&second.graph, &ExportOptions::default()).unwrap(), "{}", path.display());
        // For the comparison with onnxruntime: tests/interop/compare.py.
        if let Some(folder) = std::env::var_os("EDGECTL_ROUND_TRIP_DIR") {
            let name = path.strip_prefix(path.ancestors().nth(2).unwrap()).unwrap().to_string_lossy().replace('/', "__");
            fs::write(Path::new(&folder).join(name), bytes).unwrap();
        }
    }
}
