//! Transposes and reshapes.

use edgectl_graph::{Binary, Op, Unary};

use crate::support::{Build, assert_keeps, assert_rewrites, binary, nodes, relu, reshape, transpose};

const TO_NHWC: &[usize] = &[0, 2, 3, 1];
const TO_NCHW: &[usize] = &[0, 3, 1, 2];

#[test]
fn neighbours_merge() {
    let mut b = Build::new(&[2, 3, 4]);
    let a = b.node("a", transpose(&[1, 2, 0]), &[b.x]);
    let y = b.node("y", transpose(&[0, 2, 1]), &[a]);
    assert_rewrites("merge-layout", &b.finish(&[y]), &["y: f32[3,2,4] = Transpose {perm=[1, 0, 2]}(x)"]);

    let mut b = Build::new(&[2, 3, 4]);
    let a = b.node("a", reshape(&[6, 4]), &[b.x]);
    let y = b.node("y", reshape(&[8, 3]), &[a]);
    // The first stays for its other reader.
    let z = b.node("z", relu(), &[a]);
    assert_rewrites("merge-layout", &b.finish(&[y, z]), &["a: f32[6,4] = Reshape(x)", "y: f32[8,3] = Reshape(x)", "z: f32[6,4] = Relu(a)"]);
}

#[test]
fn moving_unit_dimensions_is_a_reshape() {
    let mut b = Build::new(&[1, 3, 1, 4]);
    let y = b.node("y", transpose(&[1, 0, 3, 2]), &[b.x]);
    assert_rewrites("merge-layout", &b.finish(&[y]), &["y: f32[3,1,4,1] = Reshape(x)"]);
    let mut b = Build::new(&[1, 3, 1, 4]);
    let y = b.node("y", transpose(&[0, 3, 2, 1]), &[b.x]);
    assert_keeps("merge-layout", &b.finish(&[y]));
}

#[test]
fn transposes_meet_below_elementwise_nodes() {
    let mut b = Build::new(&[1, 2, 3, 4]);
    let a = b.node("a", transpose(TO_NHWC), &[b.x]);
    let bias = b.constant("bias", &[2]);
    let half = b.values("half", &[1, 1], &[0.5]);
    let sum = b.node("sum", binary(Binary::Sub), &[bias, a]);
    let scaled = b.node("scaled", binary(Binary::Mul), &[sum, half]);
    let active = b.node("active", Op::Unary(Unary::Sigmoid), &[scaled]);
    let back = b.node("back", transpose(TO_NCHW), &[active]);
    let y = b.node("y", Op::GlobalAveragePool, &[back]);
    let before = b.finish(&[y]);
    let after = assert_rewrites(
        "merge-layout",
        &before,
        &[
            "a: f32[1,2,3,4] = Sub(bias, x)",
            "sum: f32[1,2,3,4] = Mul(a, half)",
            "scaled: f32[1,2,3,4] = Sigmoid(sum)",
            "back: f32[1,2,3,4] = Transpose {perm=[0, 1, 2, 3]}(scaled)",
            "y: f32[1,2,1,1] = GlobalAveragePool(back)",
        ],
    );
    assert_eq!(after.nodes()[0].name, "sum");
    assert_rewrites(
        "remove-identity",
        &after,
        &[
            "a: f32[1,2,3,4] = Sub(bias, x)",
            "sum: f32[1,2,3,4] = Mul(a, half)",
            "scaled: f32[1,2,3,4] = Sigmoid(sum)",
            "y: f32[1,2,1,1] = GlobalAveragePool(scaled)",
        ],
    );
}

#[test]
fn equal_transposes_of_both_operands_join() {
    let mut b = Build::new(&[1, 2, 3, 4]);
    let r = b.node("r", relu(), &[b.x]);
    let left = b.node("left", transpose(TO_NHWC), &[b.x]);
    let right = b.node("right", transpose(TO_NHWC), &[r]);
    let y = b.node("y", binary(Binary::Add), &[left, right]);
    assert_rewrites(
        "merge-layout",
        &b.finish(&[y]),
        &["r: f32[1,2,3,4] = Relu(x)", "left: f32[1,2,3,4] = Add(x, r)", "y: f32[1,3,4,2] = Transpose {perm=[0, 2, 3, 1]}(left)"],
    );
}

#[test]
fn a_transpose_stays_where_pushing_gains_nothing() {
    // No other transpose below.
    let mut b = Build::new(&[1, 2, 3, 4]);
    let a = b.node("a", transpose(TO_NHWC), &[b.x]);
    let y = b.node("y", relu(), &[a]);
    assert_keeps("merge-layout", &b.finish(&[y]));
    // Another reader; an output in between; an operand in another layout; a reader of the last elementwise node.
    for case in 0..4 {
        let mut b = Build::new(&[1, 3, 3, 3]);
        let a = b.node("a", transpose(TO_NHWC), &[b.x]);
        let r = match case {
            2 => b.node("r", binary(Binary::Add), &[a, b.x]),
            _ => b.node("r", relu(), &[a]),
        };
        let y = b.node("y", transpose(TO_NCHW), &[r]);
        let z = b.node("z", relu(), &[if case == 3 { r } else { a }]);
        let outputs = [vec![y, z], vec![y, a], vec![y], vec![y, z]][case].clone();
        assert_keeps("merge-layout", &b.finish(&outputs));
    }
    // Both operands transposed, but not in the same way.
    let mut b = Build::new(&[2, 3, 3, 3]);
    let r = b.node("r", relu(), &[b.x]);
    let left = b.node("left", transpose(TO_NHWC), &[b.x]);
    let right = b.node("right", transpose(TO_NCHW), &[r]);
    let y = b.node("y", binary(Binary::Add), &[left, right]);
    assert_keeps("merge-layout", &b.finish(&[y]));
    // A constant of higher rank.
    let mut b = Build::new(&[2, 3]);
    let a = b.node("a", transpose(&[1, 0]), &[b.x]);
    let c = b.constant("c", &[1, 1, 1]);
    let sum = b.node("sum", binary(Binary::Add), &[a, c]);
    let y = b.node("y", transpose(&[0, 2, 1]), &[sum]);
    let graph = b.finish(&[y]);
    assert_keeps("merge-layout", &graph);
    assert_eq!(nodes(&graph).len(), 3);
}
