//! Outputs shown while a plan runs. Were they all outputs to the engine, it would keep them to the end of the run.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::prelude::{OutletId, TValue, TVec, TractResult, TypedModel, TypedRunnableModel};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::plan::eval;

/// Where a model computes its outputs.
#[derive(Debug)]
pub(crate) struct Shown {
    /// By node: slots and the places of the outputs.
    computed: HashMap<usize, Vec<(usize, usize)>>,
    /// By the engine's outputs: the places, or nothing for those that are shown when they are computed.
    kept: Vec<Option<usize>>,
}

impl Shown {
    /// Leaves a model as outputs what others do not need, and constants, which nothing computes.
    pub(crate) fn new(model: &mut TypedModel) -> TractResult<Shown> {
        let outlets: Vec<OutletId> = model.output_outlets()?.to_vec();
        let (mut shown, mut left) = (Shown { computed: HashMap::new(), kept: vec![] }, vec![]);
        for (place, &outlet) in outlets.iter().enumerate() {
            let constant = model.node(outlet.node).op_is::<Const>();
            if !constant {
                shown.computed.entry(outlet.node).or_default().push((outlet.slot, place));
            }
            if constant || model.outlet_successors(outlet).is_empty() {
                left.push(outlet);
                shown.kept.push(constant.then_some(place));
            }
        }
        model.select_output_outlets(&left)?;
        Ok(shown)
    }

    /// Runs a sample.
    pub(crate) fn run(&self, plan: &Arc<TypedRunnableModel>, inputs: TVec<TValue>, see: &mut dyn FnMut(usize, &[f32])) -> TractResult<()> {
        let mut show = |place: usize, value: &TValue| -> TractResult<()> {
            see(place, value.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?);
            Ok(())
        };
        let kept = plan.spawn()?.run_plan_with_eval(inputs, |context, state, node, inputs| {
            let values = eval(context, state, node, inputs)?;
            for &(slot, place) in self.computed.get(&node.id).into_iter().flatten() {
                show(place, &values[slot])?;
            }
            TractResult::Ok(values)
        })?;
        self.kept.iter().zip(&kept).filter_map(|(place, value)| Some(((*place)?, value))).try_for_each(|(place, value)| show(place, value))
    }
}
