//! Metrics: known values, ties, merging in any order, and what cannot be measured.
#![allow(clippy::unwrap_used)]

use edgectl_data::{Agreement, Metric, MetricError, MetricKind, Reference};
use proptest::prelude::*;

/// Feeds (output, reference, label) and finishes.
fn measure(kind: MetricKind, samples: &[(&[f32], &[f32], Option<i64>)]) -> Result<f64, MetricError> {
    let mut metric = Metric::new(kind);
    for &(output, reference, label) in samples {
        metric.update(output, reference, label)?;
    }
    metric.finish().map(|value| value.value)
}

#[track_caller]
fn refuses(kind: MetricKind, samples: &[(&[f32], &[f32], Option<i64>)], message: &str) {
    assert_eq!(measure(kind, samples).unwrap_err().to_string(), message);
}

#[test]
fn names_parse_and_print() {
    for kind in MetricKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    let error = "f1".parse::<MetricKind>().unwrap_err();
    assert_eq!(error.to_string(), "`f1` is not a metric, expected auc, auc-reconstruction, mse, top1 or top5");
    assert_eq!(MetricKind::AucReconstruction.reference(), Reference::Input);
}

#[test]
fn top1_gives_ties_to_the_lowest_index() {
    let tie = [0.5, 0.5, 0.1];
    assert_eq!(measure(MetricKind::Top1, &[(&tie, &[], Some(0))]), Ok(1.0));
    assert_eq!(measure(MetricKind::Top1, &[(&tie, &[], Some(1))]), Ok(0.0));
    assert_eq!(measure(MetricKind::Top1, &[(&tie, &[], Some(0)), (&tie, &[], Some(2))]), Ok(0.5));
}

#[test]
fn top5_counts_the_five_largest() {
    let falling = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
    assert_eq!(measure(MetricKind::Top5, &[(&falling, &[], Some(4))]), Ok(1.0));
    assert_eq!(measure(MetricKind::Top5, &[(&falling, &[], Some(5))]), Ok(0.0));
    assert_eq!(measure(MetricKind::Top5, &[(&[0.0; 6], &[], Some(5))]), Ok(0.0));
    refuses(MetricKind::Top5, &[(&[0.0; 5], &[], Some(0))], "metric top5 needs more than 5 outputs, found 5");
}

#[test]
fn proportions_carry_an_interval() {
    let mut metric = Metric::new(MetricKind::Top1);
    for hit in 0..25 {
        metric.update(&[1.0, 0.0], &[], Some(i64::from(hit >= 22))).unwrap();
    }
    let value = metric.finish().unwrap();
    assert_eq!((value.kind, value.value, value.samples), (MetricKind::Top1, 0.88, 25));
    let interval = value.interval.unwrap();
    assert!((interval.low - 0.70044).abs() < 1e-5 && (interval.high - 0.95833).abs() < 1e-5, "{interval:?}");
}

#[test]
fn reconstruction_scores_by_squared_error() {
    let input = [1.0, 2.0];
    let samples: [(&[f32], &[f32], _); 4] =
        [(&[1.0, 2.0], &input, Some(0)), (&[1.0, 4.0], &input, Some(1)), (&[2.0, 2.0], &input, Some(0)), (&[0.0, 2.0], &input, Some(1))];
    // Scores 0, 2, 0.5, 0.5: of four pairs three are in order and one is tied.
    assert_eq!(measure(MetricKind::AucReconstruction, &samples), Ok(0.875));
    assert_eq!(measure(MetricKind::Mse, &samples), Ok(0.75));
}

#[test]
fn what_cannot_be_measured() {
    let one: &[f32] = &[0.5];
    for kind in MetricKind::ALL {
        refuses(kind, &[], &format!("metric {kind} has no samples"));
        let message = format!("metric {kind} needs labels, found none");
        let unlabelled = measure(kind, &[(&[0.0; 6][..2 + 4 * usize::from(kind == MetricKind::Top5)], &[0.0; 2], None)]);
        assert_eq!(unlabelled.err().map(|error| error.to_string()), kind.needs_labels().then_some(message));
    }
    refuses(MetricKind::Top1, &[(&[0.1, 0.9], &[], Some(2))], "label 2 is out of range for 2 classes");
    refuses(MetricKind::Top1, &[(&[0.1, 0.9], &[], Some(-1))], "label -1 is out of range for 2 classes");
    refuses(MetricKind::Top1, &[(&[], &[], Some(0))], "label 0 is out of range for 0 classes");
    refuses(MetricKind::Auc, &[(one, &[], Some(2))], "label 2 is out of range for 2 classes");
    refuses(MetricKind::Auc, &[(&[0.0; 3], &[], Some(0))], "metric auc needs 1 or 2 outputs, found 3");
    let ones = "metric auc needs samples of both classes, found 2 of class 1 only";
    refuses(MetricKind::Auc, &[(one, &[], Some(1)), (one, &[], Some(1))], ones);
    let zeros = "metric auc needs samples of both classes, found 1 of class 0 only";
    refuses(MetricKind::Auc, &[(one, &[], Some(0))], zeros);
    refuses(MetricKind::Mse, &[(one, &[0.0, 0.0], None)], "outputs of 1 values are compared with 2");
    refuses(MetricKind::Top1, &[(&[0.0, f32::NAN], &[], Some(0))], "output 1 is NaN, expected a finite number");
    let mut metric = Metric::new(MetricKind::Top1);
    let error = metric.merge(Metric::new(MetricKind::Top5)).unwrap_err();
    assert_eq!(error.to_string(), "metric top1 cannot be merged with top5");
}

#[test]
fn agreement_without_labels() {
    let mut agreement = Agreement::new();
    assert_eq!(agreement.finish(), None);
    agreement.update(&[3.0, 4.0], &[3.0, 4.0]).unwrap();
    assert_eq!(agreement.finish().unwrap().snr_db, None);
    agreement.update(&[5.0, 0.0], &[5.0, 5.5]).unwrap();
    let value = agreement.finish().unwrap();
    assert_eq!((value.samples, value.top1, value.mse, value.max_abs_error), (2, 0.5, 30.25 / 4.0, 5.5));
    assert_eq!(value.snr_db, Some(10.0 * (50.0_f64 / 30.25).log10()));
    let error = agreement.update(&[1.0], &[]).unwrap_err();
    assert_eq!(error.to_string(), "outputs of 0 values are compared with 1");
}

proptest! {
    #[test]
    fn merging_parts_in_any_order_gives_the_same_bits(
        samples in prop::collection::vec((prop::array::uniform6(-1e6_f32..1e6), 0_i64..2), 2..40),
        parts in prop::collection::vec(0_usize..4, 40),
        kind in prop::sample::select(&MetricKind::ALL[..]),
    ) {
        let outputs = |sample: &[f32; 6]| if kind == MetricKind::Auc { sample[..2].to_vec() } else { sample.to_vec() };
        let reference: Vec<f32> = outputs(&[1.0; 6]);
        let mut whole = Metric::new(kind);
        let mut pieces = vec![Metric::new(kind); 4];
        let mut whole_agreement = Agreement::new();
        let mut agreements = vec![Agreement::new(); 4];
        for ((sample, label), &part) in samples.iter().zip(&parts) {
            let output = outputs(sample);
            whole.update(&output, &reference, Some(*label)).unwrap();
            pieces[part].update(&output, &reference, Some(*label)).unwrap();
            whole_agreement.update(&output, &reference).unwrap();
            agreements[part].update(&output, &reference).unwrap();
        }
        let merged = pieces.into_iter().rev().reduce(|mut all, piece| { all.merge(piece).unwrap(); all }).unwrap();
        prop_assert_eq!(merged.finish(), whole.finish());
        let merged = agreements.into_iter().rev().reduce(|mut all, piece| { all.merge(piece); all }).unwrap();
        prop_assert_eq!(merged.finish(), whole_agreement.finish());
    }

    #[test]
    fn auc_is_the_share_of_ordered_pairs(scores in prop::collection::vec((0_u8..20, any::<bool>()), 2..60)) {
        let mut metric = Metric::new(MetricKind::Auc);
        for &(score, positive) in &scores {
            metric.update(&[f32::from(score)], &[], Some(i64::from(positive))).unwrap();
        }
        let of = |class: bool| scores.iter().filter(move |(_, positive)| *positive == class).map(|&(score, _)| score);
        let pairs = of(true).flat_map(|high| of(false).map(move |low| (high, low)));
        let halves: usize = pairs.clone().map(|(high, low)| 2 * usize::from(high > low) + usize::from(high == low)).sum();
        let expected = (pairs.clone().count() > 0).then(|| halves as f64 / (2 * pairs.count()) as f64);
        prop_assert_eq!(metric.finish().ok().map(|value| value.value), expected);
    }
}
