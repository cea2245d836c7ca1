//! Dimensions, shapes and facts.

use std::fmt;
use std::sync::Arc;

use crate::DType;

/// One dimension: a number, or a symbol that stands for a size known only when the model runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A known size; may be zero.
    Fixed(usize),
    /// A named size, e.g. the batch.
    Symbol(Arc<str>),
}

impl Dim {
    /// A symbolic dimension of this name.
    pub fn symbol(name: &str) -> Dim {
        Dim::Symbol(name.into())
    }

    /// The size, where it is known.
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Dim::Fixed(size) => Some(*size),
            Dim::Symbol(_) => None,
        }
    }
}

impl From<usize> for Dim {
    fn from(size: usize) -> Dim {
        Dim::Fixed(size)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(size) => write!(f, "{size}"),
            Dim::Symbol(name) => f.write_str(name),
        }
    }
}

/// The dimensions of a tensor, outermost first. A scalar has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(Vec<Dim>);

impl Shape {
    /// A shape of these dimensions.
    pub fn new(dims: impl IntoIterator<Item = impl Into<Dim>>) -> Shape {
        Shape(dims.into_iter().map(Into::into).collect())
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The sizes, or `None` where a dimension is symbolic.
    pub fn fixed(&self) -> Option<Vec<usize>> {
        self.0.iter().map(Dim::fixed).collect()
    }

    /// The number of elements, or `None` where a dimension is symbolic or the product overflows.
    pub fn elements(&self) -> Option<usize> {
        self.0.iter().try_fold(1usize, |product, dim| product.checked_mul(dim.fixed()?))
    }

    /// The number of elements with each symbolic dimension counted as one (one sample of a batch), or `None` on overflow.
    pub fn elements_per_sample(&self) -> Option<usize> {
        self.0.iter().try_fold(1usize, |product, dim| product.checked_mul(dim.fixed().unwrap_or(1)))
    }

    /// The symbols, sorted.
    pub(crate) fn symbols(&self) -> Vec<&Arc<str>> {
        let mut symbols: Vec<_> = self
            .0
            .iter()
            .filter_map(|dim| match dim {
                Dim::Symbol(name) => Some(name),
                Dim::Fixed(_) => None,
            })
            .collect();
        symbols.sort();
        symbols
    }

    /// This shape with every `symbol` replaced by `size`.
    pub(crate) fn bind(&self, symbol: &str, size: usize) -> Shape {
        Shape(
            self.0
                .iter()
                .map(|dim| match dim {
                    Dim::Symbol(name) if &**name == symbol => Dim::Fixed(size),
                    other => other.clone(),
                })
                .collect(),
        )
    }
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Shape {
        Shape(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if i > 0 { "," } else { "" })?;
        }
        f.write_str("]")
    }
}

/// What is known of a tensor before it is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The type of its elements.
    pub dtype: DType,
    /// Its dimensions.
    pub shape: Shape,
}

impl Fact {
    /// A fact of this type and shape.
    pub fn new(dtype: DType, shape: Shape) -> Fact {
        Fact { dtype, shape }
    }

    /// A float32 fact.
    pub fn f32(shape: Shape) -> Fact {
        Fact { dtype: DType::F32, shape }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}
