//! The fit finds what made the numbers, and pools what cannot be told apart.

use edgectl_profile::fit::{Group, INFERENCE_TERM, Observation, Problem, TERM_COUNT, Terms, costs, sizes};
use edgectl_profile::{OpClass, OpWork, Workload, inner_taps};

/// Sizes that differ from observation to observation, and the cycles that coefficients make of them.
fn observations(coefficients: &Terms, count: usize, group: Vec<usize>) -> Vec<Observation> {
    let observation = |i: usize| {
        let mut sizes = [0.0; TERM_COUNT];
        sizes.iter_mut().enumerate().for_each(|(term, size)| *size = 1e4 * (1 + (i * 7 + term * (i + 3)) % 23) as f64);
        let cycles = sizes.iter().zip(coefficients).map(|(size, coefficient)| size * coefficient).sum();
        Observation { sizes, cycles, groups: group.clone() }
    };
    (0..count).map(observation).collect()
}

fn problem(observations: Vec<Observation>, groups: Vec<Group>) -> Problem {
    Problem { prior: [1.0; TERM_COUNT], groups, observations, noise: 0.01, outlier: 0.1 }
}

const LOOSE: Group = Group { spread: 2.0, kind_spread: 0.0, scale_spread: 3.0 };
const TIGHT: Group = Group { spread: 0.01, kind_spread: 0.01, scale_spread: 0.01 };

/// Between a half and four.
fn truth() -> Terms {
    std::array::from_fn(|term| 0.5 * 8_f64.powf((term * 5 % 18) as f64 / 17.0))
}

#[test]
fn estimates_of_unseen_sizes_are_those_of_the_coefficients_that_made_the_measurements() {
    let mut all = observations(&truth(), 60, vec![0]);
    let unseen = all.split_off(40);
    let solution = problem(all, vec![LOOSE]).solve();
    for observation in unseen {
        let ratio = solution.predict(&observation.sizes, &[0]) / observation.cycles;
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    }
}

#[test]
fn a_wild_measurement_does_not_move_the_others() {
    let mut all = observations(&truth(), 40, vec![0]);
    all[7].cycles *= 20.0;
    let solution = problem(all.clone(), vec![LOOSE]).solve();
    for (index, observation) in all.iter().enumerate().filter(|(index, _)| *index != 7) {
        let ratio = solution.predict(&observation.sizes, &[0]) / observation.cycles;
        assert!((ratio - 1.0).abs() < 0.2, "{index}: {ratio}");
    }
}

#[test]
fn a_group_without_measurements_has_what_its_surroundings_have() {
    let solution = problem(observations(&truth(), 40, vec![0, 1]), vec![LOOSE, TIGHT, TIGHT]).solve();
    assert_eq!(solution.coefficients(&[0, 2]), solution.coefficients(&[0]));
    let [measured, other] = [[0, 1], [0, 2]].map(|groups| solution.coefficients(&groups));
    assert!(measured.iter().zip(&other).all(|(a, b)| (a / b - 1.0).abs() < 0.05), "{measured:?}\n{other:?}");
}

#[test]
fn without_measurements_the_prior_is_all_there_is() {
    assert_eq!(problem(Vec::new(), vec![LOOSE]).solve().coefficients(&[0]), [1.0; TERM_COUNT]);
}

#[test]
fn every_coefficient_of_a_fit_reaches_the_class_that_it_was_fitted_to() {
    let conv = OpWork {
        name: "conv".into(),
        op: "Conv2D".into(),
        class: OpClass::Conv,
        macs: 8 * 8 * 16 * 72,
        outputs: 8 * 8 * 16,
        inputs: 8 * 8 * 8,
        weights: 16 * 73,
        in_channels: 8,
        out_channels: 16,
        kernel: [3, 3],
        stride: [1, 1],
        groups: 1,
        inner_taps: inner_taps([8, 8], [8, 8], [3, 3], [1, 1], [1, 1], [1, 1]),
    };
    let depthwise = OpWork {
        class: OpClass::Depthwise,
        macs: 8 * 8 * 3 * 9,
        outputs: 8 * 8 * 3,
        groups: 3,
        in_channels: 1,
        out_channels: 3,
        ..conv.clone()
    };
    assert_eq!((conv.cost_class(), depthwise.cost_class()), (OpClass::Conv3x3, OpClass::Depthwise));
    // Of 64 pixels, 36 lie inside, 24 on an edge and 4 in a corner.
    assert_eq!(conv.inner_taps, 36 * 9 + 24 * 6 + 4 * 4);
    assert_eq!(depthwise.effective_macs(), conv.inner_taps as f64 * 3.0);
    let [large, large_depthwise] = [&conv, &depthwise].map(|op| OpWork { kernel: [1, 5], ..op.clone() });
    assert_eq!((large.cost_class(), large_depthwise.cost_class()), (OpClass::ConvLarge, OpClass::DepthwiseLarge));
    for op in [conv, depthwise, large, large_depthwise] {
        let class = op.cost_class();
        let mut terms = sizes(&Workload { name: String::new(), ops: vec![op.clone()] }, 1.0);
        // What an inference costs is no operator's.
        assert_eq!(std::mem::take(&mut terms[INFERENCE_TERM]), 1.0);
        let ones = costs(&[1.0; TERM_COUNT]);
        let named = ones.iter().find(|(known, _)| *known == class).expect("the class has costs").1.fields();
        let positive = terms.iter().filter(|size| **size > 0.0).count();
        // Two terms of a convolution are about its weights.
        assert_eq!(named.iter().map(|(_, value)| value).sum::<f64>(), positive as f64, "{class:?}");
        let few = OpWork { in_channels: 3, ..op };
        assert_ne!(few.cost_class(), OpClass::Conv3x3, "few channels have the general kernel");
    }
}

#[test]
fn the_evidence_is_greatest_where_groups_may_depart_as_far_as_they_do() {
    // Two boards, of which one needs thrice as many cycles for everything.
    let slower: Terms = truth().map(|coefficient| 3.0 * coefficient);
    let all: Vec<_> = observations(&truth(), 20, vec![0, 1]).into_iter().chain(observations(&slower, 20, vec![0, 2])).collect();
    let evidence = |scale_spread: f64| {
        let board = Group { spread: 0.01, kind_spread: 0.01, scale_spread };
        problem(all.clone(), vec![LOOSE, board, board]).evidence().expect("there is a minimum")
    };
    let [tied, apt, loose] = [0.01, 0.6, 60.0].map(evidence);
    assert!(apt > tied && apt > loose, "{tied} {apt} {loose}");
}
