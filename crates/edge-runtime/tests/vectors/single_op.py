"""Builds a .tflite model of one int8 operator in memory and runs it in TFLite Micro or LiteRT."""

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert.interpreter import Interpreter as LiteRtInterpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

TYPES = {name: getattr(schema.TensorType, name.upper()) for name in ("int8", "int16", "int32", "int64")}
ARENA_BYTES = 1 << 20


def f32(value):
    """`value` rounded to float32, as the Python float that prints it exactly."""
    return float(np.float32(value))


@dataclass
class Tensor:
    """A tensor of the model. `data` of an output is None; a constant goes into the flatbuffer; a variable lasts from one invocation to
    the next and begins as its zero point."""

    shape: list
    data: np.ndarray | None = None
    dtype: str = "int8"
    scales: list = field(default_factory=list)
    zero_point: int = 0
    axis: int = 0
    per_channel: bool = False
    constant: bool = False
    variable: bool = False

    def to_json(self):
        record = {"shape": [int(d) for d in self.shape], "dtype": self.dtype}
        if self.per_channel:
            record["scales"] = [f32(s) for s in self.scales]
        elif self.scales and self.dtype in ("int8", "int16"):
            record |= {"scale": f32(self.scales[0]), "zero_point": int(self.zero_point)}
        return record | {"data": [int(v) for v in self.data.reshape(-1)]}


@dataclass
class Case:
    """One operator with its operands. `indices` are operands that the record states as attributes. `order` is the place of
    each of the operator's operands among the inputs and indices, where it is not that of the list; -1 for one left out. The data of a
    model input is that of all `invocations`, an attribute, one after the other. `litert_only`: TFLite Micro would misread it."""

    operator: str
    inputs: list
    output: Tensor
    attrs: dict
    options: object = None
    indices: list = field(default_factory=list)
    order: list | None = None
    litert_only: bool = False
    outputs: list | None = None  # all that the operator has, where `output` is one of several
    intermediates: list = field(default_factory=list)


def build(case):
    """The flatbuffer of `case`: constants inside, the other operands as model inputs."""
    tensors, buffers = [], [schema.BufferT()]
    outputs = case.outputs or [case.output]
    for tensor in [*case.inputs, *case.indices, *outputs, *case.intermediates]:
        entry = schema.TensorT()
        entry.name = f"t{len(tensors)}"
        entry.shape = [int(d) for d in tensor.shape]
        entry.type = TYPES[tensor.dtype]
        entry.isVariable = tensor.variable
        if tensor.scales:
            entry.quantization = schema.QuantizationParametersT()
            entry.quantization.scale = np.array(tensor.scales, np.float32)
            entry.quantization.zeroPoint = np.full(len(tensor.scales), tensor.zero_point, np.int64)
            entry.quantization.quantizedDimension = tensor.axis
        if tensor.constant:
            buffers.append(schema.BufferT())
            buffers[-1].data = np.frombuffer(tensor.data.astype(tensor.dtype).tobytes(), np.uint8)
            entry.buffer = len(buffers) - 1
        tensors.append(entry)

    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, case.operator)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    operator = schema.OperatorT()
    inner = len(tensors) - len(case.intermediates)
    operator.inputs = case.order or list(range(inner - len(outputs)))
    operator.outputs = list(range(inner - len(outputs), inner))
    if case.intermediates:
        operator.intermediates = list(range(inner, len(tensors)))
    if case.options is not None:
        name = type(case.options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = case.options

    graph = schema.SubGraphT()
    graph.tensors = tensors
    operands = [*case.inputs, *case.indices]
    graph.inputs = [i for i, tensor in enumerate(operands) if not (tensor.constant or tensor.variable)]
    graph.outputs = [operator.outputs[[o is case.output for o in outputs].index(True)]]
    graph.operators = [operator]
    model = schema.ModelT()
    model.version = 3
    model.operatorCodes = [code]
    model.subgraphs = [graph]
    model.buffers = buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def invocations(case):
    """The model inputs of each invocation."""
    count = case.attrs.get("invocations", 1)
    inputs = [t for t in case.inputs if not (t.constant or t.variable)]
    return [[t.data.astype(t.dtype).reshape(count, *t.shape)[index] for t in inputs] for index in range(count)]


def run_tflm(case):
    """The output of TFLite Micro's reference kernel. RuntimeError: it refuses the configuration."""
    interpreter = runtime.Interpreter.from_bytes(build(case), arena_size=ARENA_BYTES)
    outputs = []
    for inputs in invocations(case):
        for index, data in enumerate(inputs):
            interpreter.set_input(data, index)
        interpreter.invoke()
        outputs.append(np.array(interpreter.get_output(0)))
    return outputs[0] if len(outputs) == 1 else np.stack(outputs)


def run_litert(case):
    """The output of LiteRT's reference kernel. RuntimeError or ValueError: it refuses the configuration."""
    interpreter = LiteRtInterpreter(
        model_content=build(case), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    outputs = []
    for inputs in invocations(case):
        for details, data in zip(interpreter.get_input_details(), inputs):
            interpreter.set_tensor(details["index"], data)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return outputs[0] if len(outputs) == 1 else np.stack(outputs)
