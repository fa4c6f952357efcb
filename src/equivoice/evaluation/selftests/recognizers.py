"""Self-tests of systems that predict probabilities from utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from equivoice.errors import ConfigError
from equivoice.evaluation.selftests.gate import Gate, Outcome
from equivoice.evaluation.selftests.probes import Probes
from equivoice.models import (
    Classifiable,
    Clip,
    EmotionRecognizer,
    FittedRecognizer,
    FloatArray,
    Trainable,
)
from equivoice.models.classifiers.recognizer import ClassifierRecognizer
from equivoice.records import Label, LabelSpace

__all__ = ["fitted_on", "recognizer_gates"]

_HEARS = "Other speech, and silence, of the same length change the probabilities."
_BATCH = "Other clips in a batch change nothing."
_REPEAT = "The same utterances give the same probabilities again."
_SAID = "Kids are talking by the door."
"""The words of each clip for a system that reads too; they never change, so the sound must."""
_LEAST = 1e-9
_SAME = 1e-6
_COPIES = 6


def fitted_on(
    system: EmotionRecognizer | Trainable | Classifiable, probes: Probes
) -> EmotionRecognizer:
    """The system, fitted on pieces of the probes where it has to be fitted at all.

    A classifier is tested as it is made, with its first weights: what the tests ask of
    it does not depend on what it was taught.

    Raises:
        ConfigError: a classifier that cannot be given speech.
    """
    space = LabelSpace("self-test", (Label("happy"), Label("sad")))
    given = system.modalities if isinstance(system, Classifiable) else {_given(system)}
    if not any("speech" in modality for modality in given):
        raise ConfigError(
            f"the self-tests are of speech, and {system.name} is given none",
            value=", ".join(sorted(given)),
        )
    if isinstance(system, Classifiable):
        return ClassifierRecognizer(system.classifier(space, seed=0))
    if not isinstance(system, Trainable):
        return system
    rows = [
        {
            "utterance_id": f"self-test/{name}-{copy}",
            "corpus": "self-test",
            "audio": clip.path,
            "start": 0.25 * copy,
            "end": 0.25 * copy + 0.5,
            "speaker": f"{name}-{copy % 3}",
            "language": "en",
            "emotion": name,
        }
        for name, clip in (("happy", probes.second), ("sad", probes.first))
        for copy in range(_COPIES)
    ]
    fitted: FittedRecognizer = system.fit(pl.DataFrame(rows), None, label_space=space, seed=0)
    return fitted


def _given(system: object) -> str:
    """What a system is given, which is speech where it does not say."""
    return str(getattr(system, "modality", None) or "speech")


def recognizer_gates(
    recognizer: EmotionRecognizer, probes: Probes
) -> list[tuple[str, str, Callable[[], Gate]]]:
    """The self-tests that apply to a recogniser: name, what it checks, how to run it."""
    return [
        ("hears", _HEARS, lambda: _hears(recognizer, probes)),
        ("batch", _BATCH, lambda: _batch(recognizer, probes)),
        ("repeat", _REPEAT, lambda: _repeat(recognizer, probes)),
    ]


def _hears(recognizer: EmotionRecognizer, probes: Probes) -> Gate:
    one, other, silent = (
        _predicted(recognizer, [clip]) for clip in (probes.first, probes.second, probes.silent)
    )
    if np.isnan(one).any() or np.isnan(other).any():
        return Gate("hears", _HEARS, "undefined", "it gives no answer to synthetic speech")
    changes = [float(np.abs(one - other).max())]
    if not np.isnan(silent).any():  # silence may rightly get no answer, which is a change too
        changes.append(float(np.abs(one - silent).max()))
    changed = min(changes)
    outcome: Outcome = "passed" if changed > _LEAST else "failed"
    why = f"probabilities change by {changed:.1e} with other sound"
    if outcome == "failed":
        why += ": the system does not listen"
    return Gate("hears", _HEARS, outcome, why, changed, _LEAST)


def _batch(recognizer: EmotionRecognizer, probes: Probes) -> Gate:
    clips = [probes.first, probes.short, probes.second, probes.long]
    together = _predicted(recognizer, clips)
    alone = np.concatenate([_predicted(recognizer, [clip], at) for at, clip in enumerate(clips)])
    return _compared("batch", _BATCH, together, alone, "between one batch and each alone")


def _repeat(recognizer: EmotionRecognizer, probes: Probes) -> Gate:
    clips = [probes.first, probes.second]
    once, again = (_predicted(recognizer, clips) for _ in range(2))
    return _compared("repeat", _REPEAT, once, again, "when they are asked for again")


def _compared(name: str, checks: str, one: FloatArray, other: FloatArray, where: str) -> Gate:
    if np.isnan(one).all() or np.isnan(other).all():
        return Gate(name, checks, "undefined", "it gives no answer to synthetic speech")
    both = np.isnan(one) & np.isnan(other)
    differ = float(np.nan_to_num(np.where(both, 0.0, np.abs(one - other)), nan=1.0).max())
    outcome: Outcome = "passed" if differ <= _SAME else "failed"
    return Gate(
        name, checks, outcome, f"probabilities differ by {differ:.1e} {where}", differ, _SAME
    )


def _predicted(recognizer: EmotionRecognizer, clips: Sequence[Clip], first: int = 0) -> FloatArray:
    rows = [
        {
            "utterance_id": f"self-test/{first + at}",
            "corpus": "self-test",
            "audio": clip.path,
            "transcript": _SAID,
            "speaker": f"s{first + at}",
            "language": "en",
        }
        for at, clip in enumerate(clips)
    ]
    return np.asarray(recognizer.predict(pl.DataFrame(rows)), dtype=np.float64)
