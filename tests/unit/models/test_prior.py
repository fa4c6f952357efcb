"""The baseline that does not listen."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import InputError
from equivoice.models.prior import PriorBaseline
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))


def table(emotions: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": [f"a/{i}" for i in range(len(emotions))],
            "speaker": [f"s{i % 2}" for i in range(len(emotions))],
            "emotion": pl.Series(emotions, dtype=pl.String),
        }
    )


@given(st.lists(st.sampled_from(SPACE.names), min_size=1))
def test_it_answers_with_the_shares_of_the_training_labels(emotions: list[str]) -> None:
    fitted = PriorBaseline().fit(table(emotions), None, label_space=SPACE, seed=0)
    row = fitted.predict(table(["sad", "sad"]))[1]
    counts = Counter(emotions)
    assert row.tolist() == pytest.approx([counts[name] / len(emotions) for name in SPACE.names])


def test_utterances_without_a_label_do_not_count() -> None:
    fitted = PriorBaseline().fit(table(["happy", None, None]), None, label_space=SPACE, seed=0)
    assert fitted.predict(table(["sad"])).tolist() == [[0, 1, 0]]


def test_with_no_label_at_all_there_is_nothing_to_learn() -> None:
    with pytest.raises(InputError, match="no labelled utterance"):
        PriorBaseline().fit(table([None]), None, label_space=SPACE, seed=0)


def test_its_one_choice_is_recorded_with_split_and_speakers() -> None:
    fitted = PriorBaseline().fit(table(["happy", "sad"]), None, label_space=SPACE, seed=0)
    (choice,) = fitted.selection
    assert choice["split"] == "train"
    assert choice["speakers"] == ["s0", "s1"]
    assert choice["chosen"] == {"angry": 0, "happy": 0.5, "sad": 0.5}


def test_without_utterances_there_are_no_rows() -> None:
    fitted = PriorBaseline().fit(table(["happy"]), None, label_space=SPACE, seed=0)
    assert fitted.predict(table([])).shape == (0, 3)
