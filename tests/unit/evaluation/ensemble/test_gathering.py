"""Members and reference brought together: who votes on what, cell by cell, and what is refused."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.corpora import label_space
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.ensemble.gathering import Reference, find_reference, gather, truth_of
from equivoice.evaluation.ensemble.members import Member, Source
from equivoice.metrics import UNPARSED
from equivoice.records import PREDICTIONS, UTTERANCES, Label, LabelSpace

LABELS = ("angry", "happy", "sad")
SPACE = label_space(LABELS, id="demo")
IDS = tuple(f"demo/{n}" for n in range(6))
TRUTH = ("angry", "happy", "sad", "angry", "happy", None)


def utterances(emotions: tuple[str | None, ...] = TRUTH, corpus: str = "demo") -> pl.DataFrame:
    rows = {"utterance_id": list(IDS), "corpus": corpus, "emotion": list(emotions)}
    return UTTERANCES.validate(pl.DataFrame(rows))


REFERENCE = Reference(utterances(), SPACE, "demo")


def member(name: str, said: dict[int, str | None], **columns: Any) -> Member:
    """From the number of an utterance to what is said of it."""
    rows = {"utterance_id": [IDS[n] for n in said], "emotion": list(said.values()), **columns}
    types = {"emotion": pl.String}
    table = PREDICTIONS.validate(pl.DataFrame(rows, schema_overrides=types))
    return Member(name, table, f"{name}.csv")


ALL = member("a", dict.fromkeys(range(6), "sad"))
FIRST_FOUR = member("b", {0: "angry", 1: "angry", 2: None, 3: "happy"})


def test_with_any_each_votes_on_what_it_answered() -> None:
    found = gather([ALL, FIRST_FOUR], REFERENCE, utterances="any")
    # the sixth utterance has no label, so nobody is scored on it
    assert found.ballots.utterance_ids == IDS[:5]
    assert found.ballots.present.T.tolist() == [[True] * 5, [True, True, True, True, False]]
    assert found.ballots.choices.T.tolist() == [[2] * 5, [0, 0, UNPARSED, 1, UNPARSED]]
    assert found.left_out == {
        "b: has no answer, does not vote": 1,
        "a: prediction of an utterance without label here": 1,
    }


def test_with_common_only_what_all_answered_is_scored() -> None:
    found = gather([ALL, FIRST_FOUR], REFERENCE, utterances="common")
    assert found.utterances["utterance_id"].to_list() == list(IDS[:4])
    assert found.ballots.present.all()
    assert found.left_out == {
        "a: answered by it and not by all": 1,
        "a: prediction of an utterance without label here": 1,
    }


def test_with_same_who_lacks_how_many_is_said() -> None:
    with pytest.raises(ConfigError, match="4 have an answer of each, b lacks 1 of 5: 'demo/4'"):
        gather([ALL, FIRST_FOUR], REFERENCE)
    with pytest.raises(ConfigError, match="utterances: no such choice: 'most'"):
        gather([ALL, FIRST_FOUR], REFERENCE, utterances="most")


def test_failed_answers_are_there_and_say_nothing() -> None:
    """Whatever label or probability stands beside the failure."""
    failed = member(
        "f",
        {0: None, 1: "happy"},
        status=["failed", "parsed"],
        probabilities=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    )
    other = member("o", {0: "angry", 1: "angry"})
    ballots = gather([failed, other], REFERENCE).ballots
    assert ballots.present.all()
    assert ballots.choices.T.tolist() == [[UNPARSED, 1], [0, 0]]
    shares = ballots.probabilities[:, 0]
    assert bool((shares[0] != shares[0]).all())  # NaN
    assert shares[1].tolist() == [0.0, 1.0, 0.0]


def test_probabilities_follow_the_labels_of_their_run() -> None:
    own = LabelSpace("turned", tuple(Label(name) for name in reversed(LABELS)))
    shares = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]  # sad, happy, angry
    turned = member("t", {0: "sad", 1: "happy"}, probabilities=shares, label_space=["turned"] * 2)
    known = Member("t", turned.predictions, "t", (own,))
    plain = member("p", {0: "sad", 1: "sad"}, probabilities=[[0.1, 0.2, 0.7]] * 2)
    found = gather([known, plain], REFERENCE)
    assert found.ballots.probabilities[:, 0].tolist() == [[0.1, 0.2, 0.7], [0.1, 0.8, 0.1]]
    assert found.left_out == {}
    # of a table that names a label space nobody knows, the order is not known
    lost = gather([turned, plain], REFERENCE)
    assert bool((lost.ballots.probabilities[:, 0] != lost.ballots.probabilities[:, 0]).all())
    assert lost.left_out == {"t: probabilities over other labels": 2}


def test_words_of_the_reference_are_read_by_its_labels() -> None:
    spaced = LabelSpace("demo", (Label("angry", ("anger",)), Label("sad", ("sadness",))))
    table = utterances(("anger", "sadness", "angry", None, None, None))
    codes = truth_of(table.filter(pl.col("emotion").is_not_null()), spaced)
    assert codes.tolist() == [0, 1, 0]


def test_fewer_than_two_members_or_one_name_twice() -> None:
    with pytest.raises(ConfigError, match="an ensemble needs two members: 'a'"):
        gather([ALL], REFERENCE)
    with pytest.raises(ConfigError, match="two members have the same name, 'a'") as caught:
        gather([ALL, ALL], REFERENCE)
    assert "NAME=a.csv#a" in str(caught.value)


# --------------------------------------------------------------- the reference of runs


def run(name: str, emotions: tuple[str | None, ...] = TRUTH, **spaces: LabelSpace) -> Source:
    corpora = spaces or {"demo": SPACE}
    tables = [utterances(emotions, corpus) for corpus in corpora]
    return Source((member(name, {0: "sad"}),), pl.concat(tables), corpora)


def test_runs_bring_their_own_reference() -> None:
    found = find_reference([run("a"), run("b")], None, None)
    assert (found.corpus, found.labels.names) == ("demo", LABELS)
    assert found.utterances["emotion"].to_list() == list(TRUTH)


@pytest.mark.parametrize(
    ("sources", "corpus", "said"),
    [
        ([Source((ALL,))], None, "tables of predictions alone do not say what is right"),
        ([run("a", demo=SPACE, other=SPACE)], None, "on several corpora"),
        ([run("a")], "other", "the runs have no such corpus: 'other'"),
        (
            [run("a"), run("b", demo=label_space(["angry", "sad"], id="demo"))],
            None,
            "know demo with different labels",
        ),
        ([run("a"), run("b", ("sad", *TRUTH[1:]))], None, "different reference labels: 'demo/0: "),
    ],
)
def test_a_reference_that_cannot_be_found_is_said(
    sources: list[Source], corpus: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        find_reference(sources, None, corpus)
