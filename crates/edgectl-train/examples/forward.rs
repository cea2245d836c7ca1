//! What training computes forward, for `tests/interop/train_forward.py`: `forward FOLDER` runs every `NAME.onnx` there on the samples in
//! `NAME.in` and writes the values of its outputs to `NAME.out`, all as little-endian float32; what it cannot run, it says.

use std::fs;
use std::path::Path;

use edgectl_onnx::ImportOptions;
use edgectl_train::Samples;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn run(path: &Path) -> Result<()> {
    let graph = edgectl_onnx::read(path, &ImportOptions { batch: Some(1), ..ImportOptions::default() })?.graph;
    let shape = graph.fixed_shape(*graph.inputs().first().ok_or("no input")?)?;
    let bytes = fs::read(path.with_extension("in"))?;
    let inputs = bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
    let samples = Samples::new(shape[1..].to_vec(), inputs, None)?;
    let outputs = edgectl_train::outputs(&graph, &samples)?;
    fs::write(path.with_extension("out"), outputs.iter().flatten().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    Ok(())
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("expected a folder")?;
    let mut models: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    models.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    models.sort();
    for path in models {
        if let Err(error) = run(&path) {
            println!("{}: {error}", path.file_stem().unwrap_or_default().display());
        }
    }
    Ok(())
}
