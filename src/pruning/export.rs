//! The pruned model as a file.

use std::path::Path;

use anyhow::Result;
use edgectl_graph::Graph;

/// The name of the batch's symbol in a file, where it has one.
pub(crate) fn batch_symbol(path: &Path) -> Result<Option<String>> {
    if path.extension().is_none_or(|extension| extension != "onnx") {
        return Ok(None);
    }
    let imported = edgectl_onnx::read(path, &edgectl_onnx::ImportOptions::default())?;
    Ok(imported.graph.batch_symbol().map(|symbol| symbol.to_string()))
}

/// The model as ONNX, of any batch where it was read so.
pub(crate) fn export(graph: Graph, batch: Option<&str>) -> Result<Vec<u8>> {
    // Where a reshape mixes the batch with other dimensions, it stays 1.
    let free = batch.and_then(|symbol| graph.with_free_batch(symbol).ok());
    Ok(edgectl_onnx::export(&free.unwrap_or(graph), &edgectl_onnx::ExportOptions::default())?)
}
