"""Makes models and data that are hard to quantize, of the real ones in `../shared/models`: `stress_models.py OUT`.

Writes to the folder OUT, with the same bytes in every run:
- `spread_teacher.onnx`, `spread_kws.onnx`, `spread_nab.onnx`: the channels between layers are multiplied by factors of up to 1 : 1000,
  which the next layer takes back. The float function is the same but for rounding, and all int8 ranges are bad. The Mul/Add pairs that
  stand for BatchNorm are folded first, so that `spread_kws` is a depthwise network without it.
- `outlier_{calib,eval}_x.npy` with `outlier_eval_y.npy`: the images of fmnist as the models take them, with one pixel in 10 000 set to 50.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from common import MODELS, require_models

SPREAD = 1000.0


class Editor:
    """A model whose weights are edited in place."""

    def __init__(self, path):
        self.model = onnx.load(path)
        self.graph = self.model.graph
        self.values = {i.name: numpy_helper.to_array(i).copy() for i in self.graph.initializer}

    def readers(self, name):
        return [node for node in self.graph.node if name in node.input]

    def fold_affine(self):
        """Conv -> Mul [1, C, 1, 1] -> Add [1, C, 1, 1] becomes Conv with a bias."""
        for conv in [n for n in self.graph.node if n.op_type == "Conv"]:
            for op in ("Mul", "Add"):
                (reader,) = self.readers(conv.output[0])[:1] or [None]
                if reader is None or reader.op_type != op or len(self.readers(conv.output[0])) != 1:
                    continue
                operands = [i for i in reader.input if i in self.values]
                channels = self.values[conv.input[1]].shape[0]
                if len(operands) != 1 or self.values[operands[0]].size != channels:
                    continue
                operand = self.values[operands[0]].reshape(-1)
                if len(conv.input) == 2:
                    conv.input.append(f"{conv.output[0]}/bias")
                    self.values[conv.input[2]] = np.zeros(channels, np.float32)
                if op == "Mul":
                    self.own(conv, 1, self.values[conv.input[1]] * operand[:, None, None, None])
                    self.own(conv, 2, self.values[conv.input[2]] * operand)
                else:
                    self.own(conv, 2, self.values[conv.input[2]] + operand)
                conv.output[0] = reader.output[0]
                self.graph.node.remove(reader)

    def own(self, node, place, values):
        """Gives a node a constant that no other node reads."""
        name = f"{node.output[0]}/{place}"
        self.values[name] = values.astype(np.float32)
        node.input[place] = name

    def spread(self, seed):
        """Scales the channels of every Conv -> Relu -> Conv and MatMul -> Add -> Relu -> MatMul."""
        random = np.random.default_rng(seed)
        pairs = 0
        for node in list(self.graph.node):
            if node.op_type == "Conv" and len(node.input) == 3:
                end = node.output[0]
            elif node.op_type == "MatMul" and self.readers(node.output[0])[0].op_type == "Add":
                end = self.readers(node.output[0])[0].output[0]
            else:
                continue
            chain = self.readers(end)
            if len(chain) == 1 and chain[0].op_type == "Relu":
                chain = self.readers(chain[0].output[0])
            if len(chain) != 1 or chain[0].op_type != node.op_type:
                continue
            after = chain[0]
            weights, taken = self.values[node.input[1]], self.values[after.input[1]]
            channels = weights.shape[0] if node.op_type == "Conv" else weights.shape[1]
            factors = SPREAD ** random.uniform(0, 1, channels)
            factors[0], factors[-1] = 1, SPREAD
            if node.op_type == "Conv":
                self.own(node, 2, self.values[node.input[2]] * factors)
                self.own(node, 1, weights * factors[:, None, None, None])
                depthwise = taken.shape[1] == 1 and taken.shape[0] == channels
                inverse = factors[:, None, None, None] if depthwise else factors[None, :, None, None]
                self.own(after, 1, taken / inverse)
            else:
                add = self.readers(node.output[0])[0]
                place = [i for i, name in enumerate(add.input) if name in self.values][0]
                self.own(add, place, self.values[add.input[place]] * factors)
                self.own(node, 1, weights * factors[None, :])
                self.own(after, 1, taken / factors[:, None])
            pairs += 1
        return pairs

    def save(self, path):
        used = {name for node in self.graph.node for name in node.input}
        del self.graph.initializer[:]
        self.graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in sorted(self.values.items()) if n in used)
        del self.graph.value_info[:]
        onnx.checker.check_model(self.model)
        path.write_bytes(self.model.SerializeToString(deterministic=True))


def outliers(out):
    random = np.random.default_rng(0)
    for split, limit in [("calib", None), ("eval", 2000)]:
        x = np.load(MODELS / "fmnist" / f"{split}_x.npy")[:limit].astype(np.float32) / 255
        x[random.random(x.shape) < 1e-4] = 50
        np.save(out / f"outlier_{split}_x.npy", x)
    np.save(out / "outlier_eval_y.npy", np.load(MODELS / "fmnist" / "eval_y.npy")[:2000])


def main():
    require_models()
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    sources = {"teacher": "fmnist/teacher", "kws": "kws_dscnn/model", "nab": "nab_machine_temp_ae/model"}
    for seed, (name, source) in enumerate(sources.items()):
        editor = Editor(MODELS / f"{source}.onnx")
        editor.fold_affine()
        pairs = editor.spread(seed)
        editor.save(out / f"spread_{name}.onnx")
        print(f"spread_{name}.onnx: {pairs} pairs of layers")
    outliers(out)


if __name__ == "__main__":
    main()
