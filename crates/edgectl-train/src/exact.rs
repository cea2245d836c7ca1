//! Numbers in JSON by their bits: from text, the last digit may come back as another one.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{EpochRow, Score};

#[derive(Serialize, Deserialize)]
struct Row {
    epoch: usize,
    learning_rate: u64,
    train: Option<(u64, Option<u64>)>,
    validation: Option<(u64, Option<u64>)>,
}

impl From<&EpochRow> for Row {
    fn from(row: &EpochRow) -> Row {
        let bits = |score: Score| (score.loss.to_bits(), score.top1.map(f64::to_bits));
        let EpochRow { epoch, learning_rate, train, validation } = *row;
        Row { epoch, learning_rate: learning_rate.to_bits(), train: train.map(bits), validation: validation.map(bits) }
    }
}

impl From<Row> for EpochRow {
    fn from(row: Row) -> EpochRow {
        let score = |(loss, top1): (u64, Option<u64>)| Score { loss: f64::from_bits(loss), top1: top1.map(f64::from_bits) };
        let Row { epoch, learning_rate, train, validation } = row;
        EpochRow { epoch, learning_rate: f64::from_bits(learning_rate), train: train.map(score), validation: validation.map(score) }
    }
}

/// For `#[serde(with)]` of a number.
pub(crate) mod number {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_bits())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// For `#[serde(with)]` of what can be iterated over.
pub(crate) mod rows {
    use super::*;

    pub(crate) fn serialize<'a, S: Serializer, R>(rows: &'a R, serializer: S) -> Result<S::Ok, S::Error>
    where
        &'a R: IntoIterator<Item = &'a EpochRow>,
    {
        serializer.collect_seq(rows.into_iter().map(Row::from))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, R: FromIterator<EpochRow>>(deserializer: D) -> Result<R, D::Error> {
        Ok(Vec::<Row>::deserialize(deserializer)?.into_iter().map(EpochRow::from).collect())
    }
}
