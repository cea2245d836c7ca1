//! The invariants of a graph.

use std::collections::HashSet;

use crate::{Graph, GraphError, Op};

impl Graph {
    /// Checks every invariant: names are unique, each tensor is defined once and before it is read, every output of the graph is
    /// defined, and every typed node's output has the fact that follows from its inputs.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self) -> Result<(), GraphError> {
        let mut names = HashSet::new();
        for tensor in &self.tensors {
            if !names.insert(tensor.name.as_str()) {
                return Err(GraphError::DuplicateTensor { name: tensor.name.clone() });
            }
        }
        let mut defined = vec![false; self.tensors.len()];
        for id in &self.inputs {
            defined[id.0] = true;
        }
        for (defined, tensor) in defined.iter_mut().zip(&self.tensors) {
            *defined |= tensor.literal.is_some();
        }
        for node in &self.nodes {
            for id in node.reads() {
                if !defined[id.0] {
                    return Err(GraphError::Undefined { node: self.label(node), tensor: self.tensor(id).name.clone() });
                }
            }
            for id in node.writes() {
                if std::mem::replace(&mut defined[id.0], true) {
                    return Err(GraphError::Redefined { node: self.label(node), tensor: self.tensor(id).name.clone() });
                }
            }
            self.check_facts(node)?;
        }
        match self.outputs.iter().find(|id| !defined[id.0]) {
            Some(&id) => Err(GraphError::OutputUndefined { tensor: self.tensor(id).name.clone() }),
            None => Ok(()),
        }
    }

    fn check_facts(&self, node: &crate::Node) -> Result<(), GraphError> {
        if matches!(node.op, Op::Opaque(_)) {
            return Ok(());
        }
        let expected = self.infer(node, || self.label(node))?;
        let tensor = match node.outputs[..] {
            [Some(id)] => self.tensor(id),
            _ => {
                let what = format!("expected one output, found {}", node.outputs.len());
                return Err(GraphError::Operand { node: self.label(node), op: node.op.name().into(), what });
            }
        };
        if tensor.fact == expected {
            return Ok(());
        }
        let words = |fact: &Option<crate::Fact>| fact.as_ref().map_or("?".into(), ToString::to_string);
        Err(GraphError::Fact { tensor: tensor.name.clone(), expected: words(&expected), found: words(&tensor.fact) })
    }
}
