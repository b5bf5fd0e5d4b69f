"""The networks, in torch. Nothing outside squeezesam_core.model, evaluation, training and export imports this."""
