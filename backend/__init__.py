"""What Label Studio talks to: a web process with ONNX Runtime and no torch. Imports squeezesam_core, no other sibling."""
