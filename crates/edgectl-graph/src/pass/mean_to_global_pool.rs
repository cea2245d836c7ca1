//! Means over the whole image.

use crate::{Graph, Node, NodeId, Op, Pass, Patch, Shape};

/// `ReduceMean` over exactly the spatial axes, and `AveragePool` whose one window is the whole input, become `GlobalAveragePool`; where
/// the mean drops its axes, `GlobalAveragePool -> Reshape`.
///
/// Exact because each computes the mean over all spatial positions. A window smaller than the input, or one with padding, stays.
pub(super) struct MeanToGlobalPool;

impl Pass for MeanToGlobalPool {
    fn name(&self) -> &'static str {
        "mean-to-global-pool"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| convert(graph, id, node))
    }
}

fn convert(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let x = node.input(0)?;
    let shape = graph.shape(x).filter(|shape| (3..=4).contains(&shape.rank()))?;
    let label = graph.label(node);
    let mut patch = Patch::new(graph, format!("write \"{label}\" as GlobalAveragePool"));
    match &node.op {
        Op::AveragePool { pool, .. } => {
            let pads = pool.pads_begin.iter().chain(&pool.pads_end).any(|&pad| pad > 0);
            let whole = !pads && Shape::new(pool.kernel.iter().copied()).dims() == &shape.dims()[2..];
            whole.then(|| patch.replace(graph, id, Op::GlobalAveragePool, vec![Some(x)]))?;
        }
        Op::ReduceMean { axes, keep_dims } if axes.iter().copied().eq(2..shape.rank()) => {
            if *keep_dims {
                patch.replace(graph, id, Op::GlobalAveragePool, vec![Some(x)]);
            } else {
                let dropped = graph.shape(node.output()?)?.clone();
                let pooled = patch.node(format!("{label}_pool"), Op::GlobalAveragePool, vec![Some(x)], format!("{label}_pooled"));
                patch.replace(graph, id, Op::Reshape { shape: dropped }, vec![Some(pooled)]);
            }
        }
        _ => return None,
    }
    Some(patch)
}
