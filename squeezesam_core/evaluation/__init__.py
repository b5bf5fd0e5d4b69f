"""How good a model is: simulated clicks, protocols, metrics, reports."""
