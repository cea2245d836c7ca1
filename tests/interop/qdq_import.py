"""Models that onnxruntime's `quantize_static` and NNCF quantized, as programs of ours: `qdq_import.py [--limit N] [CASE...]`.

Each tool quantizes the real models of `../shared/models`, per channel and per tensor; `edgectl quantize` makes programs of them, with
calibration data for the ranges that NNCF does not state. Outputs are compared with those of onnxruntime on the tool's own file: the class,
where it is one, must be the same for 97 of 100 samples, and the signal to noise at least 25 dB. Needs `setup.sh peers`.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from common import CASES, edgectl, edgectl_run, onnxruntime_run, require_models, table
from quantize_peers import quantize_by, snr_db

# NNCF gives a sum that only depthwise layers read a scale per channel. int8 arithmetic has one for an activation, and no layer before it
# has weights that could take the others in.
REFUSED = {("rfb320_face", "nncf"): "expected one scale for an activation, found 64 scales"}
LEAST_AGREEMENT = 0.97
LEAST_SNR_DB = 25.0


def quantized(case, peer, per_tensor, path, x):
    """The outputs of the peer's model in onnxruntime, or why there are none."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            quantize_by(peer, case, 32, per_tensor, path)
        return onnxruntime_run(path, x)
    except Exception as error:  # What a peer cannot do is a result.
        return str(error).splitlines()[-1][:60]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="names of models; all where there is none")
    parser.add_argument("--limit", type=int, default=200, help="evaluation samples at most")
    arguments = parser.parse_args()
    require_models()
    lines, failures = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for case in [case for case in CASES if case.meta and (not arguments.cases or case.name in arguments.cases)]:
            x = case.decoded("eval", arguments.limit)
            for peer, per_tensor in [(peer, forced) for peer in ("minmax", "nncf") for forced in (False, True)]:
                expected = quantized(case, peer, per_tensor, folder / "peer.onnx", x)
                row = [case.name, peer, "tensor" if per_tensor else "channel"]
                if isinstance(expected, str):
                    lines.append([*row, "", "", f"the peer: {expected}"])
                    continue
                done = edgectl("quantize", folder / "peer.onnx", "--calibration", case.data_path("calib"), *case.options, "-o", folder / "own.edgm")
                refusal = REFUSED.get((case.name, peer))
                if refusal and done.status == 2 and refusal in done.stderr:
                    lines.append([*row, "", "", f"refused: {refusal}"])
                    continue
                if done.status != 0:
                    sys.exit(str(done))
                found = edgectl_run(case, folder / "own.edgm", case.data_path("eval"), folder / "own.npz", arguments.limit)
                name = next(iter(expected))
                agreement = (expected[name].argmax(axis=1) == found[name].argmax(axis=1)).mean()
                snr = snr_db({name: expected[name]}, {name: found[name]})
                fits = snr >= LEAST_SNR_DB and (case.metric != "top1" or agreement >= LEAST_AGREEMENT)
                lines.append([*row, f"{100 * agreement:.1f} %" if case.metric == "top1" else "", f"{snr:.1f} dB", "" if fits else "FAILED"])
                failures += [] if fits else [row]
    table(["", "peer", "scale per", "same class", "SNR", ""], lines)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
