"""The protocols: having the attributes is enough, and lacking one is noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from equivoice.models import (
    LABEL_COLUMNS,
    EmotionRecognizer,
    FittedRecognizer,
    FloatArray,
    Prepares,
    Trainable,
    cuts_of,
)
from equivoice.records import UTTERANCES, Label, LabelSpace

SPACE = LabelSpace("demo", (Label("sad"),))


class Recognizer:
    """What somebody outside would write, without inheriting from anything of ours."""

    name = "mine"
    label_space = SPACE

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        return np.ones((utterances.height, 1))


class Fitted(Recognizer):
    selection: list[dict[str, Any]] = []  # noqa: RUF012 - as short as somebody would write it


class Transductive(Fitted):
    def prepare(self, utterances: pl.DataFrame) -> None:
        """Look at the test set."""


class Learner:
    name = "mine"

    def fit(
        self,
        train: pl.DataFrame,
        validation: pl.DataFrame | None,
        *,
        label_space: LabelSpace,
        seed: int,
    ) -> Fitted:
        del train, validation, label_space, seed
        return Fitted()


def test_having_the_attributes_is_enough() -> None:
    assert isinstance(Recognizer(), EmotionRecognizer)
    assert isinstance(Fitted(), FittedRecognizer)
    assert isinstance(Transductive(), Prepares)
    assert isinstance(Learner(), Trainable)


def test_each_protocol_tells_its_own_from_the_others() -> None:
    assert not isinstance(Recognizer(), FittedRecognizer | Trainable | Prepares)
    assert not isinstance(Fitted(), Prepares)
    assert not isinstance(Learner(), EmotionRecognizer)
    assert not isinstance(object(), EmotionRecognizer | Trainable)


def test_static_typing_agrees() -> None:
    """Mypy checks these assignments where the tests are type-checked."""
    recognizer: EmotionRecognizer = Recognizer()
    fitted: FittedRecognizer = Transductive()
    learner: Trainable = Learner()
    assert recognizer.name == fitted.name == learner.name


def test_the_columns_that_are_hidden_are_columns_of_utterances() -> None:
    assert set(LABEL_COLUMNS) <= set(UTTERANCES.names)
    numbers = {column.name for column in UTTERANCES.columns if "scale that the card" in column.doc}
    assert set(LABEL_COLUMNS) == numbers | {"emotion"}


class Cutting(Recognizer):
    def cuts(self) -> dict[str, int]:
        return {"end of a clip": 3}


def test_who_cuts_says_so_and_others_need_not() -> None:
    assert cuts_of(Cutting()) == {"end of a clip": 3}
    assert cuts_of(Recognizer()) == {}
