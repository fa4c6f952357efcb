"""Speech encoders to be trained for emotion: pretrained ones, and a compact one from scratch."""
