"""Tables, paths and plain sequences are the same to score()."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.evaluation.given import as_tables


def test_sequences_become_tables_with_speakers_and_groups() -> None:
    answers, truth = as_tables(
        ["sad", None], ["sad", "happy"], speakers=[1, None], groups={"gender": ["female", "male"]}
    )
    assert answers.rows() == [("item/0", "sad"), ("item/1", None)]
    assert truth["speaker"].to_list() == ["1", None]
    assert truth["gender"].to_list() == ["female", "male"]


def test_paths_are_read_and_frames_are_taken_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("utterance_id,emotion\na/1,sad\n", encoding="utf-8")
    frame = pl.DataFrame({"utterance_id": ["a/1"], "emotion": ["sad"]})
    answers, truth = as_tables(file, frame)
    assert answers["emotion"].to_list() == ["sad"]
    assert truth is frame


@pytest.mark.parametrize(
    ("predictions", "reference", "options", "problem"),
    [
        (["sad"], ["sad", "sad"], {}, "different lengths"),
        (["sad"], ["sad"], {"speakers": ["a", "b"]}, "different lengths"),
        (["sad"], pl.DataFrame({"utterance_id": ["a"]}), {}, "both be tables"),
        (pl.DataFrame(), pl.DataFrame(), {"speakers": ["a"]}, "go with sequences"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    predictions: object, reference: object, options: dict[str, list[str]], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        as_tables(predictions, reference, **options)  # type: ignore[arg-type]
