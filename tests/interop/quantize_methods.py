"""What calibrators and methods are worth, on real models and on those of `stress_models.py`: the metric of int8, its agreement with
float (top-1, or the signal-to-noise ratio), for each of them alone. `quantize_methods.py STRESS [CASE...]`, STRESS being the folder
that `stress_models.py` wrote.
"""

import json
import sys
import tempfile
from pathlib import Path

from common import CASES, MODELS, edgectl, require_models, table

RECIPES = {
    "minmax": "--calibrator minmax --passes none",
    "moving-average": "--calibrator moving-average --passes none",
    "percentile": "--calibrator percentile --passes none",
    "mse": "--calibrator mse --passes none",
    "entropy": "--calibrator entropy --passes none",
    "equalize": "--calibrator minmax --passes equalize",
    "absorb-bias": "--calibrator minmax --passes absorb-bias",
    "clip-weights": "--calibrator minmax --passes clip-weights",
    "correct-bias": "--calibrator minmax --passes correct-bias",
    "correct-bias-empirical": "--calibrator minmax --passes correct-bias-empirical",
    "round-adaptive": "--calibrator minmax --passes round-adaptive",
    "minmax + eq + rnd": "--calibrator minmax --passes equalize,round-adaptive",
    "percentile + eq": "--calibrator percentile --passes equalize",
    "percentile + eq + bias": "--calibrator percentile --passes equalize,correct-bias",
    "percentile + eq + rnd": "--calibrator percentile --passes equalize,round-adaptive",
    "mse + eq": "--calibrator mse --passes equalize",
    "mse + eq + rnd": "--calibrator mse --passes equalize,round-adaptive",
}


def cases(stress):
    """Name, model, calibration data, evaluation data, options."""
    real = {case.name: case for case in CASES if case.meta and case.metric != "none"}
    for case in real.values():
        yield case.name, case.model_path, case.data_path("calib"), case.data_path("eval"), case
    for name, source in [("kws", "kws_dscnn"), ("nab", "nab_machine_temp_ae"), ("teacher", "fmnist/teacher")]:
        case = real[source]
        yield f"spread_{name}", stress / f"spread_{name}.onnx", case.data_path("calib"), case.data_path("eval"), case
    for name in ("student", "teacher"):
        case = real[f"fmnist/{name}"]
        outlier = type(case)(case.name, case.model, case.data, metric=case.metric, limit=case.limit)
        yield f"outlier_{name}", case.model_path, stress / "outlier_calib_x.npy", stress / "outlier_eval_x.npy", outlier


def main():
    require_models()
    stress, wanted = Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        for name, model, calibration, evaluation, case in cases(stress):
            if wanted and name not in wanted:
                continue
            lines = []
            for recipe, options in RECIPES.items():
                done = edgectl(
                    "quantize", model, "--calibration", calibration, "--eval", evaluation, "--limit", case.limit, "--metric", case.metric,
                    *case.options, *options.split(), "-o", Path(folder, "out.edgm"), "--format", "json",
                )
                if done.status != 0:
                    sys.exit(str(done))
                metrics = json.loads(done.stdout)["metrics"]
                output = metrics["outputs"][0]
                agreement = metrics["agreement"]
                shown = "" if agreement is None else f"{100 * agreement:.2f} %"
                lines.append([recipe, f"{100 * metrics['float']:.2f}", f"{100 * metrics['int8']:.2f}", shown, f"{output['snr_db']:.1f} dB"])
            print(f"\n{name}, {metrics['samples']} samples", flush=True)
            table(["", "float", "int8", "agreement", "SQNR"], lines)


if __name__ == "__main__":
    main()
