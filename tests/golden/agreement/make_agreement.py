"""Write agreement.json: what other people's libraries say of the agreement of given votes.

Neither library is needed to run the tests. To write the file again:

    python -m venv /tmp/oracles && /tmp/oracles/bin/pip install krippendorff==0.9.0 statsmodels==0.15.0
    /tmp/oracles/bin/python tests/golden/agreement/make_agreement.py
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

GOLDEN = Path(__file__).with_name("agreement.json")


def unequal(seed: int, items: int, classes: int) -> dict[str, Any]:
    """Nominal alpha of unequal numbers of votes, of all labels and of each against the rest."""
    rng = np.random.default_rng(seed)
    votes = np.array(
        [rng.multinomial(rng.integers(0, 9), rng.dirichlet(np.ones(classes))) for _ in range(items)]
    )
    rest = votes.sum(-1)
    against = [np.stack([votes[:, k], rest - votes[:, k]], axis=-1) for k in range(classes)]
    return {
        "votes": votes.tolist(),
        "alpha": nominal(votes),
        "class_alpha": [nominal(pair) for pair in against],
    }


def equal(seed: int, items: int, classes: int, raters: int) -> dict[str, Any]:
    """Fleiss' kappa and alpha of equal numbers of votes."""
    rng = np.random.default_rng(seed)
    votes = np.array(
        [rng.multinomial(raters, rng.dirichlet(np.full(classes, 0.4))) for _ in range(items)]
    )
    return {
        "votes": votes.tolist(),
        "fleiss": float(fleiss_kappa(votes, method="fleiss")),
        "alpha": nominal(votes),
    }


def pair(seed: int, items: int, classes: int) -> dict[str, Any]:
    """Cohen's kappa of two raters."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, classes, items)
    second = np.where(rng.random(items) < 0.6, first, rng.integers(0, classes, items))
    table = np.zeros((classes, classes))
    np.add.at(table, (first, second), 1)
    return {
        "first": first.tolist(),
        "second": second.tolist(),
        "cohen": float(cohens_kappa(table, return_results=False)),
    }


def nominal(votes: np.ndarray) -> float:
    return float(krippendorff.alpha(value_counts=votes, level_of_measurement="nominal"))


if __name__ == "__main__":
    content = {
        "made_with": {name: version(name) for name in ("krippendorff", "statsmodels")},
        "unequal": [unequal(seed, 4 + 5 * seed, 2 + seed) for seed in range(6)],
        "equal": [equal(10 + k, 5 + 6 * k, 2 + k, 3 + 2 * k) for k in range(5)],
        "pairs": [pair(20 + k, 15 + 20 * k, 2 + k) for k in range(5)],
    }
    GOLDEN.write_text(json.dumps(content) + "\n", "utf-8")
