"""int8 of `edgectl quantize` beside that of onnxruntime's `quantize_static` and of NNCF, on the labelled models of `../shared/models`:
`quantize_peers.py [--limit N] [--samples N,..] [--per-tensor] [--without-resources | --only-resources] [CASE...]`.

Every tool gets the same files and the same calibration samples, taken evenly from them. The peers' QDQ models are run by onnxruntime, ours is the
program itself; all on the same evaluation samples. A difference to the best peer is called one only beyond twice its standard error,
by the samples on which exactly one of the two is right (McNemar). Of an autoencoder, the fidelity to float is told beside, also of the
samples alone that stay within the range of the calibration data, and what float itself scores when its input is clipped. First, wall time
and peak memory of whole processes on the two largest models, each the median of three, with the growth of ours from 32 to 10,000
calibration samples. A report: it fails when a child does, never on a figure.
"""

import argparse
import contextlib
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import CASES, auc, binary, edgectl, edgectl_run, onnxruntime_run, require_models, table

LABELLED = [case for case in CASES if case.meta and case.metric != "none"]
# The most parameters; and the most multiplications and activations, with the few calibration samples that it has.
LARGEST = {name: next(case for case in CASES if case.name == name) for name in ("fmnist/teacher", "rfb320_face")}
RESOURCE_SAMPLES = 200
GOAL = 5
PEERS = ["minmax", "entropy", "percentile", "nncf"]
OPSET = 13
REPEATS = 3


class Samples:
    """onnxruntime's calibration data reader."""

    def __init__(self, name, samples):
        self.samples = ({name: x[None]} for x in samples)

    def get_next(self):
        return next(self.samples, None)


def converted(case):
    """The model, brought to the opset that has scales per channel where it is older: the peers do not do that themselves."""
    import onnx
    from onnx import version_converter

    model = onnx.load(case.model_path)
    old = next(opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")) < OPSET
    return version_converter.convert_version(model, OPSET) if old else model


def static(case, count, method, per_tensor, output):
    """onnxruntime: what its documentation tells to do for a convolutional network."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = output.with_suffix(".prepared.onnx")
    onnx.save(converted(case), prepared)
    quant_pre_process(str(prepared), str(prepared))
    name = onnx.load(prepared, load_external_data=False).graph.input[0].name
    methods = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
    quantization.quantize_static(
        str(prepared), str(output), Samples(name, case.spread("calib", count)), quant_format=quantization.QuantFormat.QDQ,
        per_channel=not per_tensor, activation_type=quantization.QuantType.QInt8, weight_type=quantization.QuantType.QInt8,
        calibrate_method=getattr(quantization.CalibrationMethod, methods[method]),
    )


def nncf_quantize(case, count, per_tensor, output):
    """NNCF: its post-training quantization with defaults."""
    import logging

    import nncf
    import onnx
    from nncf.quantization import advanced_parameters as advanced

    nncf.set_log_level(logging.ERROR)
    model = converted(case)
    data = nncf.Dataset(list(case.spread("calib", count)), lambda x: {model.graph.input[0].name: x[None]})
    weights = advanced.QuantizationParameters(per_channel=not per_tensor)
    parameters = advanced.AdvancedQuantizationParameters(weights_quantization_params=weights)
    onnx.save(nncf.quantize(model, data, subset_size=count, advanced_parameters=parameters), output)


def quantize_by(peer, case, count, per_tensor, output):
    if peer == "nncf":
        nncf_quantize(case, count, per_tensor, output)
    else:
        static(case, count, peer, per_tensor, output)


def quantize_arguments(case, count, per_tensor, output):
    forced = ["--per-tensor"] if per_tensor else []
    return ["quantize", case.model_path, "--calibration", case.data_path("calib"), "--calibration-samples", count, *case.options, *forced,
            "-o", output]


class Judge:
    """Scores outputs on a case's evaluation samples."""

    def __init__(self, case, limit):
        self.case, self.limit = case, limit
        self.x, self.y = case.decoded("eval", limit), case.stored("eval", limit)[1]

    def right(self, outputs):
        """Per sample, whether it is classified rightly; for reconstruction, the error."""
        (values,) = outputs.values()
        if self.case.metric == "top1":
            return values.argmax(axis=1) == self.y
        return ((values - self.x.reshape(len(self.x), -1)) ** 2).mean(axis=1)

    def score(self, right):
        return right.mean() if self.case.metric == "top1" else auc(right, self.y == 1)

    def verdict(self, own, peer):
        """Points that ours is above the peer, with a mark where that is beyond twice the standard error."""
        points = 100 * (self.score(own) - self.score(peer))
        if self.case.metric != "top1":
            return f"{points:+.2f}"
        only_own, only_peer = int((own & ~peer).sum()), int((peer & ~own).sum())
        beyond = (only_own - only_peer) ** 2 > 4 * (only_own + only_peer)
        return f"{points:+.2f}" + (" *" if beyond else "")


def compare(case, counts, limit, per_tensor, folder):
    import numpy as np

    judge = Judge(case, limit)
    available = len(case.stored("calib", None)[0])
    float_outputs = onnxruntime_run(case.model_path, judge.x)
    float_right = judge.right(float_outputs)
    lines = []
    for count in sorted({min(count, available) for count in counts}):
        output = folder / "own.edgm"
        done = edgectl(*quantize_arguments(case, count, per_tensor, output))
        if done.status != 0:
            sys.exit(str(done))
        own_outputs = edgectl_run(case, output, case.data_path("eval"), folder / "own.npz", limit)
        found = {}
        for peer in PEERS:
            try:
                # The peers print their progress; stdout is for the tables.
                with contextlib.redirect_stdout(sys.stderr):
                    quantize_by(peer, case, count, per_tensor, folder / "peer.onnx")
                found[peer] = onnxruntime_run(folder / "peer.onnx", judge.x)
            except Exception as error:  # What a peer cannot do is a result.
                print(f"{case.name}, {count} samples: {peer}: {str(error).splitlines()[-1][:120]}", file=sys.stderr)

        own, right = judge.right(own_outputs), {peer: judge.right(outputs) for peer, outputs in found.items()}
        best = max(right.values(), key=judge.score)
        shown = [f"{100 * judge.score(right[peer]):.2f}" if peer in right else "failed" for peer in PEERS]
        lines.append([case.name, str(count), f"{100 * judge.score(float_right):.2f}", f"{100 * judge.score(own):.2f}", *shown,
                      f"{100 * (judge.score(own) - judge.score(float_right)):+.2f}", judge.verdict(own, best)])
        if case.metric != "top1":
            # An AUC may rise because int8 clips what is anomalous; fidelity is in the outputs.
            low, high = extremes(case, count)
            for name, kept in [("SNR, dB", np.full(len(judge.x), True)), ("SNR in range, dB", within(judge.x, low.min(), high.max()))]:
                snr = {peer: snr_db(float_outputs, outputs, kept) for peer, outputs in found.items()}
                own_snr = snr_db(float_outputs, own_outputs, kept)
                shown = [f"{snr[peer]:.1f}" if peer in snr else "failed" for peer in PEERS]
                lines.append([f"  {name}", str(count), "", f"{own_snr:.1f}", *shown, "", f"{own_snr - max(snr.values()):+.1f}"])
            beyond, odd = ~within(judge.x, low.min(), high.max()), judge.y == 1
            shares = " / ".join(f"{100 * beyond[of].mean():.1f}" for of in (~odd, odd))
            lines.append(["  % out of range, usual / odd", str(count), shares, *[""] * (len(PEERS) + 3)])
            for name, bounds in [("all samples' range", (low.min(), high.max())), ("samples' mean range", (low.mean(), high.mean()))]:
                clipped = judge.right(onnxruntime_run(case.model_path, np.clip(judge.x, *bounds)))
                lines.append([f"  input clipped to {name}", str(count), f"{100 * judge.score(clipped):.2f}", *[""] * (len(PEERS) + 3)])
    return lines


def extremes(case, count):
    """The least and the greatest value of each calibration sample."""
    samples = case.spread("calib", count)
    samples = samples.reshape(len(samples), -1)
    return samples.min(axis=1), samples.max(axis=1)


def within(x, low, high):
    """Per sample, whether it stays within a range."""
    x = x.reshape(len(x), -1)
    return (x.min(axis=1) >= low) & (x.max(axis=1) <= high)


def snr_db(expected, found, kept=slice(None)):
    """Signal to noise of the only output, of these samples together."""
    (expected,), (found,) = expected.values(), found.values()
    expected, found = expected[kept], found[kept]
    return 10 * math.log10((expected**2).sum() / ((found - expected) ** 2).sum())


def measure(arguments):
    """Seconds, and peak resident MiB, of a child. Its peak counts from ours, which is why this process imports nothing large."""
    start = time.perf_counter()
    with open(os.devnull, "w") as null:
        actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), 1), (os.POSIX_SPAWN_DUP2, null.fileno(), 2)]
        pid = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(arguments)}: status {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss / 1024


def median(arguments):
    runs = [measure([str(a) for a in arguments]) for _ in range(REPEATS)]
    return [statistics.median(column) for column in zip(*runs)]


def resources(case, folder):
    """Time and memory beside the peers' with the same samples."""
    count = min(RESOURCE_SAMPLES, case.count("calib"))

    def child(peer):
        script = Path(__file__).resolve()
        return [sys.executable, script, "--child", peer, "--samples", str(count), case.name, folder / "peer.onnx"]

    ours = median([binary(), *quantize_arguments(case, count, False, folder / "own.edgm")])
    lines, ratios = [["edgectl", str(count), f"{ours[0]:.2f}", f"{ours[1]:.0f}", "", ""]], []
    for peer in ("minmax", "nncf"):
        found = median(child(peer))
        ratios.append(found[0] / ours[0])
        lines.append([peer, str(count), f"{found[0]:.2f}", f"{found[1]:.0f}", f"{ratios[-1]:.1f}x", f"{found[1] / ours[1]:.1f}x"])
    print(f"\n{case.name}: whole processes, median of {REPEATS}")
    table(["", "samples", "seconds", "peak MiB", "their time / ours", "their memory / ours"], lines)
    verdict = "reached" if min(ratios) >= GOAL else "missed"
    print(f"at least {GOAL} times as fast as each: {verdict} ({min(ratios):.1f}x)")


def growth(case, folder):
    """How our time and memory grow with the number of samples."""
    lines = []
    for count in (32, 1000, 10_000):
        arguments = quantize_arguments(case, count, False, folder / "own.edgm")
        arguments[3] = case.data_path("eval")
        seconds, peak = median([binary(), *arguments])
        lines.append([str(count), f"{seconds:.2f}", f"{peak:.0f}"])
    print(f"\n{case.name}: edgectl, by the number of calibration samples")
    table(["samples", "seconds", "peak MiB"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="names of models; all that are labelled where there is none")
    parser.add_argument("--limit", type=int, help="evaluation samples at most, where there are classes [default: 2000]")
    parser.add_argument("--samples", default="8,32,100,200", help="numbers of calibration samples")
    parser.add_argument("--per-tensor", action="store_true", help="one weight scale per layer")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--without-resources", action="store_true", help="accuracy only: times of a debug build mean nothing")
    which.add_argument("--only-resources", action="store_true", help="time and memory only")
    parser.add_argument("--child", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    require_models()
    counts = [int(count) for count in arguments.samples.split(",")]
    if arguments.child:
        name, output = arguments.cases
        quantize_by(arguments.child, LARGEST[name], counts[0], False, Path(output))
        return
    if binary().parent.name == "debug":
        print(f"note: {binary()} is a debug build", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.without_resources:
            for case in LARGEST.values():
                resources(case, Path(folder))
            growth(LARGEST["fmnist/teacher"], Path(folder))
        if arguments.only_resources:
            return
        for per_tensor in (False, True):
            if arguments.per_tensor and not per_tensor:
                continue
            print(f"\n{'one weight scale per layer' if per_tensor else 'a weight scale per output channel'}; * is beyond the sampling error")
            lines = []
            for case in LABELLED:
                if not arguments.cases or case.name in arguments.cases:
                    lines += compare(case, counts, arguments.limit if arguments.limit and case.metric == "top1" else case.limit, per_tensor, Path(folder))
            table(["", "samples", "float", "edgectl", *PEERS, "to float", "to best peer"], lines)


if __name__ == "__main__":
    main()
