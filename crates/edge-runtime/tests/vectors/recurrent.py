"""Seeded configurations of recurrent layers: several invocations of one interpreter, whose state lasts."""

import numpy as np
from single_op import Case, Tensor, f32, schema

# Spread of the gates' arguments: typical, saturating, timid, far beyond the 16 bits of an argument.
SPREADS = [2.0, 8.0, 0.1, 2.0, 60.0]
GATES = 4


def matrix(rng, rows, columns, spread, input_scale):
    data = rng.integers(-127, 128, (rows, columns)).astype(np.int8)
    step = f32(spread / (input_scale * 75 * 75 * np.sqrt(columns)))
    return Tensor([rows, columns], data, scales=[step], constant=True)


def lstm(rng, index):
    """Batch, steps, inputs and units; the cell's scale a power of two; every fifth clips its cell; every third is time major."""
    batch, steps = int(rng.integers(1, 4)), int(rng.integers(1, 7))
    inputs, units = int(rng.integers(1, 26)), int(rng.integers(1, 20))
    time_major, invocations = index % 3 == 2, 1 + index % 3
    spread = SPREADS[index % 5]
    x_scale, x_zero = f32(np.exp(rng.uniform(-6, -2))), int(rng.integers(-128, 128))
    y_scale, y_zero = f32(rng.uniform(0.4, 1.0) / 127), int(rng.integers(-30, 30))
    cell_log2 = -int(rng.integers(9, 16))
    shape = [steps, batch, inputs] if time_major else [batch, steps, inputs]
    x = Tensor(shape, rng.integers(-128, 128, (invocations, *shape)).astype(np.int8), scales=[x_scale], zero_point=x_zero)
    filters = [matrix(rng, units, inputs, spread * rng.uniform(0.5, 1.5), x_scale) for _ in range(GATES)]
    recurrent = [matrix(rng, units, units, spread * rng.uniform(0.3, 1.0), y_scale) for _ in range(GATES)]
    biases = []
    for filter in filters:
        step = f32(x_scale * filter.scales[0])
        data = np.round(rng.normal(size=units) * spread / 2 / step).astype(np.int32)
        biases.append(Tensor([units], data, dtype="int32", scales=[step], constant=True))
    hidden = Tensor([batch, units], np.zeros(0, np.int8), scales=[y_scale], zero_point=y_zero, variable=True)
    cell = Tensor([batch, units], np.zeros(0, np.int16), dtype="int16", scales=[2.0**cell_log2], variable=True)
    clip = f32([0.0, 0.0, 0.5, 0.0, 2.0][index % 5]) if index >= 10 else 0.0
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor, options.cellClip = time_major, clip
    # Operands 9 to 11 are peepholes, 16 and 17 a projection, 20 to 23 layer normalization: none has one.
    order = [*range(9), -1, -1, -1, *range(9, 13), -1, -1, 13, 14, -1, -1, -1, -1]
    attrs = {"time_major": bool(time_major), "cell_clip": clip, "invocations": invocations}
    y = Tensor([*shape[:2], units], scales=[y_scale], zero_point=y_zero)
    gate = Tensor([0], dtype="int16", scales=[2.0**-12])
    between = [gate] * GATES + [Tensor([0], scales=[y_scale], zero_point=y_zero)]
    return Case("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *filters, *recurrent, *biases, hidden, cell], y, attrs, options, order=order,
                intermediates=between)
