//! edgectl-onnx
