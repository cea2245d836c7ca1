"""Writes the golden vectors: `generate.py [OP...]`, all operators by default. Twice gives the same bytes.

Each case runs in TFLite Micro's and in LiteRT's reference kernel. The first is the oracle; where it refuses a
configuration the second is, and the case says so. Prints one row per operator.
"""

import json
import sys
import zlib
from pathlib import Path

import numpy as np
from cases import OPS as OPS_I8
from cases_i16 import OPS as OPS_I16
from single_op import run_litert, run_tflm

HERE = Path(__file__).parent
OPS = OPS_I8 | OPS_I16


def attempt(run, case):
    """The output of `run`, or None where the interpreter refuses the case."""
    try:
        return run(case)
    except (RuntimeError, ValueError) as error:
        print(f"  {run.__name__}: {' '.join(str(error).split())[:160]}", file=sys.stderr)
        return None


def generate(op):
    count, configure = OPS[op]
    lines, seen = [], {"tflm": 0, "litert": 0, "both": 0, "differ": []}
    for index in range(count):
        name = f"{op}_{index:03}"
        case = configure(np.random.default_rng([zlib.crc32(op.encode()), index]), index)
        tflm = None if case.litert_only else attempt(run_tflm, case)
        litert = attempt(run_litert, case)
        oracle = "tflm" if tflm is not None else "litert"
        case.output.data = tflm if tflm is not None else litert
        if case.output.data is None:
            raise SystemExit(f"{name}: both interpreters refuse it")
        if case.output.data.size != np.prod(case.output.shape, dtype=int) * case.attrs.get("invocations", 1):
            raise SystemExit(f"{name}: output of shape {case.output.data.shape}, expected {case.output.shape}")
        if tflm is not None and litert is not None:
            seen["both"] += 1
            if not np.array_equal(tflm, litert.reshape(tflm.shape)):
                off = np.abs(tflm.astype(int) - litert.reshape(tflm.shape)).max()
                seen["differ"].append(f"{index}(by {off})")
        seen[oracle] += 1
        record = {"op": op, "name": name, "inputs": [t.to_json() for t in case.inputs], "attrs": case.attrs,
                  "output": case.output.to_json()}
        if oracle != "tflm":
            record["oracle"] = oracle
        lines.append(json.dumps(record, separators=(",", ":")))
    path = HERE / f"{op}.json"
    path.write_text("\n".join(lines) + "\n")
    distinct = len({v for line in lines for v in json.loads(line)["output"]["data"]})
    print(f"{op:17} {count:3} cases, {seen['litert']:2} by litert, {distinct:3} distinct outputs, "
          f"{path.stat().st_size:7} bytes; litert ran {seen['both']:2} more, differs in "
          f"{len(seen['differ'])} {' '.join(seen['differ'])}", flush=True)


for name in sys.argv[1:] or OPS:
    generate(name)
