"""What a check says about votes, and whether labels follow from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, Finding, check, label_space
from equivoice.corpora.voting import check_voting, votes_in_words
from equivoice.records import UTTERANCES, VOTES

Row = tuple[str, str | None, str, int]


def corpus_of(rows: list[Row], emotions: dict[str, str | None], **provenance: Any) -> Corpus:
    """A corpus of votes (item, rater, value, count) on the voice."""
    votes = pl.DataFrame(
        rows,
        schema={"item": pl.String, "rater": pl.String, "value": pl.String, "count": pl.Int64},
        orient="row",
    ).with_columns(question=pl.lit("emotion"), channel=pl.lit("voice"))
    table = pl.DataFrame({"utterance_id": list(emotions), "emotion": list(emotions.values())})
    return Corpus(
        "demo",
        label_space(["angry", "happy", "sad"], id="demo"),
        UTTERANCES.validate(table),
        votes=VOTES.validate(votes),
        provenance=provenance,
    )


def by_code(corpus: Corpus) -> dict[str, Finding]:
    return {one.code: one for one in check_voting(corpus)}


def test_without_votes_there_is_nothing_to_say() -> None:
    corpus = corpus_of([], {"a": "sad"})
    assert check_voting(corpus) == []
    assert check_voting(replace(corpus, votes=None)) == []
    assert votes_in_words(replace(corpus, votes=None)) == []


def test_each_question_and_channel_is_said_in_words() -> None:
    corpus = corpus_of([("a", "r", "sad", 1), ("a", None, "happy", 3), ("b", "s", "sad", 1)], {})
    assert corpus.votes is not None
    more = corpus.votes.with_columns(channel=pl.lit(None, pl.String), rater=pl.lit("t"))
    both = replace(corpus, votes=pl.concat([corpus.votes, more.head(1)]))
    assert votes_in_words(both) == [
        (
            "votes on emotion (voice): 5 on 2 items, 1 to 4 an item (median 2.5), "
            "2 raters and others not named"
        ),
        "votes on emotion: 1 on 1 item, 1 an item, 1 rater",
    ]


def test_the_findings_about_the_table_are_passed_on_with_their_numbers() -> None:
    rows: list[Row] = [
        ("a", "r", "sad", 1),
        ("a", "r", "happy", 1),
        ("z", "r", "sad", 1),
        ("b", "s", "wistful", 1),
    ]
    corpus = corpus_of(rows, {"a": "sad", "b": "sad", "c": "sad"})
    found = by_code(corpus)
    assert found["repeated-vote"].severity == found["unknown-label"].severity == "error"
    assert "'wistful' (1)" in found["unknown-label"].message
    assert found["unknown-utterance"].count == 1
    assert "'c'" in found["no-vote"].message
    assert found["rated-once"].count == 1
    codes = [one.code for one in check(corpus, audio=False)]
    assert codes.index("unknown-label") < codes.index("unknown-utterance") < codes.index("no-vote")


def test_a_question_with_labels_of_its_own_is_held_against_those() -> None:
    corpus = corpus_of(
        [("a", "r", "sad", 1)], {"a": "sad"}, choices={"emotions": ["sad", "amused"]}
    )
    assert corpus.votes is not None
    many = corpus.votes.with_columns(question=pl.lit("emotions"))
    for value, codes in (("amused", set()), ("angry", {"unknown-label"})):
        rows = many.with_columns(value=pl.lit(value))
        found = by_code(replace(corpus, votes=pl.concat([corpus.votes, rows])))
        assert {"unknown-label"} & set(found) == codes


RULES = {
    # votes on one item -> label by majority, by plurality (None: no agreement)
    "clear": ([("sad", 3), ("happy", 1)], "sad", "sad"),
    "half": ([("sad", 2), ("happy", 1), ("angry", 1)], None, "sad"),
    "tie": ([("sad", 2), ("happy", 2)], None, None),
    "beside others": ([("sad", 2), ("Other-x", 1), ("other", 1)], None, None),
    "others": ([("sad", 1), ("Other-x", 2)], None, None),
    "other word": ([("sadness", 1)], "sad", "sad"),
}


@pytest.mark.parametrize("case", RULES)
@pytest.mark.parametrize("rule", ["majority", "plurality"])
def test_the_rule_is_applied_anew(case: str, rule: str) -> None:
    votes, majority, plurality = RULES[case]
    right = majority if rule == "majority" else plurality
    rows: list[Row] = [("a", None, value, count) for value, count in votes]
    for stated in ("sad", "happy", None):
        found = by_code(corpus_of(rows, {"a": stated, "b": "angry"}, label_rule=rule))
        assert ("consensus-agrees" in found) == (stated == right)
        assert ("consensus-differs" in found) == (stated != right)
    # "b" has no votes and is not held against any.
    assert (
        "1 utterance"
        in by_code(corpus_of(rows, {"a": right}, label_rule=rule))["consensus-agrees"].message
    )


def test_other_and_no_agreement_are_told_apart_where_the_corpus_tells_them() -> None:
    corpus = corpus_of([("a", None, "other", 2), ("b", None, "sad", 1), ("b", None, "other", 1)],
                       {"a": None, "b": None}, label_rule="plurality")  # fmt: skip
    for stated, right in ((["other", "no agreement"], True), (["no agreement", "other"], False)):
        table = corpus.utterances.with_columns(consensus=pl.Series(stated))
        found = by_code(replace(corpus, utterances=table))
        assert ("consensus-agrees" in found) == right
    assert found["consensus-differs"].ids == ("a", "b")


def test_where_no_rule_is_stated_labels_may_differ_from_votes() -> None:
    found = by_code(corpus_of([("a", None, "sad", 3)], {"a": "happy"}))
    assert not {"consensus-agrees", "consensus-differs"} & set(found)


@pytest.mark.parametrize(("stated", "differs"), [(2.0, False), (2.005, False), (2.02, True)])
def test_means_of_scales_are_taken_anew(stated: float, differs: bool) -> None:
    corpus = corpus_of([("a", None, "sad", 1)], {"a": "sad"}, label_rule="plurality")
    assert corpus.votes is not None
    scale = VOTES.validate(
        pl.DataFrame(
            {
                "item": ["a", "a"],
                "question": ["valence"] * 2,
                "number": [1.0, 2.5],
                "count": [1, 2],
            }
        )
    )
    table = corpus.utterances.with_columns(valence=pl.lit(stated))
    found = by_code(replace(corpus, utterances=table, votes=pl.concat([corpus.votes, scale])))
    assert ("means-differ" in found) == differs


def test_damaged_labels_are_named_also_without_votes() -> None:
    damaged = {
        "file": "labels.txt",
        "number": 12,
        "first": [{"line": n, "why": "cut", "text": "WORK"} for n in range(5, 17)],
    }
    corpus = replace(corpus_of([], {"a": "sad"}, record={"damaged": damaged}), votes=None)
    (one,) = check_voting(corpus)
    assert (one.severity, one.code, one.count) == ("warning", "damaged-labels", 12)
    assert "12 places" in one.message
    assert "line 5, line 6, line 7, line 8, line 9 and 7 more" in one.message
