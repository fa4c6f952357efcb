"""What a system must be able to do so that every other room can work with it.

Three protocols, each as narrow as its callers need:

- :class:`EmotionRecognizer`: predicts. All that ``inference`` asks for.
- :class:`Trainable`: learns from training utterances and hands back a
  :class:`FittedRecognizer`, which also says how every choice was made.

And capabilities that a system may add:

- :class:`Watchable`: tells how far it is while it works on sound.

- :class:`Cuts`: tells what it cut of what is too long for it.

- :class:`Prepares`: is shown all utterances of a test set, without labels,
  once before they are predicted in batches. Features can be extracted in
  parallel there; a transductive system (which normalises by the test speaker)
  needs it, because a batch holds a part of a speaker's utterances only.

Nobody has to inherit from these classes; having the attributes is enough. One
contract suite, ``tests/contract/test_recognizers.py``, tests them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from equivoice.records import LabelSpace

__all__ = [
    "LABEL_COLUMNS",
    "Cuts",
    "EmotionRecognizer",
    "FittedRecognizer",
    "FloatArray",
    "Prepares",
    "Trainable",
    "Watchable",
    "cuts_of",
]

FloatArray = npt.NDArray[np.float64]

LABEL_COLUMNS = ("emotion", "valence", "arousal", "dominance")
"""The columns of an utterances table that a system never sees of a test set."""


@runtime_checkable
class EmotionRecognizer(Protocol):
    """Turns utterances into probabilities over its labels.

    Attributes:
        name: the name of the system, as it stands in tables and reports.
        label_space: the labels it knows; the columns of what it predicts.
    """

    @property
    def name(self) -> str:
        """The name of the system, as it stands in tables and reports."""

    @property
    def label_space(self) -> LabelSpace:
        """The labels that it knows, in the order of its probabilities."""

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        """Probabilities of the labels.

        The same utterances in the same batch give the same numbers; the answer
        for an utterance does not depend on state left by an earlier batch.

        Args:
            utterances: rows of an utterances table with an absolute path in
                ``audio``, without the columns :data:`LABEL_COLUMNS`.

        Returns:
            Array of shape (n, K), float64, rows in the order given, columns in
            the order of ``label_space``; each row sums to 1. A row of NaN says
            that no answer was possible for that utterance.

        Raises:
            AudioError: a sound cannot be used. The caller then asks for each
                utterance alone, so that only the faulty one is lost.
        """


@runtime_checkable
class FittedRecognizer(EmotionRecognizer, Protocol):
    """A recogniser that was fitted, and that accounts for it.

    Attributes:
        selection: one entry for every choice that was made from data: ``what``
            was chosen, the ``candidates`` with their scores, the one
            ``chosen``, the ``split`` it was made on (``train`` or
            ``validation``) and the ``speakers`` whose speech took part.
            Values that JSON can hold.
    """

    @property
    def selection(self) -> list[dict[str, Any]]:
        """Every choice made from data, with candidates, split and speakers."""


@runtime_checkable
class Trainable(Protocol):
    """Learns to recognise emotions from training utterances.

    Attributes:
        name: the name of the system; its fitted recogniser bears it too.
    """

    @property
    def name(self) -> str:
        """The name of the system; the fitted recogniser bears it too."""

    def fit(
        self,
        train: pl.DataFrame,
        validation: pl.DataFrame | None,
        *,
        label_space: LabelSpace,
        seed: int,
    ) -> FittedRecognizer:
        """Fit to the training utterances; the object itself does not change.

        Args:
            train: rows of an utterances table; ``emotion`` is never null.
            validation: the official validation split, or ``None`` where there
                is none. A system that needs one then makes its own from
                ``train`` (see ``corpora.folds.validation_split``).
            label_space: the labels of the corpus.
            seed: everything random derives from it; equal input and seed give
                a recogniser with equal answers.
        """


@runtime_checkable
class Watchable(Protocol):
    """A system whose first look at sound takes long enough to be watched."""

    def watched(self, watch: Callable[[int, int], None]) -> Trainable:
        """The same system; it calls ``watch(done, all)`` while it listens to utterances."""


@runtime_checkable
class Prepares(Protocol):
    """A recogniser that wants to see a whole test set before its batches."""

    def prepare(self, utterances: pl.DataFrame) -> None:
        """Look at all utterances that will be predicted, once before the first batch.

        Called with the whole test set also when a run is resumed in its
        middle, so that the answers do not depend on where it was cut.

        Args:
            utterances: as in :meth:`EmotionRecognizer.predict`, without labels.
        """


@runtime_checkable
class Cuts(Protocol):
    """A system that takes the beginning alone of what is too long for it, and counts that."""

    def cuts(self) -> Mapping[str, int]:
        """How much was cut so far: from what it was to how often, each clip or text once."""


def cuts_of(system: object) -> dict[str, int]:
    """What a system cut so far; nothing where it does not cut.

    Args:
        system: any.

    Example:
        >>> cuts_of("no system")
        {}
    """
    return dict(system.cuts()) if isinstance(system, Cuts) else {}
