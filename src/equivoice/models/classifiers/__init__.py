"""From frames of an encoder to logits over labels: pooling, heads, files, predictions."""
