"""Regenerates this folder: files and expected values by numpy, safetensors, onnxruntime, scikit-learn and scipy, none of them ours.

    python3 generate.py

makes its own virtual environment in a temporary folder. The same versions give the same bytes.
"""

import csv
import io
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import venv
import zipfile

PACKAGES = ["numpy==2.4.6", "onnx==1.23.2", "onnxruntime==1.32.0", "pillow==13.0.0", "safetensors==0.8.0", "scikit-learn==1.9.1", "scipy==1.17.1"]
HERE = pathlib.Path(__file__).parent


def bootstrap():
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = f"{folder}/bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        subprocess.run([python, __file__, "--here"], check=True)


def numbers(array):
    return " ".join(repr(float(v)) for v in array.astype("float32").ravel())


def npy(array, version):
    import numpy as np

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue()


def arrays():
    """`.npy` and `.npz` of every type, byte order, version and container; `arrays.csv` has shape and values as float32."""
    import numpy as np

    rows = []

    def write(name, data, array):
        (HERE / name).write_bytes(data)
        rows.append([name, " ".join(map(str, array.shape)), numbers(array)])

    base = np.array([[0, 1, 2], [3, 4, 100]])
    for code in ["b1", "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
        shift = {"f": 0.25, "i": -50, "u": 7, "b": 0}[code[0]]
        for order in "<>":
            array = (base + shift).astype(order + code)
            write(f"{code}_{'le' if order == '<' else 'be'}.npy", npy(array, (1, 0)), array)
    single = (base / 3).astype("<f4")
    for version in [(1, 0), (2, 0), (3, 0)]:
        write(f"version{version[0]}.npy", npy(single, version), single)
    column = np.asfortranarray(np.arange(5.0)).reshape(5, 1)
    header = npy(column, (1, 0)).replace(b"'fortran_order': False", b"'fortran_order': True ")
    write("fortran_column.npy", header, column)
    (HERE / "fortran.npy").write_bytes(npy(np.asfortranarray(single), (1, 0)))
    (HERE / "scalar.npy").write_bytes(npy(np.float32(3), (1, 0)))
    (HERE / "empty.npy").write_bytes(npy(np.zeros((0, 3), "<f4"), (1, 0)))
    (HERE / "complex.npy").write_bytes(npy(np.ones(2, "<c8"), (1, 0)))
    (HERE / "structured.npy").write_bytes(npy(np.ones(2, [("a", "<f4")]), (1, 0)))
    (HERE / "pickled.npy").write_bytes(npy_object())

    samples = np.arange(24, dtype="<f4").reshape(4, 2, 3) / 7
    labels = np.array([3, 0, 2, 1])
    for name, save in [("stored.npz", np.savez), ("deflated.npz", np.savez_compressed)]:
        save(HERE / name, x=samples, y=labels, images=samples[:2], classes=labels[:2].astype("f8").reshape(2, 1))
        rows.append([name, "4 2 3", numbers(samples)])
    with zipfile.ZipFile(HERE / "lzma.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(zipfile.ZipInfo("x.npy"), npy(samples, (1, 0)), zipfile.ZIP_LZMA)

    # Header and directory agree on nine samples, of which the deflated stream has four.
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        content = npy(samples, (1, 0))
        lying = content.replace(b"(4, 2, 3)", b"(9, 2, 3)")
        archive.writestr(zipfile.ZipInfo("x.npy"), lying, zipfile.ZIP_DEFLATED)
    sizes = [struct.pack("<L", size) for size in (len(content), len(content) + 5 * 24)]
    (HERE / "lying.npz").write_bytes(buffer.getvalue().replace(*sizes))

    from safetensors.numpy import save_file

    save_file({"x": samples, "y": labels, "half": samples.astype("f2")}, HERE / "arrays.safetensors")
    rows.append(["arrays.safetensors", "4 2 3", numbers(samples)])
    return rows


def npy_object():
    import numpy as np

    return npy(np.array([None]), (1, 0))


def resizes():
    """Bilinear resizing by onnxruntime: input and output sizes, then the output of `(7 y + 3 x) mod 11`."""
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    rows = []
    for h, w, to_h, to_w in [(5, 7, 3, 4), (5, 7, 8, 9), (1, 6, 4, 3), (4, 4, 4, 4), (9, 2, 1, 1)]:
        image = np.fromfunction(lambda y, x: (7 * y + 3 * x) % 11, (h, w)).astype("f4")
        node = helper.make_node(
            "Resize", ["x", "", "", "sizes"], ["y"], mode="linear", coordinate_transformation_mode="half_pixel"
        )
        graph = helper.make_graph(
            [node],
            "resize",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, h, w])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, to_h, to_w])],
            [helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 1, to_h, to_w])],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        rows.append([h, w, to_h, to_w, numbers(session.run(None, {"x": image[None, None]})[0])])
    return rows


def aucs():
    """ROC AUC by scikit-learn on scores with few and many ties: value, labels, scores."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    rows = []
    for count, levels in [(2, 2), (10, 3), (40, 5), (100, 1000), (200, 1), (300, 40)]:
        labels = rng.integers(0, 2, count)
        labels[:2] = [0, 1]
        scores = (rng.integers(0, levels, count) + labels).astype("f4") / 8
        rows.append([repr(float(roc_auc_score(labels, scores))), " ".join(map(str, labels)), numbers(scores)])
    return rows


def wilsons():
    """Wilson intervals by scipy: successes, trials, low, high."""
    from scipy.stats import binomtest

    cases = [(0, 1), (1, 1), (0, 25), (22, 25), (25, 25), (824, 900), (9308, 10000)]
    rows = []
    for successes, trials in cases:
        interval = binomtest(successes, trials).proportion_ci(0.95, "wilson")
        rows.append([successes, trials, repr(float(interval.low)), repr(float(interval.high))])
    return rows


def sums():
    """Correctly rounded sums by `math.fsum`: sum, terms."""
    import numpy as np

    rng = np.random.default_rng(2)
    cases = [[1e16, 1.0, 1e-16], [1.0, 1e100, 1.0, -1e100], [0.1] * 10, [2.0**53, 1.0, 2.0**-60]]
    cases += [list(rng.standard_normal(50) * 10.0 ** rng.integers(-18, 18, 50)) for _ in range(5)]
    return [[repr(math.fsum(case)), " ".join(repr(float(v)) for v in case)] for case in cases]


def images():
    """A PNG, a JPEG and a BMP by Pillow, with the decoded bytes of the lossless ones."""
    import numpy as np
    from PIL import Image

    rows = []
    gray = (np.arange(6).reshape(2, 3) * 50).astype("u1")
    rgb = (np.arange(24).reshape(2, 4, 3) * 10).astype("u1")
    alpha = np.dstack([rgb, np.full((2, 4), 128, "u1")])
    for name, array in [("gray.png", gray), ("rgb.png", rgb), ("rgb.bmp", rgb), ("alpha.png", alpha), ("flat.jpg", np.full((8, 8, 3), 90, "u1"))]:
        Image.fromarray(array).save(HERE / name)
        shape = array.shape if array.ndim == 3 else (*array.shape, 1)
        rows.append([name, " ".join(map(str, shape)), numbers(array)])
    return rows


def main():
    for function in [arrays, resizes, aucs, wilsons, sums, images]:
        with open(HERE / f"{function.__name__}.csv", "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(function())


if __name__ == "__main__":
    main() if "--here" in sys.argv else bootstrap()
