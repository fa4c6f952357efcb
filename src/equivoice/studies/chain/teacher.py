"""A scripted teacher that listens: reasons from measurements, with faults planted on purpose.

It stands in for a speech LLM, so that all that follows can be run and tested without one.
It says what is measured clearest of an utterance, relative to its speaker, and what is said
in it; it makes nothing of the label. Some of what it says is wrong on purpose, and some of
it breaks a rule, each in known numbers: so it can be seen whether filters and grounding
find what is there to be found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from equivoice.errors import InputError
from equivoice.inference.seeds import seed_for
from equivoice.rationales.filtering import KEPT
from equivoice.rationales.grounding import Ground

__all__ = [
    "FAULTS",
    "OPPOSITES",
    "SAYINGS",
    "Heard",
    "clear_claims",
    "teacher_texts",
    "write_reason",
]

Claim = tuple[str, str]

SAYINGS: Mapping[Claim, tuple[str, ...]] = MappingProxyType(
    {
        ("pitch", "high"): ("the pitch is high", "the voice is high-pitched"),
        ("pitch", "low"): ("the pitch is low", "the voice is low-pitched"),
        ("pitch_range", "varied"): ("the intonation varies a lot", "the melody is lively"),
        ("pitch_range", "flat"): ("the intonation is flat", "the voice is monotone"),
        ("loudness", "high"): ("the voice is loud", "the volume is raised"),
        ("loudness", "low"): ("the voice is quiet", "the volume is low"),
        ("rate", "high"): ("the pace is fast", "the words come quickly"),
        ("rate", "low"): ("the pace is slow", "the words come slowly"),
    }
)
"""What the teacher says of the sound, by measure and direction: the same thing in two wordings."""

OPPOSITES: Mapping[Claim, Claim] = MappingProxyType(
    {
        one: other
        for one in SAYINGS
        for other in SAYINGS
        if one[0] == other[0] and one[1] != other[1]
    }
)
"""From each claim to the one that is said where the teacher errs."""

_FRAMES = (
    "The words “{said}” leave it open; {first}, and {second}.",
    "What is said, “{said}”, tells little by itself. Here {first} and {second}.",
    "In the sentence “{said}” the sound decides: {first} and {second}.",
)
_MUTE = "The words are unknown here. It is the sound that decides: {first} and {second}."
_CLAIMS = 2


@dataclass(frozen=True)
class Heard:
    """What the teacher says of an utterance.

    Args:
        said: the transcript; ``None`` where it is not known.
        claims: about the sound, as (measure, direction).
    """

    said: str | None
    claims: tuple[Claim, Claim]


def clear_claims(ground: Ground, row: int) -> list[Claim]:
    """What the measurements say of an utterance beyond doubt, the clearest first.

    Args:
        ground: measurements, and where the lines are drawn.
        row: of the utterance in the measurements.
    """
    known = {claim: ground.strength(*claim) for claim in SAYINGS}
    strong = {claim: float(values[row]) for claim, values in known.items() if values is not None}
    clear = [claim for claim, strength in strong.items() if strength >= 1]
    return sorted(clear, key=lambda claim: -strong[claim])


def write_reason(heard: Heard, draws: np.random.Generator) -> str:
    """A reason in one of several wordings.

    Args:
        heard: what is said in it.
        draws: the wording.

    Example:
        >>> heard = Heard("Dogs bark.", (("pitch", "high"), ("rate", "low")))
        >>> write_reason(heard, np.random.default_rng(3))
        'In the sentence “Dogs bark.” the sound decides: the pitch is high and the pace is slow.'
    """
    frame = _MUTE if heard.said is None else _FRAMES[draws.integers(len(_FRAMES))]
    first, second = (SAYINGS[claim][draws.integers(len(SAYINGS[claim]))] for claim in heard.claims)
    return frame.format(said=heard.said, first=first, second=second)


# ---------------------------------------------------------------------------- faults

FAULTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "names the label": ("label_word", "{reason} That is plainly {label}."),
        "far too short": ("too_short", "The voice says it all."),
        "nothing about the words": (
            "no_content",
            "Listen to how high or low the voice goes, how loud it is, and how it moves.",
        ),
        "nothing about the sound": (
            "no_sound",
            (
                "The words in this sentence are what people use when they feel like this, and no "
                "more is needed."
            ),
        ),
        "breaks off": ("cut_off", "{reason} And what is more, the"),
        "goes round in circles": (
            "repeats",
            "{reason}" + 3 * " It is all in the way it is said.",
        ),
        "holds a tag": ("holds_tags", "{reason} <answer>so</answer> it is."),
        "opens with a filler": (KEPT, "Well, you know, {reason}"),
        "ends with a question": (KEPT, "{reason} What do you think?"),
    }
)
"""Faults by what they are: the filter that must drop such a reason (or that it is cleaned
and kept), and how a reason is spoilt."""


def teacher_texts(
    utterances: pl.DataFrame,
    ground: Ground,
    *,
    faults: float = 0.0,
    slips: float = 0.0,
    seed: int = 0,
) -> pl.DataFrame:
    """What the teacher writes of each utterance.

    Args:
        utterances: ``utterance_id``, ``emotion`` and, where known, ``transcript``.
        ground: the measurements of all of the corpus.
        faults: the share of reasons that break a rule, the kinds in turn.
        slips: the share of claims about the sound that say the opposite of what is measured.
        seed: of what is drawn.

    Returns:
        ``utterance_id``, ``text`` (null where fewer than two things can be said of the
        sound), ``fault`` (null for none) and ``slips``, the number of claims that are wrong.

    Raises:
        InputError: an utterance was not measured.
    """
    kinds = _planted(utterances.get_column("utterance_id").to_list(), faults, seed)
    rows = [
        _text(row, ground, kinds.get(row["utterance_id"]), slips, seed)
        for row in utterances.iter_rows(named=True)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "utterance_id": pl.String,
            "text": pl.String,
            "fault": pl.String,
            "slips": pl.Int64,
        },
        orient="row",
    )


def _planted(names: Sequence[str], share: float, seed: int) -> dict[str, str]:
    """Which utterances get which fault: so many, drawn by lot, the kinds in turn."""
    drawn = sorted(names, key=lambda name: seed_for(seed, "fault", name))
    number = round(share * len(drawn))
    kinds = list(FAULTS)
    return {name: kinds[at % len(kinds)] for at, name in enumerate(drawn[:number])}


def _text(
    row: Mapping[str, str | None], ground: Ground, fault: str | None, slips: float, seed: int
) -> tuple[str, str | None, str | None, int]:
    name = str(row["utterance_id"])
    if name not in ground.found.rows:
        raise InputError("an utterance was not measured", column="utterance_id", value=name)
    claims = clear_claims(ground, ground.found.rows[name])
    if len(claims) < _CLAIMS:
        return name, None, None, 0
    draws = np.random.default_rng(seed_for(seed, "teacher", name))
    wrong = draws.random(_CLAIMS) < slips
    told = [
        OPPOSITES[claim] if slip else claim
        for claim, slip in zip(claims[:_CLAIMS], wrong, strict=True)
    ]
    reason = write_reason(Heard(row.get("transcript"), (told[0], told[1])), draws)
    if fault is None:
        return name, reason, None, int(wrong.sum())
    return (
        name,
        FAULTS[fault][1].format(reason=reason, label=row["emotion"]),
        fault,
        int(wrong.sum()),
    )
