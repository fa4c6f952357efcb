"""What became of each answer, and the table of what each filter dropped, counted by hand."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.rationales.filtering import apply_filters, kept_by
from equivoice.rationales.filters import FilterRules
from equivoice.records import RATIONALES, Label, LabelSpace

SPACE = LabelSpace("demo", (Label("happy", ("joyful",)), Label("sad")))
RULES = FilterRules(min_words=6)
ANSWERS = {
    "demo/1": ("happy", "Well, the words are kind and the voice is bright. What do you think?"),
    "demo/2": ("happy", "The words are kind, and a joyful voice says them."),
    "demo/3": ("happy", "The voice is bright."),  # too short, and no word about the content
    "demo/4": ("sad", "The voice is low and the tempo of it is slow."),
    "demo/5": ("sad", None),
    "demo/6": ("sad", "The words are few, and the voice is not a happy one."),
}


def table() -> pl.DataFrame:
    rows = [
        {
            "utterance_id": name,
            "emotion": emotion,
            "response": text,
            "why": None if text else "AudioError: broken",
            "teacher": "t",
            "prompt": "published",
            "temperature": 0.0,
            "seed": 1,
        }
        for name, (emotion, text) in ANSWERS.items()
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def test_each_answer_has_the_first_rule_that_it_breaks() -> None:
    made = apply_filters(table(), {}, SPACE, RULES).rationales
    RATIONALES.validate(made)
    assert dict(made.select("utterance_id", "status").iter_rows()) == {
        "demo/1": "kept",
        "demo/2": "label_word",
        "demo/3": "too_short",
        "demo/4": "no_content",
        "demo/5": "failed",
        "demo/6": "kept",  # the other label's word is no leak of its own
    }
    reasons = dict(made.select("utterance_id", "reason").iter_rows())
    assert reasons["demo/1"] == "The words are kind and the voice is bright."
    assert reasons["demo/5"] is None
    whys = dict(made.select("utterance_id", "why").iter_rows())
    assert whys["demo/2"] == "the label's word 'joyful'"
    assert whys["demo/5"] == "AudioError: broken"
    assert made["response"].to_list() == [text for _, text in ANSWERS.values()]


def test_the_table_of_drops_adds_up() -> None:
    dropped = apply_filters(table(), {}, SPACE, RULES).dropped
    counts = dict(dropped.select("filter", "dropped").iter_rows())
    assert (counts["failed"], counts["kept"]) == (1, 2)
    assert (counts["label_word"], counts["too_short"], counts["no_content"]) == (1, 1, 1)
    assert sum(counts.values()) == len(ANSWERS)
    assert dropped["share"].sum() == pytest.approx(1)
    alone = dict(dropped.select("filter", "alone").iter_rows())
    assert (alone["too_short"], alone["no_content"]) == (1, 2)  # demo/3 breaks both
    assert alone["kept"] is None


def test_the_order_of_the_rules_decides_by_which_a_reason_is_dropped() -> None:
    turned = FilterRules(min_words=6, filters=("no_content", "too_short"))
    made = apply_filters(table(), {}, SPACE, turned)
    assert made.rationales.filter(utterance_id="demo/3")["status"].item() == "no_content"
    assert made.dropped["filter"].to_list() == ["failed", "no_content", "too_short", "kept"]


def test_without_cleaning_what_would_be_stripped_is_dropped() -> None:
    raw = FilterRules(min_words=6, clean=False)
    made = apply_filters(table(), {}, SPACE, raw).rationales
    assert made["status"][0] == "forbidden_opening"
    assert made["reason"][0] == ANSWERS["demo/1"][1]


def test_what_is_said_is_evidence_of_content() -> None:
    said = {"demo/4": "A slow day."}
    rules = FilterRules(min_words=6)
    assert apply_filters(table(), said, SPACE, rules).rationales["status"][3] == "no_content"
    said = {"demo/4": "It is slow."}
    assert apply_filters(table(), said, SPACE, rules).rationales["status"][3] == "kept"


def test_a_label_that_is_not_in_the_space_is_refused() -> None:
    with pytest.raises(InputError, match="not in the label space"):
        apply_filters(table().with_columns(emotion=pl.lit("odd")), {}, SPACE)


def test_no_answers_make_empty_tables() -> None:
    made = apply_filters(table().clear(), {}, SPACE, RULES)
    assert made.rationales.is_empty()
    assert made.dropped["dropped"].sum() == 0


def test_what_is_kept_is_counted_by_group() -> None:
    made = apply_filters(table(), {}, SPACE, RULES).rationales
    whose = pl.DataFrame(
        {
            "utterance_id": list(ANSWERS),
            "gender": ["female", "female", "male", "male", "male", None],
        }
    )
    assert kept_by(made, whose, "gender").rows() == [
        ("female", 2, 1, 0.5),
        ("male", 3, 0, 0.0),
        (None, 1, 1, 1.0),
    ]
    with pytest.raises(InputError, match="no such column"):
        kept_by(made, whose, "age")
