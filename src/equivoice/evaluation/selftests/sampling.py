"""Are runs independent, do seeds hold, are the fast roads exact, which settings hide?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from equivoice.evaluation.selftests.asking import Asked, apart
from equivoice.evaluation.selftests.gate import Gate, Outcome
from equivoice.evaluation.selftests.probes import Probes
from equivoice.models import Draw

__all__ = ["hidden_settings", "independent_runs", "option_tree", "seeds", "tree", "trimming"]

_RUNS = "Two runs agree as often as independent ones would: in the sum of squared probabilities."
_SEEDS = "Equal seeds give equal answers, and other seeds can give other answers."
_TREE = "An answer drawn among many is the one that is drawn alone."
_OPTION_TREE = "An option scored among others has the probability that it has alone."
_TRIM = "Clips encoded without their padding are encoded exactly."
_HIDDEN = "The settings that a checkpoint brings are on record and not left to chance."
_PAIRS = 200
_TEMPERATURE = 1.0
_HOT = 2.0
_WIDE = 0.25
_UNLIKELY = 4.0
_DRAWS = 64
_SHARE_IN_HALF_PRECISION = 0.05
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "top_k": (None, 0),
    "top_p": (None, 1, 1.0),
    "repetition_penalty": (None, 1, 1.0),
    "min_p": (None, 0, 0.0),
    "typical_p": (None, 1, 1.0),
    "no_repeat_ngram_size": (None, 0),
    "num_beams": (None, 1),
}


def independent_runs(asked: Asked, probes: Probes) -> Gate:
    """Whether runs are independent draws from the model's own distribution.

    The chance that two runs agree lies between the sum of the squared option
    probabilities and that sum plus the squared mass outside the options. The test
    compares disjoint pairs of runs, so that their agreements are independent. Where
    most mass lies outside, these bounds say little, and neighbouring runs are compared
    with runs that lie apart.
    """
    draws = tuple(Draw(_TEMPERATURE, 10_000 + number) for number in range(2 * _PAIRS))
    if not asked.scores_options:
        return _hot_runs(asked, probes)
    said = asked.answers([probes.first, probes.second], draws)
    shares = np.exp(asked.scores([probes.first, probes.second], temperature=_TEMPERATURE))
    least = (shares**2).sum(-1)
    most = np.minimum(1.0, least + np.maximum(0.0, 1 - shares.sum(-1)) ** 2)
    low, high = float(least.mean()), float(most.mean())
    if high - low > _WIDE:
        return _neighbouring_runs(asked, probes, said)
    seen, pairs = _agreement(said)
    z = _excess(seen, min(max(seen, low), high), pairs)
    why = (
        f"{seen:.1%} of {pairs} pairs of runs agree; independent runs agree in "
        f"{low:.1%} to {high:.1%}"
    )
    outcome: Outcome = "passed" if z <= _UNLIKELY else "failed"
    return Gate("independent runs", _RUNS, outcome, why, z, _UNLIKELY)


def _neighbouring_runs(asked: Asked, probes: Probes, said: list[list[str | None]]) -> Gate:
    """Runs side by side must agree as often as any two do, and not all may be the same."""
    if all(len(set(row)) == 1 for row in said):
        return _hot_runs(asked, probes)
    seen, pairs = _agreement(said)
    expected = float(np.mean([_any_two_agree(row) for row in said]))
    z = _excess(seen, expected, pairs)
    why = (
        f"{seen:.1%} of {pairs} pairs of neighbouring runs agree, and {expected:.1%} of any two; "
        "most answers are none of the options, whose probabilities therefore say little"
    )
    outcome: Outcome = "passed" if z <= _UNLIKELY else "failed"
    return Gate("independent runs", _RUNS, outcome, why, z, _UNLIKELY)


def _agreement(said: list[list[str | None]]) -> tuple[float, int]:
    """The share of disjoint pairs of neighbouring runs that agree, and how many pairs there are."""
    agree = np.array([[a == b for a, b in zip(row[::2], row[1::2], strict=True)] for row in said])
    return float(agree.mean()), agree.size


def _any_two_agree(row: list[str | None]) -> float:
    counts = np.array(list(Counter(row).values()), dtype=np.float64)
    return float((counts * (counts - 1)).sum() / (len(row) * (len(row) - 1)))


def _excess(seen: float, expected: float, pairs: int) -> float:
    """How many standard errors lie between two shares of agreeing pairs."""
    error = math.sqrt(max(expected * (1 - expected), 1 / pairs) / pairs)
    return abs(seen - expected) / error


def _hot_runs(asked: Asked, probes: Probes) -> Gate:
    """Where no probabilities can be had: at a high temperature not all runs may be the same."""
    draws = tuple(Draw(_HOT, 10_000 + number) for number in range(8))
    said = asked.answers([probes.first, probes.second], draws)
    distinct = max(len(set(row)) for row in said)
    if distinct > 1:
        why = (
            f"up to {distinct} of 8 answers at temperature {_HOT:g} are distinct; whether they "
            "are independent cannot be told without probabilities"
        )
        return Gate("independent runs", _RUNS, "undefined", why, distinct, 1)
    why = f"8 runs at temperature {_HOT:g} gave one answer, as runs that share a seed do"
    return Gate("independent runs", _RUNS, "failed", why, distinct, 1)


def seeds(asked: Asked, probes: Probes) -> Gate:
    """Whether an answer follows from its seed."""
    draws = tuple(Draw(_TEMPERATURE, 500 + number) for number in range(16))
    once, again = (asked.answers([probes.first], draws)[0] for _ in range(2))
    differ = sum(a != b for a, b in zip(once, again, strict=True)) / len(draws)
    outcome: Outcome = "failed" if differ else "passed"
    why = f"{differ:.0%} of {len(draws)} answers differ when they are asked for with the same seed"
    if differ and not asked.scores_options:
        why += "; a run cannot be repeated exactly with this server"
    return Gate("seeds", _SEEDS, outcome, why, differ, 0.0)


def tree(asked: Asked, probes: Probes) -> Gate:
    """Whether sharing work between answers changes them: drawn among many, and drawn alone."""
    if not asked.scores_options:
        return Gate("tree", _TREE, "not applicable", "a server samples in its own way")
    draws = tuple(Draw(_TEMPERATURE, 900 + number) for number in range(_DRAWS))
    among = asked.answers([probes.first], draws)[0]
    alone = [asked.answers([probes.first], [draw])[0][0] for draw in draws]
    differ = sum(a != b for a, b in zip(among, alone, strict=True)) / len(draws)
    exact = asked.described.get("dtype", "float32") == "float32"
    allowed = 0.0 if exact else _SHARE_IN_HALF_PRECISION
    why = f"{differ:.0%} of {len(draws)} answers differ between drawn among many and drawn alone"
    used = _optimisation(asked, "prefix_tree")
    if used.get("on") is False:
        why += f"; the token tree is switched off ({used.get('why', 'no reason given')})"
    failed = differ > allowed
    return Gate(
        "tree",
        _TREE,
        "failed" if failed else "passed",
        why,
        differ,
        allowed,
        "tree" if failed else None,
    )


def option_tree(asked: Asked, probes: Probes) -> Gate:
    """Whether scoring options together changes their probabilities."""
    if not asked.scores_options:
        return Gate("option tree", _OPTION_TREE, "not applicable", "options are not scored")
    together = asked.scores([probes.first])[0]
    alone = np.array([asked.scores([probes.first], texts=[text])[0, 0] for text in asked.texts])
    differ = apart(together, alone)
    failed = differ > asked.tolerance
    why = f"log-probabilities differ by {differ:.1e} between scored together and scored alone"
    return Gate(
        "option tree",
        _OPTION_TREE,
        "failed" if failed else "passed",
        why,
        differ,
        asked.tolerance,
        "tree" if failed else None,
    )


def trimming(asked: Asked, probes: Probes) -> Gate:
    """Whether clips are encoded exactly without their padding; the model's own gate, run now."""
    from equivoice.models.hearing.trimming import TrimmingModel, trim_gate

    if not isinstance(asked.backend, TrimmingModel):
        why = str(_optimisation(asked, "trimmed_encoding").get("why", "no padding is left out"))
        return Gate("trimming", _TRIM, "not applicable", why)
    if not asked.backend.trim:
        return Gate("trimming", _TRIM, "not applicable", asked.backend.trim_why)
    found = trim_gate(asked.backend, [probes.short, probes.first, probes.long])
    outcome: Outcome = "passed" if found.passed else "failed"
    return Gate(
        "trimming", _TRIM, outcome, found.why, switches_off=None if found.passed else "trim"
    )


def hidden_settings(asked: Asked, probes: Probes) -> Gate:  # noqa: ARG001 - one form for all
    """Which generation settings come with the checkpoint and would act unseen."""
    found = asked.described.get("generation_settings", asked.described.get("generation"))
    if found is None:
        return Gate("hidden settings", _HIDDEN, "failed", "the record names no generation settings")
    if not isinstance(found, Mapping):
        return Gate("hidden settings", _HIDDEN, "undefined", str(found))
    acting = {
        name: value
        for name, value in found.items()
        if name in _NEUTRAL and isinstance(value, int | float) and value not in _NEUTRAL[name]
    }
    if not acting:
        return Gate("hidden settings", _HIDDEN, "passed", "none that acts on answers", 0, 0)
    listed = ", ".join(f"{name} {value}" for name, value in acting.items())
    why = f"the checkpoint brings {listed}; Decoding.neutral() switches them off"
    return Gate("hidden settings", _HIDDEN, "passed", why, len(acting), 0)


def _optimisation(asked: Asked, name: str) -> Mapping[str, Any]:
    """What the system says of an optimisation now, after it has been used."""
    said = asked.backend.describe().get("optimisations", {})
    found = said.get(name, {}) if isinstance(said, Mapping) else {}
    return found if isinstance(found, Mapping) else {}
