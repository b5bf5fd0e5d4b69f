"""`squeezesam demo`: Label Studio, the backend and a queue on this machine, with sample photos (issue 4, item 8)."""
