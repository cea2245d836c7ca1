//! Other weights and biases for layers of a graph.

use edgectl_graph::{Graph, Literal, Pass, Patch, run};

use crate::QuantizeError;
use crate::layer::Layer;

/// Gives the layers of a graph the weights and biases that `layers` say. Node and tensor ids change.
pub(crate) fn rewrite(graph: &mut Graph, method: &'static str, layers: &[Layer]) -> Result<(), QuantizeError> {
    // A patch renumbers nodes, so they are found by the names of their outputs.
    let wanted = layers.iter().map(|layer| (graph.tensor(layer.output).name.clone(), layer.clone())).collect();
    run(graph, &Rewrite { method, wanted })?;
    Ok(())
}

struct Rewrite {
    method: &'static str,
    wanted: Vec<(String, Layer)>,
}

impl Pass for Rewrite {
    fn name(&self) -> &'static str {
        self.method
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        let mut patch = Patch::new(graph, "other weights for the same function");
        let mut changed = false;
        for (name, layer) in &self.wanted {
            let id = graph.producer(graph.find(name)?)?;
            let node = graph.node(id);
            let mut inputs = node.inputs.clone();
            inputs.resize(3, None);
            for (place, values, suffix) in [(1, &layer.weights, "weights"), (2, &layer.bias, "bias")] {
                let present = inputs[place].and_then(|id| Some((id, graph.literal(id)?)));
                let same = match present {
                    Some((_, literal)) => literal.as_f32() == Some(values),
                    None => values.iter().all(|&b| b == 0.0),
                };
                if !same {
                    let shape = present.map_or_else(|| vec![values.len()], |(_, literal)| literal.shape().to_vec());
                    let constant = present.map_or_else(|| format!("{name}/{suffix}"), |(id, _)| graph.tensor(id).name.clone());
                    inputs[place] = Some(patch.constant(constant, Literal::f32(shape, values.clone())?));
                    changed = true;
                }
            }
            if inputs[2].is_none() {
                inputs.truncate(2);
            }
            patch.replace(graph, id, node.op.clone(), inputs);
        }
        changed.then_some(patch)
    }
}
