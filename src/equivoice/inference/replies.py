"""What a language system said, as rows of a predictions table.

Each answer is a row; what it says of the words that were heard, and why, stands in
``transcript`` and ``reason``. Where options were scored, each temperature has one more
row, of the system ``NAME/options``: the probability of each option as the whole
answer, and the most probable one as its label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from equivoice.inference.plan import Cell
from equivoice.models import FloatArray, Said
from equivoice.prompting import Options, parse_responses
from equivoice.prompting.explained import read_target
from equivoice.records import PREDICTIONS

__all__ = ["OPTIONS_SUFFIX", "OptionScore", "Reply", "reply_rows"]

OPTIONS_SUFFIX = "/options"
"""What follows a system's name where its options were scored."""

_NO_ANSWER = "the system gave no answer"
_NO_SCORES = "the system gave no probabilities of its options"
_NO_SUM = "the probabilities of the options are none"
_TOLERANCE = 1e-3
_COLUMNS = (
    "utterance_id",
    "system",
    "prompt",
    "options",
    "temperature",
    "run",
    "fold",
    "modality",
    "label_space",
    "response",
    "status",
    "emotion",
    "probabilities",
    "outside",
    "transcript",
    "reason",
    "seed",
)


@dataclass(frozen=True)
class OptionScore:
    """How probable the options are, for one utterance.

    Args:
        logprobs: (temperatures, options) under the settings that answers are sampled with.
        outside: (temperatures,) the probability of all other answers.
        order: (temperatures, options) by which the label is chosen: ``logprobs``, but
            where those allow no option at all (top-k cut them off; another answer is
            certain at temperature 0) the model's own, freed of the settings.
    """

    logprobs: FloatArray
    outside: FloatArray
    order: FloatArray


@dataclass(frozen=True)
class Reply:
    """What came of one utterance.

    Args:
        utterance_id: the utterance.
        said: (temperatures, runs) answers; empty where the utterance failed.
        scores: of its options; ``None`` where they were not scored.
        reason: why the utterance failed as a whole; ``None`` where it did not.
    """

    utterance_id: str
    said: Sequence[Sequence[Said]] = ()
    scores: OptionScore | None = None
    reason: str | None = None

    @property
    def failure(self) -> str | None:
        """Why there is not a single answer; ``None`` where there is one."""
        if self.reason is not None:
            return self.reason
        every = [each for answers in self.said for each in answers]
        if any(each.text is not None for each in every):
            return None
        return next((each.reason for each in every if each.reason), _NO_ANSWER)

    @property
    def cost(self) -> float | None:
        """What the answers cost, each counted once; ``None`` where that is not known."""
        distinct = {id(each): each for answers in self.said for each in answers}
        known = [each.cost for each in distinct.values() if each.cost is not None]
        return sum(known) if known else None


def reply_rows(
    replies: Sequence[Reply],
    cell: Cell,
    options: Options,
    *,
    temperatures: Sequence[float],
    seeds: Mapping[str, Sequence[Sequence[int]]],
    parser: str,
    scored: bool,
) -> pl.DataFrame:
    """Replies as a predictions table: first the answers, then the option scores.

    Args:
        replies: of a batch.
        cell: that they belong to.
        options: as displayed.
        temperatures: T values.
        seeds: from each utterance to the seeds of its answers, (T, runs).
        parser: by which convention answers are read.
        scored: whether there are option scores.
    """
    answers = [
        _answer(reply, place, temperature, run, seed)
        for reply in replies
        for place, temperature in enumerate(temperatures)
        for run, seed in enumerate(seeds[reply.utterance_id][place])
    ]
    _read(answers, options, parser)
    rows = [row | {"system": cell.system} for row in answers]
    if scored:
        name = {"system": f"{cell.system}{OPTIONS_SUFFIX}"}
        rows += [
            _option_row(reply, place, options) | name | {"temperature": temperature}
            for reply in replies
            for place, temperature in enumerate(temperatures)
        ]
    fixed = {
        "prompt": cell.prompt,
        "options": list(options.shown),
        "fold": cell.fold,
        "modality": cell.modality,
        "label_space": options.space.id,
    }
    types = {name: PREDICTIONS.column(name).dtype for name in _COLUMNS}
    return pl.DataFrame([row | fixed for row in rows], schema=types)


def _answer(reply: Reply, place: int, temperature: float, run: int, seed: int) -> dict[str, Any]:
    text, reason = None, reply.reason
    if reason is None:
        said = reply.said[place][run]
        text, reason = said.text, said.reason
        if text is None:
            reason = reason or _NO_ANSWER
    return {
        "utterance_id": reply.utterance_id,
        "temperature": temperature,
        "run": run,
        "response": text,
        "status": "failed",
        "emotion": None,
        "reason": None if text is not None else reason,
        "seed": seed,
    }


def _read(answers: list[dict[str, Any]], options: Options, parser: str) -> None:
    """Put status and label of each answer that there is into its row."""
    given = [row for row in answers if row["response"] is not None]
    if not given:
        return
    read = parse_responses([row["response"] for row in given], options, convention=parser)
    columns = (read.get_column(name).to_list() for name in ("status", "emotion"))
    for row, status, emotion in zip(given, *columns, strict=True):
        row["status"], row["emotion"] = status, emotion
        explained = read_target(row["response"])
        row["transcript"], row["reason"] = explained.transcript, explained.reason


def _option_row(reply: Reply, place: int, options: Options) -> dict[str, Any]:
    row: dict[str, Any] = {"utterance_id": reply.utterance_id, "status": "failed"}
    if reply.scores is None:
        return row | {"reason": reply.reason or _NO_SCORES}
    shares, outside = np.exp(reply.scores.logprobs[place]), float(reply.scores.outside[place])
    whole = abs(shares.sum() + outside - 1) <= _TOLERANCE and outside >= -_TOLERANCE
    if not whole:  # nor where a share is no number
        return row | {"reason": reply.reason or _NO_SUM}
    names = options.space.names
    by_label = dict(zip(options.labels, shares.tolist(), strict=True))
    row["probabilities"] = [by_label.get(name, 0.0) for name in names]
    row["outside"] = min(1.0, max(0.0, outside))
    order = dict(zip(options.labels, reply.scores.order[place].tolist(), strict=True))
    best = max(order, key=lambda label: (order[label], -names.index(label)))
    if order[best] == -np.inf:  # the model gives no option any probability
        return row | {"status": "unparsed"}
    return row | {"status": "parsed", "emotion": best}
