//! Attributes are checked against shapes. Behind an opaque node there are none, so attributes may be nonsense: no pass may rely on them.

use edgectl_graph::pass::CANONICAL;
use edgectl_graph::{Binary, Graph, Op, Opaque, TensorId, Window};

use crate::support::{Build, assert_keeps, binary, clip, conv, transpose};

/// The operators that `f` adds after a tensor of unknown shape.
fn behind_opaque(f: impl FnOnce(&mut Build, TensorId) -> TensorId) -> Graph {
    let mut b = Build::new(&[1]);
    let opaque = Opaque { domain: String::new(), op_type: "Hide".into(), reason: String::new(), payload: [].into() };
    b.graph.add_opaque("hide", opaque, vec![Some(b.x)], vec![], vec![Some(("hidden".into(), None))]);
    let hidden = b.graph.find("hidden").unwrap();
    let y = f(&mut b, hidden);
    b.finish(&[y])
}

fn assert_stays(graph: &Graph) {
    CANONICAL.iter().for_each(|pass| assert_keeps(pass.name(), graph));
}

#[test]
fn an_operator_with_nonsense_attributes_stays() {
    let window = |kernel: &[usize]| Window { pads_end: vec![], ..Window::new(kernel) };
    for op in [
        transpose(&[0, 0]),
        transpose(&[7, 9]),
        Op::Pad { before: vec![], after: vec![0], value: 0.0 },
        Op::AveragePool { pool: Window::new(&[]), include_pad: true },
        Op::MaxPool(window(&[1, 1, 1])),
        Op::ReduceMean { axes: vec![], keep_dims: true },
        Op::Concat { axis: 9 },
    ] {
        assert_stays(&behind_opaque(|b, x| b.node("y", op, &[x])));
    }
}

#[test]
fn a_transpose_that_is_no_permutation_is_not_pushed() {
    assert_stays(&behind_opaque(|b, x| {
        let a = b.node("a", transpose(&[7, 0]), &[x]);
        let c = b.constant("c", &[2, 3]);
        let sum = b.node("sum", binary(Binary::Add), &[a, c]);
        b.node("y", Op::Softmax { axis: 0 }, &[sum])
    }));
    assert_keeps(
        "merge-layout",
        &behind_opaque(|b, x| {
            let a = b.node("a", transpose(&[7, 0]), &[x]);
            let c = b.constant("c", &[2, 3]);
            let sum = b.node("sum", binary(Binary::Add), &[a, c]);
            b.node("y", transpose(&[1, 0]), &[sum])
        }),
    );
}

#[test]
fn padding_of_other_axes_is_not_folded() {
    assert_stays(&behind_opaque(|b, x| {
        let a = b.node("a", Op::Pad { before: vec![0, 0, 1, 1], after: vec![0; 4], value: 0.0 }, &[x]);
        b.node("y", Op::AveragePool { pool: Window::new(&[3]), include_pad: true }, &[a])
    }));
}

#[test]
fn weights_of_any_rank_are_not_folded_into() {
    for shape in [&[][..], &[2], &[2, 3]] {
        assert_stays(&behind_opaque(|b, x| {
            let (w, c) = (b.constant("w", shape), b.constant("c", &[2]));
            let scaled = b.node("scaled", binary(Binary::Mul), &[x, c]);
            let a = b.node("a", conv(Window::new(&[]), 0), &[scaled, w]);
            b.node("y", binary(Binary::Add), &[a, c])
        }));
    }
}

#[test]
fn a_constant_that_may_broadcast_is_no_neutral_element() {
    assert_stays(&behind_opaque(|b, x| {
        let one = b.values("one", &[1, 1], &[1.0]);
        b.node("y", binary(Binary::Mul), &[x, one])
    }));
    assert_keeps(
        "fuse-hard-swish",
        &behind_opaque(|b, x| {
            let (three, six) = (b.values("three", &[2, 1], &[3.0; 2]), b.values("six", &[2, 1], &[6.0; 2]));
            let sum = b.node("sum", binary(Binary::Add), &[x, three]);
            let c = b.node("c", clip(0.0, 6.0), &[sum]);
            b.node("y", binary(Binary::Div), &[c, six])
        }),
    );
}
