"""From a checkpoint to a version that serves: fold, ONNX, int8, parity, bundle. Needs the extra `export`."""
