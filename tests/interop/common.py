"""What the interop scripts share: the binary, the real models and their data, onnxruntime as the oracle.

Only the standard library is imported up here: `quantize_peers.py` measures children, whose peak memory counts
from that of the process that starts them.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT.parent / "shared" / "models"
ADDRESS_SPACE_BYTES = 8 << 30


@dataclass(frozen=True)
class Case:
    """A model with its data. `options` are what `edgectl` needs to read the data as the model expects it."""

    name: str
    model: str
    data: str
    meta: str = ""
    options: tuple = ()
    limit: int = 2000
    metric: str = "top1"

    @property
    def model_path(self):
        return MODELS / self.model

    def data_path(self, split):
        return MODELS / self.data / f"{split}_x.npy"

    def count(self, split):
        """The number of samples. Read from the array's header: no library that would count for the memory of children."""
        with open(self.data_path(split), "rb") as file:
            head = file.read(256)
        return int(head[head.index(b"'shape': (") + 10 :].split(b",")[0])

    def measured(self):
        """What the case's meta.json states, or nothing."""
        return json.loads((MODELS / self.meta).read_text())["measured"] if self.meta else {}

    def stored(self, split, limit):
        """The first samples as stored, and their labels or None."""
        import numpy as np

        labels = MODELS / self.data / f"{split}_y.npy"
        x = np.load(self.data_path(split), mmap_mode="r")[:limit]
        return np.ascontiguousarray(x), np.load(labels)[:limit] if labels.exists() else None

    def decoded(self, split, limit):
        """The first samples as the model takes them: float32, NCHW."""
        return self.prepared(self.stored(split, limit)[0])

    def spread(self, split, count):
        """So many samples taken evenly from all of the data, as the model takes them: those of `--calibration-samples`."""
        import numpy as np

        stored = np.load(self.data_path(split), mmap_mode="r")
        count = min(count, len(stored))
        return self.prepared(stored[[(2 * i + 1) * len(stored) // (2 * count) for i in range(count)]])

    def prepared(self, x):
        import numpy as np

        x = x.astype(np.float32)
        if "--scale" in self.options:
            x = (x / 255).reshape(-1, 1, 28, 28)
        if "--mean" in self.options:
            x = ((x - 127) / 128).transpose(0, 3, 1, 2)
        return np.ascontiguousarray(x)


FMNIST = ("--scale", "1/255")
RFB320 = ("--mean", "127", "--std", "128", "--layout", "nhwc")
CASES = [
    Case("digits_mlp", "digits_mlp/model.onnx", "digits_mlp", "digits_mlp/meta.json"),
    Case("fmnist/student", "fmnist/student.onnx", "fmnist", "fmnist/meta_student.json", FMNIST),
    Case("fmnist/teacher", "fmnist/teacher.onnx", "fmnist", "fmnist/meta_teacher.json", FMNIST),
    Case("kws_dscnn", "kws_dscnn/model.onnx", "kws_dscnn", "kws_dscnn/meta.json"),
    Case("kws_hybrid_dequant", "misc/kws_hybrid_dequant.onnx", "kws_dscnn"),
    Case("nab_machine_temp_ae", "nab_machine_temp_ae/model.onnx", "nab_machine_temp_ae",
         "nab_machine_temp_ae/meta.json", limit=3000, metric="auc-reconstruction"),
    Case("rfb320_face", "rfb320_face/model.onnx", "rfb320_face", "rfb320_face/meta.json", RFB320, metric="none"),
    Case("wand_cnn1d", "wand_cnn1d/model.onnx", "wand_cnn1d", "wand_cnn1d/meta.json"),
]


def require_models():
    """Ends the script, successfully, where the real models are not beside the checkout."""
    if not MODELS.is_dir():
        print(f"skipped: {MODELS} is missing")
        sys.exit(0)


def binary():
    """The binary under test: `$EDGECTL`, or the checkout's debug build."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("EDGECTL", target / "debug" / "edgectl"))
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is not there: build it, or name it in EDGECTL")
    return path


@dataclass
class Outcome:
    """How a run of the binary ended. `status` is negative for a signal, None for a timeout."""

    status: int | None
    stdout: str = ""
    stderr: str = ""
    arguments: list = field(default_factory=list)

    @property
    def crashed(self):
        """Whether it ended in any way that a user should never see."""
        return self.status not in (0, 1, 2) or "panicked" in self.stderr

    def __str__(self):
        state = "timed out" if self.status is None else f"status {self.status}"
        return f"edgectl {' '.join(self.arguments)}: {state}\n{self.stderr.strip()[-2000:]}"


def edgectl(*arguments, timeout=1800):
    """Runs the binary. An allocation beyond the address space limit aborts it, which counts as a crash."""
    arguments = [str(a) for a in arguments]
    limit = (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES)
    try:
        done = subprocess.run(
            [binary(), *arguments], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
        )
    except subprocess.TimeoutExpired as expired:
        return Outcome(None, "", (expired.stderr or b"").decode(errors="replace"), arguments)
    return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), arguments)


def edgectl_run(case, model, data, output, limit):
    """`edgectl run` of `model`: the outputs by ONNX name, one flat row per sample. RuntimeError: it failed."""
    import numpy as np

    done = edgectl("run", model, "--input", data, *case.options, "--limit", limit, "--output", output, "--format", "json")
    if done.status != 0:
        raise RuntimeError(str(done))
    json.loads(done.stdout)
    with np.load(output) as outputs:
        return {name: rows(outputs[name]) for name in outputs.files}


def onnxruntime_run(model, x):
    """onnxruntime's outputs of the samples `x`, one at a time: by name, one flat row per sample."""
    import numpy as np
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if any(node.op_type == "QuantizeLinear" for node in onnx.load(model, load_external_data=False).graph.node):
        # Without VNNI its default kernels saturate sums of two products at 16 bits, and full-range weights give other classes. Where only
        # weights are int8, it fails with this option.
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    runs = [session.run(None, {name: x[i : i + 1]}) for i in range(len(x))]
    return {output.name: rows(np.stack(values)) for output, values in zip(session.get_outputs(), zip(*runs))}


def rows(stacked):
    return stacked.reshape(len(stacked), -1)


def auc(score, positive):
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half."""
    import numpy as np

    distinct, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n_positive = int(positive.sum())
    n_negative = len(score) - n_positive
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def table(header, lines):
    """Prints aligned columns: the first to the left, the others to the right."""
    grid = [header, *lines]
    widths = [max(len(line[i]) for line in grid) for i in range(len(header))]
    for line in grid:
        cells = [cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip(), flush=True)
