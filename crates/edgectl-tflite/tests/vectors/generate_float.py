"""Records what LiteRT's reference kernels compute for float models, by value: generate_float.py MODELS. README.md has the format."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

# The model, its inputs, the factor that they are fed with, and how many: the plain evaluation that these are for is slow.
MODELS = [
    ("digits_mlp/ref_float.tflite", "digits_mlp/eval_x.npy", 1.0, 3),
    ("fmnist/student_ref_float.tflite", "fmnist/eval_x.npy", 1 / 255, 1),
    ("kws_dscnn/ref_float.tflite", "kws_dscnn/eval_x.npy", 1.0, 1),
    ("misc/hello_world_float.tflite", None, None, 3),
    ("nab_machine_temp_ae/ref_float.tflite", "nab_machine_temp_ae/eval_x.npy", 1.0, 3),
]

folder, records = Path(sys.argv[1]), []
for path, source, factor, count in MODELS:
    model = (folder / path).read_bytes()
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    x, y = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    data = np.linspace(0, 6, count) if source is None else np.load(folder / source)[:count] * factor
    samples = []
    for row in data:
        row = np.round(np.asarray(row, np.float32).reshape(x["shape"]), 4)
        interpreter.set_tensor(x["index"], row)
        interpreter.invoke()
        output = interpreter.get_tensor(y["index"])
        samples.append({"input": [round(float(v), 4) for v in row.ravel()], "output": [float(v) for v in output.ravel()]})
    records.append({"model": path, "sha256": hashlib.sha256(model).hexdigest(), "samples": samples})
lines = ",\n".join(json.dumps(record, separators=(",", ":")) for record in records)
(Path(__file__).parent / "float.json").write_text(f"[\n{lines}\n]\n")
