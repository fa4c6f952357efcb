"""A fake that answers by a script: it makes every stage testable without a model.

It stands in for any recogniser: right as often as it is told to be, the same on
every machine, and able to fail, to give no answer, to wait and to end its process
at a chosen utterance.
"""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.models.protocols import FloatArray
from equivoice.models.scripted_tables import told_utterances
from equivoice.records import LabelSpace

__all__ = ["ScriptedBaseline", "ScriptedRecognizer"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_CONFIDENCE = 0.7


@dataclass(frozen=True)
class ScriptedRecognizer:
    """Answers from a table, and by a seeded rule where the table says nothing.

    An utterance in ``answers`` is answered with that label, or, with probability
    ``1 - accuracy``, with another one. Others are answered with a label drawn by
    hash of seed and utterance, so that the answer depends on nothing else.

    Args:
        label_space: its labels.
        answers: from utterance_id to a label.
        accuracy: share of the answers in the table that are given as they stand.
        seed: root of the draws.
        name: the name of the system.
        fail_on: utterances for which predicting raises.
        silent_on: utterances for which no answer is possible (a row of NaN).
        kill_at: the utterance at which the process kills itself, as ``kill -9`` does.
        wait_at: the utterance at which the process waits until ``trap`` can be read.
        trap: a file that arms ``kill_at`` and ``wait_at``: without it nothing
            happens there, so that a test can spring the trap once. For ``wait_at``
            it is a named pipe, which tells the test that the utterance is reached.
        selection: as every fitted recogniser has it.

    Raises:
        LabelError: an answer is not in the label space.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("happy")))
        >>> fake = ScriptedRecognizer(space, {"a/1": "happy"})
        >>> fake.predict(pl.DataFrame({"utterance_id": ["a/1"]})).round(2).tolist()
        [[0.3, 0.7]]
    """

    label_space: LabelSpace
    answers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    accuracy: float = 1.0
    seed: int = 0
    name: str = "scripted"
    fail_on: frozenset[str] = frozenset()
    silent_on: frozenset[str] = frozenset()
    kill_at: str | None = None
    wait_at: str | None = None
    trap: str | None = None
    selection: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for answer in self.answers.values():
            self.label_space.index(answer)

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        """One answer an utterance: shape (n, K), the chosen label with 0.7.

        Raises:
            InputError: for an utterance in ``fail_on``.
        """
        names = utterances.get_column("utterance_id").to_list()
        if not names:
            return np.empty((0, len(self.label_space.names)))
        return np.stack([self._row(name) for name in names])

    def _row(self, utterance: str) -> FloatArray:
        self._spring(utterance)
        if utterance in self.fail_on:
            raise InputError("the script says to fail here", value=utterance)
        size = len(self.label_space.names)
        if utterance in self.silent_on:
            return np.full(size, np.nan)
        if size == 1:
            return np.ones(1)
        row = np.full(size, (1 - _CONFIDENCE) / (size - 1))
        row[self._choice(utterance, size)] = _CONFIDENCE
        shares: FloatArray = row / row.sum()
        return shares

    def _spring(self, utterance: str) -> None:
        if utterance not in (self.kill_at, self.wait_at) or self.trap is None:
            return
        trap = Path(self.trap)
        if not trap.exists():
            return
        if utterance == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        trap.read_bytes()

    def _choice(self, utterance: str, size: int) -> int:
        digest = hashlib.blake2b(f"{self.seed}\n{utterance}".encode(), digest_size=16).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        other = int.from_bytes(digest[8:], "big")
        answer = self.answers.get(utterance)
        if answer is None:
            return other % size
        right = self.label_space.index(answer)
        return right if share < self.accuracy else (right + 1 + other % (size - 1)) % size


@dataclass(frozen=True)
class ScriptedBaseline:
    """The fake as something that can be fitted, so that ``benchmark`` can run it.

    Fitting learns nothing: it takes the label space and the seed, and notes the
    training speakers as an honest system would.

    Args:
        answers: the file of a table with ``utterance_id`` and ``emotion``, or such
            a mapping; without it the answers are drawn at random. Answers that are
            no label of the corpus at hand belong to another corpus and are passed over.
        accuracy: share of the known answers that are given as they stand.
        name: the name of the system.
        fail_on: utterances for which predicting raises.
        silent_on: utterances that get no answer.
        kill_at: as for :class:`ScriptedRecognizer`.
        wait_at: as for :class:`ScriptedRecognizer`.
        trap: as for :class:`ScriptedRecognizer`.

    Raises:
        ConfigError: ``accuracy`` is not within 0 and 1.
    """

    answers: str | Path | Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    accuracy: float = 1.0
    name: str = "scripted"
    fail_on: tuple[str, ...] = ()
    silent_on: tuple[str, ...] = ()
    kill_at: str | None = None
    wait_at: str | None = None
    trap: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1:
            raise ConfigError(
                "accuracy is a share from 0 to 1", column="accuracy", value=self.accuracy
            )

    def fit(
        self,
        train: pl.DataFrame,
        validation: pl.DataFrame | None,  # noqa: ARG002 - nothing is chosen
        *,
        label_space: LabelSpace,
        seed: int,
    ) -> ScriptedRecognizer:
        """The fake for this label space; ``train`` is only looked at for its speakers."""
        answers = _answers(self.answers)
        speakers = train.get_column("speaker").drop_nulls().unique().sort().to_list()
        chosen = {
            "what": "nothing: the answers are scripted",
            "candidates": [],
            "chosen": None,
            "split": "train",
            "speakers": speakers,
        }
        return ScriptedRecognizer(
            label_space=label_space,
            answers={key: word for key, word in answers.items() if word in label_space.names},
            accuracy=self.accuracy,
            seed=seed,
            name=self.name,
            fail_on=frozenset(self.fail_on),
            silent_on=frozenset(self.silent_on),
            kill_at=self.kill_at,
            wait_at=self.wait_at,
            trap=self.trap,
            selection=[chosen],
        )


def _answers(given: str | Path | Mapping[str, str]) -> Mapping[str, str]:
    if isinstance(given, Mapping):
        return given
    known = told_utterances(given, "emotion", what="answers")
    return dict(known.select("utterance_id", "emotion").iter_rows())
