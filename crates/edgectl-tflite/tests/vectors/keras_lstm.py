"""Makes keras_lstm.tflite, a Keras LSTM as TensorFlow's converter quantizes it, and keras_lstm.json, what TFLite Micro's reference
kernels compute for five invocations without a reset: the state lasts from one to the next.

Needs tensorflow-cpu, tf_keras and tflite-micro, in an environment of its own: they are large. keras_lstm.py has no arguments.
"""

import json
import os
import tempfile
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # The converter does not know the layer of Keras 3.
import numpy as np
import tensorflow as tf
from tflite_micro.python.tflite_micro import runtime

HERE = Path(__file__).parent
STEPS, INPUTS, UNITS, CLASSES, INVOCATIONS = 7, 5, 6, 3, 5

tf.keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
data = np.cumsum(rng.normal(size=(64, STEPS, INPUTS)), axis=1).astype(np.float32)
entrance = tf.keras.Input((STEPS, INPUTS), batch_size=1)
hidden = tf.keras.layers.LSTM(UNITS, return_sequences=True)(entrance)
model = tf.keras.Model(entrance, tf.keras.layers.Dense(CLASSES)(hidden))
with tempfile.TemporaryDirectory() as folder:
    signature = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec([1, STEPS, INPUTS], tf.float32))
    tf.saved_model.save(model, folder, signatures=signature)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([x[None]] for x in data)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = converter.convert()
(HERE / "keras_lstm.tflite").write_bytes(content)

interpreter = runtime.Interpreter.from_bytes(content)
inputs = rng.integers(-128, 128, (INVOCATIONS, 1, STEPS, INPUTS)).astype(np.int8)
outputs = []
for x in inputs:
    interpreter.set_input(x, 0)
    interpreter.invoke()
    outputs.append(np.array(interpreter.get_output(0)).reshape(-1).tolist())
record = {"inputs": inputs.reshape(INVOCATIONS, -1).tolist(), "outputs": outputs}
(HERE / "keras_lstm.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
