//! Which channels of a graph may go, and what must go with each.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, NodeId, TensorId};

use crate::PruneError;
use crate::entries::{Entries, Entry};
use crate::rules;
use crate::weights::{Role, role_of};

/// A set of channels that can only go together, e.g. channel 3 of two convolutions and of the addition that joins them. Its number is its
/// place in [`Dependencies::units`].
pub type UnitId = usize;

/// A unit: everything that goes with one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The group that it belongs to, by its place in [`Dependencies::groups`].
    pub group: usize,
    /// What goes: indices of axes of constants, ascending.
    pub members: Vec<Member>,
}

/// An index of an axis of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The constant.
    pub tensor: TensorId,
    /// The axis.
    pub axis: usize,
    /// The index.
    pub index: usize,
}

/// Units of the same layers: one of them is like another. A group must keep one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The names of the layers that compute its channels, in topological order.
    pub layers: Vec<String>,
    /// The same as nodes.
    pub producers: Vec<NodeId>,
    /// Its units, ascending.
    pub units: Vec<UnitId>,
}

/// A layer whose channels must stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Its name.
    pub layer: String,
    /// How many of its channels.
    pub channels: usize,
    /// The node or tensor that needs them.
    pub place: String,
    /// Why, in words.
    pub reason: String,
}

/// The channels of one graph.
#[derive(Debug)]
pub struct Dependencies {
    /// By tensor and axis, the unit of each index.
    axes: Vec<Vec<Vec<Option<UnitId>>>>,
    units: Vec<Unit>,
    groups: Vec<Group>,
    fixed: Vec<Fixed>,
}

impl Dependencies {
    /// Finds out what is coupled with what. The graph should be canonical; weights that it computes from constants stay as they are.
    ///
    /// # Errors
    /// [`PruneError::TooLarge`].
    pub fn of(graph: &Graph) -> Result<Dependencies, PruneError> {
        let mut entries = Entries::of(graph)?;
        rules::link(graph, &mut entries);
        let mut made = Dependencies { axes: vec![], units: vec![], groups: vec![], fixed: vec![] };
        let producers = made.list_units(graph, &mut entries);
        made.list_groups(graph, &producers);
        made.list_fixed(graph, &mut entries);
        Ok(made)
    }

    /// All units.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The units by what they have in common.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The layers whose channels must all stay, or some of them, and why.
    pub fn fixed(&self) -> &[Fixed] {
        &self.fixed
    }

    /// Some channels of a group, to find out what their removal brings: at least one, less than all. `None` where it has but one.
    pub fn example(&self, group: usize, channels: usize) -> Option<std::collections::BTreeSet<UnitId>> {
        let units = &self.groups[group].units;
        let count = channels.clamp(1, units.len().saturating_sub(1).max(1));
        (units.len() > 1).then(|| units.iter().take(count).copied().collect())
    }

    /// The unit of each index of an axis; `None` for one that must stay.
    pub fn axis(&self, id: TensorId, axis: usize) -> &[Option<UnitId>] {
        self.axes[id.index()].get(axis).map_or(&[], Vec::as_slice)
    }

    /// The axes of a tensor.
    pub(crate) fn rank(&self, id: TensorId) -> usize {
        self.axes[id.index()].len()
    }

    /// Numbers the classes that a layer computes and nothing keeps. Returns the layers of each.
    fn list_units(&mut self, graph: &Graph, entries: &mut Entries) -> Vec<Vec<NodeId>> {
        let mut producers: BTreeMap<Entry, Vec<NodeId>> = BTreeMap::new();
        for (id, node) in graph.iter() {
            for (place, constant) in node.inputs.iter().enumerate().filter_map(|(place, input)| Some((place, (*input)?))) {
                if graph.literal(constant).is_none() {
                    continue;
                }
                for axis in (0..entries.axes(constant).len()).filter(|&axis| role_of(graph, node, place, axis) == Some(Role::Row)) {
                    for entry in entries.axis(constant, axis) {
                        if entries.obstacle(entry).is_none() {
                            let of = producers.entry(entries.root(entry)).or_default();
                            if of.last() != Some(&id) {
                                of.push(id);
                            }
                        }
                    }
                }
            }
        }
        let numbers: BTreeMap<Entry, UnitId> = producers.keys().copied().zip(0..).collect();
        self.units = vec![Unit { group: 0, members: vec![] }; numbers.len()];
        for (id, tensor) in graph.iter_tensors() {
            let mut axes = vec![];
            for (axis, range) in entries.axes(id).to_vec().into_iter().enumerate() {
                let units: Vec<Option<UnitId>> = range.map(|entry| numbers.get(&entries.root(entry)).copied()).collect();
                if tensor.literal.is_some() {
                    for (index, unit) in units.iter().enumerate() {
                        unit.iter().for_each(|&unit| self.units[unit].members.push(Member { tensor: id, axis, index }));
                    }
                }
                axes.push(units);
            }
            self.axes.push(axes);
        }
        producers.into_values().collect()
    }

    /// Units with members of the same axes belong together.
    fn list_groups(&mut self, graph: &Graph, producers: &[Vec<NodeId>]) {
        let mut places: BTreeMap<Vec<(TensorId, usize)>, usize> = BTreeMap::new();
        for (at, unit) in self.units.iter_mut().enumerate() {
            let mut axes: Vec<(TensorId, usize)> = unit.members.iter().map(|member| (member.tensor, member.axis)).collect();
            axes.dedup();
            let next = self.groups.len();
            unit.group = *places.entry(axes).or_insert(next);
            if unit.group == next {
                let layers = producers[at].iter().map(|&id| graph.label(graph.node(id))).collect();
                self.groups.push(Group { layers, producers: producers[at].clone(), units: vec![] });
            }
            self.groups[unit.group].units.push(at);
        }
    }

    fn list_fixed(&mut self, graph: &Graph, entries: &mut Entries) {
        for (_, node) in graph.iter() {
            let constants = node.inputs.iter().enumerate().filter_map(|(place, input)| Some((place, (*input)?)));
            for (place, constant) in constants.filter(|&(_, id)| graph.literal(id).is_some()) {
                for axis in (0..entries.axes(constant).len()).filter(|&axis| role_of(graph, node, place, axis) == Some(Role::Row)) {
                    let mut counts: Vec<(Fixed, usize)> = vec![];
                    for entry in entries.axis(constant, axis) {
                        let Some(obstacle) = entries.obstacle(entry) else { continue };
                        match counts.iter_mut().find(|(fixed, _)| fixed.place == obstacle.place && fixed.reason == obstacle.reason) {
                            Some((fixed, _)) => fixed.channels += 1,
                            None => {
                                let (place, reason) = (obstacle.place.clone(), obstacle.reason.clone());
                                counts.push((Fixed { layer: graph.label(node), channels: 1, place, reason }, 0));
                            }
                        }
                    }
                    self.fixed.extend(counts.into_iter().map(|(fixed, _)| fixed));
                }
            }
        }
    }
}
