"""Records what TFLite Micro's reference kernels compute for whole int8 models; README.md has the format.

generate.py MODELS [--out FOLDER] [--real N] [--random N]
"""

import argparse
import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

HERE = Path(__file__).parent

# The model, and where real inputs for it are: a .npy with the factor that it is fed with, or pictures.
MODELS = {
    "digits_mlp": ("digits_mlp/ref_int8.tflite", "digits_mlp/eval_x.npy", 1.0),
    "fmnist_student": ("fmnist/student_ref_int8.tflite", "fmnist/eval_x.npy", 1 / 255),
    "fmnist_teacher": ("fmnist/teacher_ref_int8.tflite", "fmnist/eval_x.npy", 1 / 255),
    "hello_world": ("misc/hello_world_int8.tflite", None, None),
    "kws_dscnn": ("kws_dscnn/ref_int8.tflite", "kws_dscnn/eval_x.npy", 1.0),
    "micro_speech": ("misc/micro_speech_int8.tflite", None, None),
    "nab_machine_temp_ae": ("nab_machine_temp_ae/ref_int8.tflite", "nab_machine_temp_ae/eval_x.npy", 1.0),
    "person_detect": ("misc/person_detect_int8.tflite", ["misc/person.bmp", "misc/no_person.bmp"], None),
}
# Operators whose output has the bytes of its input; a program need not compute it.
VIEWS = {schema.BuiltinOperator.RESHAPE, schema.BuiltinOperator.SQUEEZE, schema.BuiltinOperator.EXPAND_DIMS}


def real_inputs(folder, source, factor, scale, zero_point, count):
    """int8 inputs from real data, evenly spread over the data set."""
    if source is None:
        return []
    if isinstance(source, list):  # uncompressed 8-bit pictures, of which bottom-up rows are at the end of the file
        pictures = [np.frombuffer((folder / name).read_bytes(), np.uint8)[-96 * 96:] for name in source]
        return [(p.reshape(96, 96)[::-1].astype(int) - 128).astype(np.int8) for p in pictures][:count]
    data = np.load(folder / source, mmap_mode="r")
    rows = np.unique(np.linspace(0, len(data) - 1, count).astype(int))
    real = np.asarray(data[rows], np.float32) * np.float32(factor)
    return list(np.clip(np.round(real / np.float32(scale)) + zero_point, -128, 127).astype(np.int8))


def random_input(seed, size, zero_point):
    """Input number `seed`, from 1 on: xorshift64* bytes, held for some elements and more or less near to the zero point."""
    hold, spread = [1, 7, 40][seed % 3], [256, 64, 16, 4][seed % 4]
    state, mask, bytes_ = seed, (1 << 64) - 1, []
    for _ in range(-(-size // hold)):
        state ^= state >> 12
        state = (state ^ state << 25) & mask
        state ^= state >> 27
        bytes_.append((state * 0x2545F4914F6CDD1D & mask) >> 56)
    noise = np.repeat(np.array(bytes_, np.uint8).view(np.int8).astype(int), hold)[:size]
    centre = 0 if spread == 256 else zero_point
    return np.clip(centre + (noise * spread >> 8), -128, 127).astype(np.int8)


def generate(name, folder, out, real, random):
    path, source, factor = MODELS[name]
    model_bytes = (folder / path).read_bytes()
    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model_bytes, 0))
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in graph.operatorCodes]
    graph = graph.subgraphs[0]
    computed = [op.outputs[0] for op in graph.operators if codes[op.opcodeIndex] not in VIEWS]
    names = {t: graph.tensors[t].name.decode() for t in computed if t not in graph.outputs}
    assert len(set(names.values())) == len(names), "two tensors of one name"

    interpreter = runtime.Interpreter.from_bytes(
        model_bytes, arena_size=1 << 22, intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors)
    details = interpreter.get_input_details(0)
    scale, zero_point = (details["quantization_parameters"][key][0] for key in ("scales", "zero_points"))
    shape, zero_point = details["shape"], int(zero_point)
    inputs = real_inputs(folder, source, factor, scale, zero_point, real)
    record = {"model": path, "sha256": hashlib.sha256(model_bytes).hexdigest(), "real": [x.tobytes().hex() for x in inputs]}
    inputs += [random_input(seed, int(np.prod(shape)), zero_point) for seed in range(1, random + 1)]
    digests, outputs = dict.fromkeys(names, 0), []
    for x in inputs:
        interpreter.set_input(x.reshape(shape), 0)
        interpreter.invoke()
        outputs.append(np.array(interpreter.get_output(0)).tobytes().hex())
        for tensor in digests:
            data = np.array(interpreter.GetTensor(tensor, 0)["tensor_data"])
            digests[tensor] = zlib.crc32(data.tobytes(), digests[tensor])
    record |= {"random": random, "tensors": {names[t]: f"{d:08x}" for t, d in digests.items()}, "outputs": outputs}
    target = out / f"{name}.json"
    target.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{name:20} {len(inputs) - random:4} real, {random:4} random inputs, {len(set(outputs)):4} distinct outputs, "
          f"{len(names):3} tensors, {target.stat().st_size:7} bytes", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("models", type=Path)
parser.add_argument("--out", type=Path, default=HERE)
parser.add_argument("--real", type=int, default=8)
parser.add_argument("--random", type=int, default=48)
arguments = parser.parse_args()
for name in MODELS:
    generate(name, arguments.models, arguments.out, arguments.real, arguments.random)
