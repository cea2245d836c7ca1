//! What can be wrong with a graph.

use thiserror::Error;

/// An inconsistency in a graph. Nodes and tensors are given by name.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum GraphError {
    /// Two tensors have the same name.
    #[error("two tensors are named \"{name}\"")]
    DuplicateTensor {
        /// The name.
        name: String,
    },
    /// A node reads a tensor that is neither an input nor a constant nor written by an earlier node.
    #[error("node \"{node}\" reads tensor \"{tensor}\", which nothing before it computes")]
    Undefined {
        /// The reader.
        node: String,
        /// The tensor.
        tensor: String,
    },
    /// Nodes that depend on each other in a circle.
    #[error("node \"{node}\" depends on its own output")]
    Cycle {
        /// One of the nodes.
        node: String,
    },
    /// Two nodes write one tensor, or a node writes an input or a constant.
    #[error("node \"{node}\" writes tensor \"{tensor}\", which is already defined")]
    Redefined {
        /// The second writer.
        node: String,
        /// The tensor.
        tensor: String,
    },
    /// An output of the graph that nothing computes.
    #[error("nothing computes the graph's output \"{tensor}\"")]
    OutputUndefined {
        /// The tensor.
        tensor: String,
    },
    /// A node has the wrong number of inputs or outputs.
    #[error("node \"{node}\" ({op}): expected {expected}, found {found} inputs")]
    Arity {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// The numbers of inputs that the operator takes.
        expected: &'static str,
        /// The number found.
        found: usize,
    },
    /// Shapes or types that the operator cannot take.
    #[error("node \"{node}\" ({op}): {what}")]
    Operand {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// What was expected and what was found.
        what: String,
    },
    /// A tensor's fact differs from what its node computes.
    #[error("tensor \"{tensor}\": expected {expected}, found {found}")]
    Fact {
        /// The tensor.
        tensor: String,
        /// What its node computes.
        expected: String,
        /// What the graph says.
        found: String,
    },
    /// A dimension is symbolic where a number is needed.
    #[error("tensor \"{tensor}\" has the dynamic shape {shape}; expected fixed dimensions")]
    Dynamic {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: String,
    },
    /// A tensor without elements.
    #[error("tensor \"{tensor}\" has the shape {shape}; expected at least one element")]
    Empty {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: String,
    },
    /// A tensor that would need too much memory.
    #[error("tensor \"{tensor}\" has the shape {shape}; expected at most {limit} elements")]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: String,
        /// The most elements.
        limit: usize,
    },
    /// An operator that cannot be deployed, where only such are allowed.
    #[error("node \"{node}\": operator {op} is not supported{}", if reason.is_empty() { String::new() } else { format!(": {reason}") })]
    Unsupported {
        /// The node.
        node: String,
        /// Its operator, with the domain where it is not the default one.
        op: String,
        /// Why, where the operator is known but one of its forms is not.
        reason: String,
    },
}
