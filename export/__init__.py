"""From a checkpoint to a version that serves: fold, ONNX, int8, parity, bundle. Needs the extra `export`."""

ITEMS, HELD_OUT = 96, 64
"""Inputs to calibrate on, and others to measure int8 against fp32 on."""
