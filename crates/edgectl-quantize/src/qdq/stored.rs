//! Quantized constants, as the model stores them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use edgectl_graph::{DType, Graph, Literal, Node, Op, QuantParams};

use super::QdqError;
use super::stated::Params;

/// How many elements in a row have the same parameters, for one scale or one per element of `axis`.
pub(super) fn elements_per_step(shape: &[usize], scales: usize, axis: usize) -> Option<usize> {
    let inner = match scales {
        1 => shape,
        scales if shape.get(axis) == Some(&scales) => &shape[axis + 1..],
        _ => return None,
    };
    // Without elements, the other dimensions may be so great that their product overflows.
    Some(inner.iter().fold(1, |product: usize, &dim| product.saturating_mul(dim)).max(1))
}

/// A constant behind a `DequantizeLinear`.
pub(super) struct Entry {
    /// The name of its float form.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// The type in which it is stored.
    pub(super) dtype: DType,
    /// `q - zero_point`, in the order of the shape.
    pub(super) steps: Vec<i32>,
    /// `scale * steps`
    pub(super) real: Vec<f32>,
    /// One, or one per element of `axis`.
    pub(super) scales: Vec<f32>,
    pub(super) axis: usize,
    /// Where it has one scale and 8 bits.
    pub(super) params: Option<QuantParams>,
}

impl Entry {
    fn of(graph: &Graph, node: &Node, axis: usize, literal: &Literal) -> Result<Entry, QdqError> {
        let bad = |expected, found| QdqError::Params { node: graph.label(node), op: node.op.name().into(), expected, found };
        let params = Params::of(graph, node)?;
        let integers = literal.to_i64s().filter(|_| matches!(literal.dtype(), DType::I8 | DType::U8 | DType::I32));
        let integers = integers.ok_or_else(|| bad("a constant of int8, uint8 or int32", literal.dtype().to_string()))?;
        let inner = elements_per_step(literal.shape(), params.scales.len(), axis)
            .ok_or_else(|| bad("one scale, or one per element of its axis", format!("{} scales", params.scales.len())))?;
        let channel = |index: usize| index / inner % params.scales.len();
        let steps = integers.iter().enumerate().map(|(index, q)| i32::try_from(q - params.zero_points[channel(index)]));
        let steps: Vec<i32> = steps.collect::<Result<_, _>>().map_err(|_| bad("q - zero_point within int32", "more".into()))?;
        let real = |(index, &steps): (usize, &i32)| (f64::from(steps) * f64::from(params.scales[channel(index)])) as f32;
        let real: Vec<f32> = steps.iter().enumerate().map(real).collect();
        let name = node.output().map_or_else(String::new, |id| graph.tensor(id).name.clone());
        if let Some(element) = real.iter().position(|value| !value.is_finite()) {
            return Err(QdqError::ConstantNotFinite { tensor: name, element, value: real[element] });
        }
        let (shape, dtype, per_tensor) = (literal.shape().to_vec(), literal.dtype(), params.per_tensor_i8());
        Ok(Entry { name, shape, dtype, steps, real, scales: params.scales, axis, params: per_tensor })
    }

    /// Whether float values are exactly those that this entry stands for.
    pub(super) fn stands_for(&self, values: &[f32]) -> bool {
        self.real == values
    }
}

/// All quantized constants of a graph, found again by what they stand for: the passes fold, reshape and transpose constants.
pub(super) struct Stored {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    by_value: HashMap<u64, Vec<usize>>,
}

impl Stored {
    /// The constants behind every `DequantizeLinear`.
    pub(super) fn collect(graph: &Graph) -> Result<Stored, QdqError> {
        let mut stored = Stored { entries: vec![], by_name: HashMap::new(), by_value: HashMap::new() };
        for node in graph.nodes() {
            let Op::Dequantize { axis } = node.op else { continue };
            let Some(literal) = node.input(0).and_then(|id| graph.literal(id)) else { continue };
            let entry = Entry::of(graph, node, axis, literal)?;
            stored.by_name.insert(entry.name.clone(), stored.entries.len());
            stored.by_value.entry(hash(&entry.real)).or_default().push(stored.entries.len());
            stored.entries.push(entry);
        }
        Ok(stored)
    }

    /// The number of quantized constants.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of this name, which passes may have scaled.
    pub(super) fn named(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).map(|&index| &self.entries[index])
    }

    /// The entries that stand for exactly these values, that of this name first.
    pub(super) fn exactly<'a>(&'a self, name: &str, values: &'a [f32]) -> impl Iterator<Item = &'a Entry> {
        let same = self.by_value.get(&hash(values)).into_iter().flatten().map(|&index| &self.entries[index]);
        self.named(name).into_iter().chain(same).filter(|entry| entry.stands_for(values))
    }
}

fn hash(values: &[f32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Zeros of either sign are equal.
    values.iter().for_each(|value| (value + 0.0).to_bits().hash(&mut hasher));
    hasher.finish()
}
