"""Study files: what they may say, and that all mistakes are told together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from equivoice.errors import ConfigError
from equivoice.rating.study_files import (
    Question,
    page_words,
    question_sets,
    read_study_file,
    study_from,
)

PLAIN: dict[str, Any] = {
    "study": "demo",
    "title": "Demo",
    "consent": {"text": "Taking part is voluntary."},
    "items": "items.csv",
    "questions": [{"use": "accept"}],
}


def refused(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        study_from(PLAIN | changes)
    return str(caught.value)


def test_a_plain_study_has_sensible_defaults() -> None:
    study = study_from(PLAIN, folder="/somewhere")
    assert study.items.table == Path("/somewhere/items.csv")
    assert (study.raters, study.per_rater, study.break_every, study.must_listen) == (
        10,
        None,
        20,
        True,
    )
    assert study.show == ("sound", "transcript", "text", "answer", "reason")
    assert not study.compares


def test_a_file_is_read_with_paths_from_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "study: demo\ntitle: Démo\nconsent: {text: Oui}\nquestions: [{use: preference}]\n"
        "items: {corpus: c, predictions: p.parquet, systems: [x, y], keep: {same: true}}\n",
        encoding="utf-8",
    )
    study = read_study_file(path)
    assert study.title == "Démo"
    assert study.items.corpus == tmp_path / "c"
    assert study.items.predictions == (tmp_path / "p.parquet",)
    assert study.items.keep == {"same": True}
    assert study.compares


def test_the_sets_of_questions_are_questions() -> None:
    sets = question_sets()
    assert set(sets) >= {"accept", "preference", "msp-podcast", "likert", "forced-choice"}
    for name, questions in sets.items():
        for question in questions:
            assert Question(**question).ask, name


def test_msp_podcast_asks_what_its_votes_hold() -> None:
    questions = {q["name"]: Question(**q) for q in question_sets()["msp-podcast"]}
    assert len(questions["emotion"].values) == 9
    assert len(questions["emotions"].values) == 17
    assert set(questions["emotion"].values) < set(questions["emotions"].values)
    assert [questions[name].values for name in ("valence", "arousal", "dominance")] == [
        tuple("1234567")
    ] * 3


def test_a_set_of_one_question_can_be_changed() -> None:
    study = study_from(PLAIN | {"questions": [{"use": "likert", "name": "loud", "high": 7}]})
    assert study.questions[0].name == "loud"
    assert study.questions[0].values[-1] == "7"
    assert study.question("loud").kind == "scale"


def test_the_study_goes_through_json_unchanged() -> None:
    study = study_from(PLAIN | {"questions": [{"use": "msp-podcast"}], "words": {"save": "Weiter"}})
    again = study_from(study.model_dump(mode="json"), folder="/")
    assert again.model_copy(update={"items": study.items}) == study


def test_comparisons_may_end_in_a_tie_where_wanted() -> None:
    plain, ties = ({"use": "preference", "ties": each} for each in (False, True))
    assert study_from(PLAIN | {"questions": [plain]}).questions[0].values == ("a", "b")
    assert study_from(PLAIN | {"questions": [ties]}).questions[0].values == ("a", "b", "tie")


def test_all_mistakes_are_told_together() -> None:
    told = refused(titel="x", raters=0, questions=[{"name": "Q", "kind": "single", "ask": "?"}])
    assert "3 problems" in told or "4 problems" in told
    assert "titel: unknown key; did you mean 'title'?" in told
    assert "raters: " in told
    assert "questions.0" in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"questions": [{"use": "acept"}]}, "no set of questions is called 'acept'"),
        ({"questions": [{"use": "msp-podcast", "ask": "?"}]}, "has several questions"),
        ({"questions": [{"use": "accept"}, {"use": "accept"}]}, "two questions are called 'accept"),
        ({"questions": []}, "questions: "),
        ({"questions": "accept"}, "questions: "),
        (
            {"questions": [{"name": "q", "kind": "scale", "ask": "?", "low": 3, "high": 3}]},
            "high must",
        ),
        (
            {"questions": [{"name": "q", "kind": "scale", "ask": "?", "choices": ["a"]}]},
            "no choices",
        ),
        (
            {"questions": [{"name": "q", "kind": "single", "ask": "?", "choices": ["a", "a"]}]},
            "stands there twice",
        ),
        ({"questions": [{"use": "preference"}], "attention": 1}, "other than a comparison"),
        ({"items": {"sample": 3}}, "name a table, predictions or a corpus"),
        ({"items": {"predictions": "p.csv"}}, "predictions need the corpus"),
        ({"items": {"predictions": "p.csv", "table": "i.csv", "corpus": "c"}}, "not from both"),
        ({"items": {"table": "i.csv", "smaple": 2}}, "did you mean 'sample'?"),
        ({"consent": {}}, "consent.text: needed"),
        ({"words": {"sav": "Weiter"}}, "no word is called 'sav'; 'save'?"),
        ({"words": {"save": "Weiter {place}"}}, "save: nothing is filled in at {place}"),
        ({"study": "Not a name"}, "study: "),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    assert message in refused(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list\n", "holds 'key: value' lines"),
        ("a: [\n", "not YAML"),
        (None, "the study cannot be read"),
    ],
)
def test_files_that_are_no_study_files(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "study.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_study_file(path)


def test_every_word_of_the_pages_can_be_filled_in() -> None:
    filled = dict.fromkeys(("place", "places", "side", "value", "done"), "1")
    for name, text in page_words().items():
        assert text.format(**filled), name
