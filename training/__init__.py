"""Training: corpus, augmentation, prompts, losses and the loop. Needs the extra `train`."""
