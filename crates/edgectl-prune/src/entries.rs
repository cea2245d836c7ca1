//! Indices of axes that can only go together: a union-find over every index of every axis of every tensor.

use std::ops::Range;

use edgectl_graph::{Graph, TensorId};

use crate::PruneError;

/// The most indices that are followed: the sum of all dimensions of all tensors.
const MAX_ENTRIES: usize = 1 << 24;

/// An index of an axis of a tensor, counted over all of them.
pub(crate) type Entry = usize;

/// Why an index must stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// The node, or the tensor, that needs it.
    pub(crate) place: String,
    /// In words, e.g. `softmax sums over it`.
    pub(crate) reason: String,
    /// Whether no channel was to be expected there: the batch, pixels, steps of time.
    pub(crate) is_plain: bool,
}

/// Classes of entries that go together, and what keeps some of them.
pub(crate) struct Entries {
    /// By tensor, by axis. Without axes where the shape is not known; an axis of symbolic size has no entries.
    axes: Vec<Vec<Range<Entry>>>,
    parent: Vec<Entry>,
    /// By entry; that of a class is at its root.
    kept: Vec<Option<usize>>,
    obstacles: Vec<Obstacle>,
}

impl Entries {
    /// Each entry in a class of its own.
    pub(crate) fn of(graph: &Graph) -> Result<Entries, PruneError> {
        let mut next = 0usize;
        let mut axes = Vec::with_capacity(graph.tensors().len());
        for tensor in graph.tensors() {
            let dims = tensor.fact.as_ref().map_or(&[][..], |fact| fact.shape.dims());
            let mut own = Vec::with_capacity(dims.len());
            for dim in dims {
                let end = next.checked_add(dim.fixed().unwrap_or(0)).filter(|&end| end <= MAX_ENTRIES);
                let end = end.ok_or_else(|| PruneError::TooLarge { tensor: tensor.name.clone(), limit: MAX_ENTRIES })?;
                own.push(next..end);
                next = end;
            }
            axes.push(own);
        }
        Ok(Entries { axes, parent: (0..next).collect(), kept: vec![None; next], obstacles: vec![] })
    }

    /// The axes of a tensor.
    pub(crate) fn axes(&self, id: TensorId) -> &[Range<Entry>] {
        &self.axes[id.index()]
    }

    /// The entries of an axis; none where there is no such axis.
    pub(crate) fn axis(&self, id: TensorId, axis: usize) -> Range<Entry> {
        self.axes[id.index()].get(axis).cloned().unwrap_or(0..0)
    }

    /// The entry that stands for a class.
    pub(crate) fn root(&mut self, entry: Entry) -> Entry {
        let mut root = entry;
        while self.parent[root] != root {
            root = self.parent[root];
        }
        let mut entry = entry;
        while self.parent[entry] != root {
            entry = std::mem::replace(&mut self.parent[entry], root);
        }
        root
    }

    /// Makes two classes one.
    pub(crate) fn link(&mut self, a: Entry, b: Entry) {
        let (a, b) = (self.root(a), self.root(b));
        // The lesser entry stands for both, so that results do not depend on the order of links.
        let (root, other) = (a.min(b), a.max(b));
        if root != other {
            self.parent[other] = root;
            self.kept[root] = self.graver(self.kept[root], self.kept[other]);
        }
    }

    /// Says why the classes of some entries must stay.
    pub(crate) fn keep(&mut self, entries: impl IntoIterator<Item = Entry>, obstacle: impl FnOnce() -> Obstacle) {
        let mut entries = entries.into_iter().peekable();
        if entries.peek().is_none() {
            return;
        }
        self.obstacles.push(obstacle());
        let new = Some(self.obstacles.len() - 1);
        for entry in entries {
            let root = self.root(entry);
            self.kept[root] = self.graver(self.kept[root], new);
        }
    }

    /// Of two obstacles the first that says something.
    fn graver(&self, a: Option<usize>, b: Option<usize>) -> Option<usize> {
        let (Some(first), Some(second)) = (a, b) else { return a.or(b) };
        let plain = |at: usize| (self.obstacles[at].is_plain, at);
        Some(if plain(first) <= plain(second) { first } else { second })
    }

    /// Why an entry must stay; `None` where it may go.
    pub(crate) fn obstacle(&mut self, entry: Entry) -> Option<&Obstacle> {
        let root = self.root(entry);
        self.kept[root].map(|at| &self.obstacles[at])
    }
}
