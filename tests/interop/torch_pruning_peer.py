"""Torch-Pruning on a network of the same weights, trained by the same recipe: the peer of `prune_figures.py`. The unpruned network sees
images as its pupil does, mirrored and moved."""

import copy
import statistics
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import torch_pruning
from onnx import numpy_helper

TEMPERATURE = 3.0


class Network(torch.nn.Module):
    """An ONNX model of convolutions, dense layers and what lies between them, as modules that Torch-Pruning can cut."""

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(path).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.input, self.output, self.nodes = graph.input[0].name, graph.output[0].name, []
        self.layers = torch.nn.ModuleDict()
        biases = {}
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            name = f"layer{len(self.nodes)}"
            if node.op_type == "Conv":
                weights = torch.tensor(constants[node.input[1]])
                kernel, pads = weights.shape[2:], attributes.get("pads", [0] * 4)
                strides = attributes.get("strides", [1, 1])
                # PyTorch pads both sides alike; what ONNX pads beyond that is a layer of its own.
                layer = torch.nn.Conv2d(weights.shape[1], weights.shape[0], tuple(kernel), tuple(strides))
                layer.weight.data.copy_(weights)
                layer.bias.data.copy_(torch.tensor(constants[node.input[2]]) if len(node.input) > 2 else torch.zeros(len(weights)))
                self.layers[name] = layer
                self.nodes.append(("conv", name, [node.input[0]], node.output[0], (pads[1], pads[3], pads[0], pads[2])))
            elif node.op_type == "MatMul":
                weights = torch.tensor(constants[node.input[1]]).T
                layer = torch.nn.Linear(weights.shape[1], weights.shape[0])
                layer.weight.data.copy_(weights)
                layer.bias.data.zero_()
                self.layers[name], biases[node.output[0]] = layer, layer
                self.nodes.append(("dense", name, [node.input[0]], node.output[0], None))
            elif node.op_type == "Add" and node.input[1] in constants:
                biases[node.input[0]].bias.data.copy_(torch.tensor(constants[node.input[1]]).reshape(-1))
                self.nodes.append(("same", name, [node.input[0]], node.output[0], None))
            elif node.op_type == "Add" and node.input[0] in constants:
                biases[node.input[1]].bias.data.copy_(torch.tensor(constants[node.input[0]]).reshape(-1))
                self.nodes.append(("same", name, [node.input[1]], node.output[0], None))
            elif node.op_type in ("Relu", "Add", "GlobalAveragePool", "Squeeze", "Reshape"):
                inputs = [i for i in node.input if i not in constants]
                self.nodes.append((node.op_type, name, inputs, node.output[0], None))
            else:
                raise ValueError(f"no module for {node.op_type}")

    def forward(self, x):
        values = {self.input: x}
        for kind, name, inputs, output, pads in self.nodes:
            a = values[inputs[0]]
            if kind == "conv":
                a = self.layers[name](F.pad(a, pads))
            elif kind == "dense":
                a = self.layers[name](a)
            elif kind == "Relu":
                a = F.relu(a)
            elif kind == "Add":
                a = a + values[inputs[1]]
            elif kind == "GlobalAveragePool":
                a = a.mean((2, 3))
            # Reshape and Squeeze only change what the input or the mean already has.
            values[output] = a
        return values[self.output]


def accuracy(network, x, y):
    network.eval()
    with torch.no_grad():
        hits = [(network(x[i : i + 500]).argmax(1) == y[i : i + 500]).sum().item() for i in range(0, len(x), 500)]
    return 100 * sum(hits) / len(x)


def augmented(images, generator):
    """Each image mirrored or not, and moved by up to a pixel along each axis."""
    flipped = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    height, width = images.shape[2:]
    dy, dx = (torch.randint(0, 3, (len(images),), generator=generator) for _ in range(2))
    rows, columns = dy[:, None, None] + torch.arange(height)[None, :, None], dx[:, None, None] + torch.arange(width)[None, None, :]
    return F.pad(images, (1, 1, 1, 1))[torch.arange(len(images))[:, None, None], :, rows, columns].permute(0, 3, 1, 2)


def train(network, whole, x, y, epochs, batch, rate, distill_weight, generator):
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-4)
    steps = epochs * -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x), batch):
            chosen = order[start : start + batch]
            images = augmented(x[chosen], generator)
            with torch.no_grad():
                said = whole(images)
            z, t = network(images), TEMPERATURE
            soft = F.cross_entropy(z / t, F.softmax(said / t, 1)) * t * t
            loss = distill_weight * soft + (1 - distill_weight) * F.cross_entropy(z, y[chosen])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()


def run(case, share, seeds, recipe):
    """A row of `prune_figures.py`: the same share of parameters gone, by group magnitude over all layers."""
    torch.set_num_threads(2)
    load = lambda split: (torch.tensor(case.decoded(split, 1 << 20)), torch.tensor(case.stored(split, 1 << 20)[1]))
    (x, y), (test_x, test_y) = load("train"), load("eval")
    whole = Network(case.model_path).eval()
    example = x[:1]
    before_macs, before_parameters = torch_pruning.utils.count_ops_and_params(whole, example)
    before = accuracy(whole, test_x, test_y)
    found, macs, parameters, seconds = [], [], [], []
    for seed in seeds:
        start = time.monotonic()
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        network = copy.deepcopy(whole)
        last = [m for m in network.modules() if isinstance(m, torch.nn.Linear)][-1]
        pruner = torch_pruning.pruner.MetaPruner(
            network, example, importance=torch_pruning.importance.GroupMagnitudeImportance(p=2), global_pruning=True,
            iterative_steps=400, pruning_ratio=0.999, max_pruning_ratio=0.9, ignored_layers=[last],
        )
        for _ in range(400):
            if torch_pruning.utils.count_ops_and_params(network, example)[1] <= before_parameters * (1 - share):
                break
            pruner.step()
        train(network, whole, x, y, **recipe, generator=generator)
        left_macs, left_parameters = torch_pruning.utils.count_ops_and_params(network, example)
        found.append(accuracy(network, test_x, test_y))
        macs.append(100 * (1 - left_macs / before_macs))
        parameters.append(100 * (1 - left_parameters / before_parameters))
        seconds.append(time.monotonic() - start)
    return {
        "metric": found, "lost": [before - after for after in found], "parameters": statistics.mean(parameters),
        "macs": statistics.mean(macs), "samples": len(test_x), "seconds": statistics.mean(seconds),
    }
