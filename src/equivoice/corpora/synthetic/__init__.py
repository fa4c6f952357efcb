"""A corpus that we make: Praat's voices speak emotional sentences, with known, planted biases."""

from equivoice.corpora.synthetic.biases import Biases, Imbalance, Noise, RatingShift, Shortcut
from equivoice.corpora.synthetic.make import make_synthetic

__all__ = ["Biases", "Imbalance", "Noise", "RatingShift", "Shortcut", "make_synthetic"]
