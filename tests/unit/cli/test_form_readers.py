"""Who reads answers: models named on the command line, and word error rates in words."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.cli.score_forms import named_readers, rates_in_words, read_as_asked
from equivoice.corpora.labels import label_space
from equivoice.errors import ConfigError

TWO = label_space(["angry", "sad"])


def test_without_a_reader_the_lexicon_reads() -> None:
    assert named_readers(None, None, {}) is None
    said = pl.DataFrame({"utterance_id": ["a"], "response": ["annoyed"]})
    assert read_as_asked(said, TWO, "open", None).predictions["emotion"].to_list() == ["angry"]


def test_readers_are_made_with_their_own_options() -> None:
    made = named_readers(
        "scripted-server",
        "scripted-llm",
        {"scripted-server": {"confidence": 0.9}, "scripted-llm": {"confidence": 0.6}},
    )
    assert made is not None
    assert made.sorter is not None
    assert (made.extractor.name, made.sorter.name) == ("scripted-server", "scripted-llm")
    described = made.describe()
    assert described["extractor"]["confidence"] == 0.9
    assert described["sorter"]["confidence"] == 0.6


@pytest.mark.parametrize("sorter", [None, "scripted-server"])
def test_one_model_for_both_steps_is_made_once(sorter: str | None) -> None:
    made = named_readers("scripted-server", sorter, {})
    assert made is not None
    assert made.sorter is None
    assert made.describe()["sorter"]["name"] == "scripted-server"


@pytest.mark.parametrize(
    ("reader", "sorter", "options", "said"),
    [
        (None, "scripted-llm", {}, "words are sorted that a reader found"),
        (None, None, {"text-llm": {}}, "reads nothing here"),
        ("scripted-llm", None, {"text-llm": {}}, "reads nothing here"),
        ("prior", None, {}, "by a language model, and this is none"),
        ("scripted-llm", "prior", {}, "by a language model, and this is none"),
        ("scripted-llm", None, {"scripted-llm": {"modalities": ["speech"]}}, "takes text alone"),
        ("scripted-llm", None, {"scripted-llm": {"confidenc": 1}}, "unknown option"),
    ],
)
def test_readers_that_cannot_be_are_refused(
    reader: str | None, sorter: str | None, options: dict[str, dict[str, object]], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        named_readers(reader, sorter, options)


def test_word_error_rates_are_said_a_sentence_each() -> None:
    rates = pl.DataFrame(
        {
            "quantity": ["score", "score", "group_score", "score", "score"],
            "metric": ["word_error_rate"] * 4 + ["deletion_rate"],
            "system": ["a", None, "a", "c", "a"],
            "value": [0.123, 1.5, 0.3, None, 0.2],
            "low": [0.1, None, 0.2, None, 0.1],
            "high": [0.15, None, 0.4, None, 0.3],
        }
    )
    assert rates_in_words(rates) == [
        "What a heard: word error rate 12.3%, [10.0, 15.0].",
        "What the system heard: word error rate 150.0%.",
    ]
