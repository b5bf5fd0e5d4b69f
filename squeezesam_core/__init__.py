"""SqueezeSAM's library: prompts, masks, saliency, inference and evaluation.

Imports none of its siblings (backend, training, export) and no torch outside squeezesam_core.model.
"""
