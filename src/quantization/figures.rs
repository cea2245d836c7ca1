//! Float against int8, in a report.

use serde::Serialize;

use crate::eval::Evaluation;
use crate::explanation;
use crate::ui::metric::{Agreement, Value};
use crate::ui::{Table, percent_points};

/// Float against int8 on the evaluation samples.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// The metric; `agreement` where none could be measured.
    name: &'static str,
    pub(super) samples: usize,
    float: Option<f64>,
    int8: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    float_interval_95: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    int8_interval_95: Option<[f64; 2]>,
    /// Share of samples for which float and int8 give the same class; absent where the first output is no list of classes.
    agreement: Option<f64>,
    pub(super) outputs: Vec<Agreement>,
    /// Classes that int8 loses, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) collapses: Vec<String>,
    #[serde(skip)]
    pub(super) values: Option<(Value, Value)>,
    /// That of int8, where there is none of float.
    #[serde(skip)]
    only: Option<Value>,
}

impl Figures {
    pub(crate) fn new(found: &Evaluation) -> Figures {
        let int8 = found.metric.as_ref().map(Value::from);
        // A metric that compares with the float model has no value for that model itself.
        let float = found.reference_metric.as_ref().map(Value::from);
        let outputs: Vec<Agreement> = found.agreement.iter().map(Agreement::from).collect();
        Figures {
            name: int8.as_ref().map_or("agreement", |value| value.name),
            samples: found.samples,
            float: float.as_ref().map(|value| value.value),
            int8: int8.as_ref().map(|value| value.value),
            float_interval_95: float.as_ref().and_then(|value| value.interval_95),
            int8_interval_95: int8.as_ref().and_then(|value| value.interval_95),
            agreement: outputs.first().and_then(|output| output.top1),
            only: int8.clone().filter(|_| float.is_none()),
            collapses: explanation::collapses(found),
            values: float.zip(int8),
            outputs,
        }
    }

    /// Fills a table with the columns of names, float, int8 and remarks.
    pub(crate) fn rows(&self, table: &mut Table) {
        if let Some((float, int8)) = &self.values {
            table.row([float.name.into(), float.shown(), int8.shown(), percent_points(int8.value - float.value)]);
            if let (Some(float), Some(int8)) = (float.interval(), int8.interval()) {
                table.row(["95 % interval".into(), float, int8, String::new()]);
            }
        } else if let Some(int8) = &self.only {
            table.row([int8.name.into(), String::new(), int8.with_interval(), String::new()]);
        }
        for output in &self.outputs {
            table.row(["agreement".into(), String::new(), output.shown(), output.explanation()]);
        }
    }
}
