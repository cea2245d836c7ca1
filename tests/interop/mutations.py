"""Seeded mutations of a serialized ONNX model: of its bytes, or of one field of one message."""

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

INTEGERS = [0, 1, -1, 2, 7, 127, 255, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**63)]
STRINGS = ["", "x", "Conv", "Reshape", "Gemm", "Loop", "../x", "\u0000", "a" * 5000]
FLOATS = [0.0, -1.0, float("nan"), float("inf"), 3.4e38]


def mutate(rng, model):
    """`model` with one to three changes."""
    for _ in range(rng.randint(1, 3)):
        model = rng.choice([mutate_bytes, mutate_field, mutate_field])(rng, model)
    return model


def mutate_bytes(rng, data):
    if not data:
        return data
    data, at = bytearray(data), rng.randrange(len(data))
    # Lengths and tags are dense at the ends; in between lie mostly weights.
    if rng.random() < 0.5:
        at = rng.choice([at % 400, len(data) - 1 - at % 400]) % len(data)
    kind = rng.randrange(5)
    if kind == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at] = rng.choice([0x00, 0x7F, 0x80, 0xFF])
    elif kind == 2:
        del data[at : at + rng.randint(1, 64)]
    elif kind == 3:
        data[at:at] = data[at : at + rng.randint(1, 64)]
    else:
        del data[at:]
    return bytes(data)


def messages(message):
    """`message` and all messages in it."""
    found, queue = [], [message]
    while queue:
        current = queue.pop()
        found.append(current)
        for field, value in current.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                queue.extend(value if field.is_repeated else [value])
    return found


def mutate_field(rng, data):
    """Changes one field; falls back on the bytes where they no longer parse."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return mutate_bytes(rng, data)
    targets = [m for m in messages(model) if m.ListFields()]
    if not targets:
        return mutate_bytes(rng, data)
    target = rng.choice(targets)
    field, value = rng.choice(target.ListFields())
    if field.is_repeated:
        mutate_list(rng, field, value)
    elif field.type == FieldDescriptor.TYPE_MESSAGE or rng.random() < 0.2:
        target.ClearField(field.name)
    else:
        setattr(target, field.name, scalar(rng, field, value))
    return model.SerializeToString()


def mutate_list(rng, field, items):
    """Drops, repeats, swaps or changes an item."""
    at, kind = rng.randrange(len(items)), rng.randrange(4)
    if kind == 0:
        del items[at]
    elif kind == 1:
        items.append(items[at])
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        other = items[rng.randrange(len(items))]
        items[at].CopyFrom(other)
    elif kind == 2:
        items[at] = items[rng.randrange(len(items))]
    else:
        items[at] = scalar(rng, field, items[at])


def scalar(rng, field, value):
    """Another value of the field's type, often a limit."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(STRINGS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return value[: len(value) // 2] if rng.random() < 0.5 else value + b"\x00\xff\x7f"
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice(FLOATS)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return rng.choice(list(field.enum_type.values_by_number))
    wide = field.type in (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64)
    lowest = 0 if field.type in (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_UINT32) else -(2**63 if wide else 2**31)
    highest = 2**63 - 1 if wide else 2**31 - 1
    return rng.choice([i for i in INTEGERS if lowest <= i <= highest])
