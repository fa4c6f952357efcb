"""A corpus that we make: Praat's voices speak emotional sentences, with known, planted biases."""

from equivoice.corpora.synthetic.biases import Biases, Imbalance, Noise, RatingShift, Shortcut
from equivoice.corpora.synthetic.make import make_synthetic
from equivoice.corpora.synthetic.simulation import (
    SimulatedRater,
    SimulatedVotes,
    planted_raters,
    simulate_votes,
)

__all__ = [
    "Biases",
    "Imbalance",
    "Noise",
    "RatingShift",
    "Shortcut",
    "SimulatedRater",
    "SimulatedVotes",
    "make_synthetic",
    "planted_raters",
    "simulate_votes",
]
