#!/usr/bin/env python3
"""Makes the models of this folder and what onnxruntime computes with them. Seeded: twice gives the same bytes.

Usage: "$(./setup.sh)" generate.py
"""

import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

import models

HERE = pathlib.Path(__file__).parent
SAMPLES = 6
CALIBRATION = 32


class Reader(CalibrationDataReader):
    def __init__(self, samples):
        self.samples = iter(samples)

    def get_next(self):
        return next(({"x": sample} for sample in self.samples), None)


def samples(shape, count, seed):
    return np.random.default_rng(seed).normal(0.2, 1, (count, *shape)).astype(np.float32)


def shape_of(model):
    return [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]


def run(model, batches):
    """The outputs, one after the other, of each sample. Without fusion: the arithmetic is what the model's text says."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [[value.astype(np.float32).ravel() for value in session.run(None, {"x": batch})] for batch in batches]
    return np.concatenate([np.concatenate(values) for values in outputs])


def store(name, model, batches):
    onnx.checker.check_model(model, full_check=True)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    values = np.concatenate([batches.ravel(), run(model, batches)])
    values.astype("<f4").tofile(HERE / f"{name}.bin")


def quantized(model, activations, per_channel):
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "float.onnx"), pathlib.Path(folder, "int8.onnx")
        onnx.save(model, source)
        quantize_static(
            source,
            target,
            Reader(samples(shape_of(model), CALIBRATION, 100)),
            quant_format=QuantFormat.QDQ,
            activation_type=activations,
            weight_type=QuantType.QInt8,
            per_channel=per_channel,
        )
        result = onnx.load(target)
    # What nothing reads here, and takes most of the bytes.
    del result.graph.value_info[:]
    del result.metadata_props[:]
    return result


def main():
    for make in models.FLOAT:
        model = make()
        batches = samples(shape_of(model), SAMPLES, 200)
        for activations, kind in [(QuantType.QInt8, "s8"), (QuantType.QUInt8, "u8")]:
            for per_channel, scales in [(True, "channel"), (False, "tensor")]:
                store(f"{make.__name__}_{kind}_{scales}", quantized(model, activations, per_channel), batches)
    for make in models.PAIRED:
        model = make()
        batches = samples(shape_of(model), SAMPLES, 200)
        if model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8:
            batches = np.random.default_rng(201).integers(0, 256, batches.shape, np.uint8)
        store(make.__name__, model, batches)
    print(sum(path.stat().st_size for path in HERE.iterdir() if path.suffix in (".onnx", ".bin")), "bytes")


if __name__ == "__main__":
    main()
