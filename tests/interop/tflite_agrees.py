"""`edgectl run` of every int8 .tflite in `../shared/models` gives the bytes that TensorFlow Lite Micro's reference kernels give.

All evaluation data that lies beside a model is run, and 200 random inputs. LiteRT is run twice, with the kernels that it names reference ones
and as it comes, with XNNPACK: its dense layers round otherwise in both, the rest in the latter only. For how many inputs an output differs
from ours, and by how much at most, is printed and asserted of nobody. `--limit N` takes the first N samples of each model.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from common import CASES, MODELS, edgectl, require_models, table

RANDOM = 200


def samples(path, details, limit):
    """Inputs of a model as int8: its evaluation data, if there is some, then random ones."""
    shape, (scale, zero_point) = details["shape"][1:], details["quantization"]
    noise = np.random.default_rng(7).integers(-128, 128, (RANDOM, *shape)).astype(np.int8)
    case = next((case for case in CASES if path.parent.name == case.data and case.data_path("eval").exists()), None)
    if case is None:
        return noise, 0
    real = case.prepared(case.stored("eval", limit)[0]).reshape(-1, *shape)
    return np.concatenate([np.clip(np.rint(real / scale) + zero_point, -128, 127).astype(np.int8), noise]), len(real)


def litert(path, x, resolver):
    """Outputs of LiteRT as int8, or what it says where it refuses the model."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=OpResolverType[resolver])
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        return str(error).splitlines()[0]
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    outputs = []
    for sample in x:
        interpreter.set_tensor(source, sample[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target)[0].copy())
    return np.stack(outputs)


def micro(path, x):
    """Outputs of TensorFlow Lite Micro as int8."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path))
    outputs = []
    for sample in x:
        interpreter.set_input(sample[None], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0)[0].copy())
    return np.stack(outputs)


def details(path):
    """Input and output of a model: shape and quantization."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path))
    found = []
    for tensor in (interpreter.get_input_details(0), interpreter.get_output_details(0)):
        parameters = tensor["quantization_parameters"]
        quantization = float(parameters["scales"][0]), int(parameters["zero_points"][0])
        found.append({"shape": tuple(tensor["shape"]), "quantization": quantization})
    return found


def ours(path, x, source, target):
    """Outputs of `edgectl run` as int8: both ways through real numbers, of which each stands for one of int8."""
    scale, zero_point = source["quantization"]
    with tempfile.TemporaryDirectory() as folder:
        data, outputs = Path(folder) / "x.npy", Path(folder) / "y.npy"
        np.save(data, (np.float32(scale) * (x.astype(np.int32) - zero_point)).astype(np.float32))
        layout = ("--layout", "nhwc", "--model-layout", "nhwc") if x.ndim == 4 else ()
        done = edgectl("run", path, "--input", data, *layout, "--output", outputs)
        if done.status != 0:
            raise RuntimeError(str(done))
        y = np.load(outputs)
    scale, zero_point = target["quantization"]
    return (np.rint(y / np.float32(scale)) + zero_point).astype(np.int8).reshape(len(x), *target["shape"][1:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=1_000_000)
    limit = parser.parse_args().limit
    require_models()
    rows, failed = [], False
    for path in sorted(MODELS.glob("*/*int8.tflite")):
        source, target = details(path)
        x, real = samples(path, source, limit)
        y = ours(path, x, source, target)
        row = [str(path.relative_to(MODELS)), str(real), str(len(x) - real)]
        peers = [micro(path, x), litert(path, x, "BUILTIN_REF"), litert(path, x, "AUTO")]
        for index, peer in enumerate(peers):
            if isinstance(peer, str):
                row.append("refused")
                continue
            far = np.abs(y.astype(np.int32) - peer).reshape(len(x), -1).max(axis=1)
            row.append(f"{np.count_nonzero(far)} by {far.max()}" if far.any() else "0")
            failed |= index == 0 and bool(far.any())
        rows.append(row)
    table(["model", "samples", "random", "differ: TFLM", "LiteRT reference", "LiteRT with XNNPACK"], rows)
    sys.exit(failed)


if __name__ == "__main__":
    main()
