"""Where photos and masks to train on come from."""
