//! The schema's numbers for operators and element types, and their names. Both lists only ever grow at the end.

use std::fmt;

pub(crate) const ABS: i32 = 101;
pub(crate) const ADD: i32 = 0;
pub(crate) const ARG_MAX: i32 = 56;
pub(crate) const ARG_MIN: i32 = 79;
pub(crate) const AVERAGE_POOL_2D: i32 = 1;
pub(crate) const BATCH_MATMUL: i32 = 126;
pub(crate) const CONCATENATION: i32 = 2;
pub(crate) const CONV_2D: i32 = 3;
pub(crate) const COS: i32 = 108;
pub(crate) const CUSTOM: i32 = 32;
pub(crate) const DEPTHWISE_CONV_2D: i32 = 4;
pub(crate) const DEPTH_TO_SPACE: i32 = 5;
pub(crate) const DEQUANTIZE: i32 = 6;
pub(crate) const DIV: i32 = 42;
pub(crate) const ELU: i32 = 111;
pub(crate) const EXP: i32 = 47;
pub(crate) const EXPAND_DIMS: i32 = 70;
pub(crate) const FLOOR: i32 = 8;
pub(crate) const FULLY_CONNECTED: i32 = 9;
pub(crate) const GATHER: i32 = 36;
pub(crate) const GELU: i32 = 150;
pub(crate) const HARD_SWISH: i32 = 117;
pub(crate) const LEAKY_RELU: i32 = 98;
pub(crate) const LOG: i32 = 73;
pub(crate) const LOGISTIC: i32 = 14;
pub(crate) const LOG_SOFTMAX: i32 = 50;
pub(crate) const MAXIMUM: i32 = 55;
pub(crate) const MAX_POOL_2D: i32 = 17;
pub(crate) const MEAN: i32 = 40;
pub(crate) const MINIMUM: i32 = 57;
pub(crate) const MIRROR_PAD: i32 = 100;
pub(crate) const MUL: i32 = 18;
pub(crate) const NEG: i32 = 59;
pub(crate) const PAD: i32 = 34;
pub(crate) const PADV2: i32 = 60;
pub(crate) const PRELU: i32 = 54;
pub(crate) const QUANTIZE: i32 = 114;
pub(crate) const REDUCE_MAX: i32 = 82;
pub(crate) const REDUCE_MIN: i32 = 89;
pub(crate) const RELU6: i32 = 21;
pub(crate) const RELU: i32 = 19;
pub(crate) const RELU_N1_TO_1: i32 = 20;
pub(crate) const RESHAPE: i32 = 22;
pub(crate) const RESIZE_BILINEAR: i32 = 23;
pub(crate) const RESIZE_NEAREST_NEIGHBOR: i32 = 97;
pub(crate) const ROUND: i32 = 116;
pub(crate) const RSQRT: i32 = 76;
pub(crate) const SIN: i32 = 66;
pub(crate) const SLICE: i32 = 65;
pub(crate) const SOFTMAX: i32 = 25;
pub(crate) const SPACE_TO_DEPTH: i32 = 26;
pub(crate) const SPLIT: i32 = 49;
pub(crate) const SPLIT_V: i32 = 102;
pub(crate) const SQRT: i32 = 75;
pub(crate) const SQUARE: i32 = 92;
pub(crate) const SQUEEZE: i32 = 43;
pub(crate) const STRIDED_SLICE: i32 = 45;
pub(crate) const SUB: i32 = 41;
pub(crate) const SUM: i32 = 74;
pub(crate) const TANH: i32 = 28;
pub(crate) const TOPK_V2: i32 = 48;
pub(crate) const TRANSPOSE: i32 = 39;
pub(crate) const TRANSPOSE_CONV: i32 = 67;
pub(crate) const UNIDIRECTIONAL_SEQUENCE_LSTM: i32 = 44;

/// The operators in the order of their codes.
const OPERATORS: &str = "\
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED \
    HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU \
    RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM \
    EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE \
    UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE \
    BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN \
    TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD \
    REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD \
    RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE \
    RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 \
    NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE \
    BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL \
    CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM \
    MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 \
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY \
    STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION \
    STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL \
    STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT \
    STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE \
    STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT \
    STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE \
    STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE";

/// TensorFlow Lite's name of an operator.
pub(crate) fn operator_name(code: i32) -> String {
    let name = usize::try_from(code).ok().and_then(|code| OPERATORS.split(' ').nth(code));
    name.map_or_else(|| format!("number {code}"), str::to_owned)
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type(pub(crate) u8);

impl Type {
    pub(crate) const FLOAT32: Type = Type(0);
    pub(crate) const FLOAT16: Type = Type(1);
    pub(crate) const INT32: Type = Type(2);
    pub(crate) const UINT8: Type = Type(3);
    pub(crate) const INT64: Type = Type(4);
    pub(crate) const BOOL: Type = Type(6);
    pub(crate) const INT16: Type = Type(7);
    pub(crate) const INT8: Type = Type(9);
    pub(crate) const FLOAT64: Type = Type(10);
}

/// The types in the order of their codes.
const TYPES: &str = "\
    float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource variant uint32 uint16 int4 \
    bfloat16 int2 uint4 float8_e4m3fn float8_e5m2";

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.split(' ').nth(self.0.into()) {
            Some(name) => f.write_str(name),
            None => write!(f, "type {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_codes() {
        for (code, name) in [
            (ABS, "ABS"),
            (ELU, "ELU"),
            (EXP, "EXP"),
            (MAXIMUM, "MAXIMUM"),
            (MINIMUM, "MINIMUM"),
            (CUSTOM, "CUSTOM"),
            (QUANTIZE, "QUANTIZE"),
            (ARG_MAX, "ARG_MAX"),
            (ARG_MIN, "ARG_MIN"),
            (COS, "COS"),
            (BATCH_MATMUL, "BATCH_MATMUL"),
            (DEPTH_TO_SPACE, "DEPTH_TO_SPACE"),
            (GATHER, "GATHER"),
            (MIRROR_PAD, "MIRROR_PAD"),
            (REDUCE_MAX, "REDUCE_MAX"),
            (REDUCE_MIN, "REDUCE_MIN"),
            (RESIZE_BILINEAR, "RESIZE_BILINEAR"),
            (RESIZE_NEAREST_NEIGHBOR, "RESIZE_NEAREST_NEIGHBOR"),
            (SLICE, "SLICE"),
            (SPACE_TO_DEPTH, "SPACE_TO_DEPTH"),
            (SPLIT, "SPLIT"),
            (SPLIT_V, "SPLIT_V"),
            (STRIDED_SLICE, "STRIDED_SLICE"),
            (SUM, "SUM"),
            (DIV, "DIV"),
            (FLOOR, "FLOOR"),
            (GELU, "GELU"),
            (LOG, "LOG"),
            (LOG_SOFTMAX, "LOG_SOFTMAX"),
            (NEG, "NEG"),
            (PRELU, "PRELU"),
            (ROUND, "ROUND"),
            (RSQRT, "RSQRT"),
            (SIN, "SIN"),
            (SQRT, "SQRT"),
            (SQUARE, "SQUARE"),
            (TOPK_V2, "TOPK_V2"),
            (TRANSPOSE_CONV, "TRANSPOSE_CONV"),
            (HARD_SWISH, "HARD_SWISH"),
            (205, "REDUCE_WINDOW"),
        ] {
            assert_eq!(operator_name(code), name);
        }
        assert_eq!([operator_name(-1), operator_name(9999)], ["number -1", "number 9999"]);
        assert_eq!([Type::INT8, Type::FLOAT16, Type(18), Type(200)].map(|ty| ty.to_string()), ["int8", "float16", "bfloat16", "type 200"]);
    }
}
