"""Items of studies: from tables, samples for judges, predictions and corpora."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import save_corpus
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.rating.study_files import read_study_file, study_from
from equivoice.rating.study_items import Side, StudyItem, gather_items
from equivoice.records import PREDICTIONS, write_table
from tiny.corpus import make_corpus
from tiny.study import study_file


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    return save_corpus(make_corpus(folder / "sounds", transcripts=True), folder / "demo")


@pytest.fixture(scope="module")
def predictions(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One system is right of the first half; the other says sad of all."""
    utterances = pl.read_parquet(corpus / "utterances.parquet")
    rows: list[dict[str, Any]] = []
    for at, (name, emotion) in enumerate(utterances.select("utterance_id", "emotion").iter_rows()):
        other = "sad" if emotion == "angry" else "angry"
        own = emotion if at < utterances.height / 2 else other
        rows += [
            {"utterance_id": name, "system": "own", "emotion": own, "reason": f"own {at}"},
            {"utterance_id": name, "system": "flat", "emotion": "sad", "reason": f"flat {at}"},
        ]
    path = tmp_path_factory.mktemp("predictions") / "predictions.parquet"
    return write_table(pl.DataFrame(rows), path, PREDICTIONS)


def gathered(
    items: dict[str, Any], *, use: str = "accept", **changes: Any
) -> tuple[StudyItem, ...]:
    return gather_items(
        study_from(
            {
                "study": "demo",
                "title": "Demo",
                "consent": {"text": "Yes."},
                "questions": [{"use": use}],
                "items": items,
                **changes,
            }
        )
    )


def table(folder: Path, **columns: list[Any]) -> dict[str, Any]:
    path = folder / "items.jsonl"
    pl.DataFrame(columns).write_ndjson(path)
    return {"table": str(path)}


def test_a_table_gives_one_side_or_two(tmp_path: Path) -> None:
    one = gather_items(read_study_file(study_file(tmp_path / "one")))
    two = gather_items(
        read_study_file(study_file(tmp_path / "two", questions=[{"use": "preference"}]))
    )
    assert [side.system for side in one[0].sides] == ["student"]
    assert [side.system for side in two[0].sides] == ["student", "teacher"]
    assert one[0].sides[0].answer == "angry"
    assert one[0].sound == str(tmp_path / "one" / "secret_angry_0.wav")
    assert one[0].channel == "voice"
    assert one[1].transcript == "this is sentence 1"


def test_strata_are_the_combinations_of_columns(tmp_path: Path) -> None:
    path = study_file(tmp_path, items=4, balance=["correct", "answer_a"])
    items = gather_items(read_study_file(path))
    assert [item.stratum for item in items] == ["yes | angry", "no | sad"] * 2


def test_without_sound_an_item_is_text(tmp_path: Path) -> None:
    items = gathered(table(tmp_path, item=["x"], answer=["sad"], reason=["Slow."]))
    assert items == (StudyItem("x", None, "text", sides=(Side(None, "sad", "Slow."),)),)


def test_what_is_not_shown_is_not_taken(tmp_path: Path) -> None:
    path = study_file(tmp_path, show=["answer"])
    assert all(item.sounds == () for item in gather_items(read_study_file(path)))


def test_sounds_can_differ_by_side(tmp_path: Path) -> None:
    items = gathered(
        table(tmp_path, item=["x"], audio_a=["a.wav"], audio_b=["b.wav"]), use="preference"
    )
    assert items[0].sounds == (str(tmp_path / "a.wav"), str(tmp_path / "b.wav"))


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="leads out of the table's folder"):
        gathered(table(tmp_path, item=["x"], audio=["../../etc/passwd"]))


def test_samples_for_judges_can_be_shown_to_people(tmp_path: Path) -> None:
    shown = json.dumps({"emotion": "sad", "reason_a": "Slow.", "reason_b": "Low."})
    items = gathered(
        table(tmp_path, item=["x"], system_a=["p"], system_b=["q"], shown=[shown]),
        use="preference",
    )
    assert items[0].sides == (Side("p", "sad", "Slow."), Side("q", "sad", "Low."))
    assert json.loads(str(items[0].shown())) == json.loads(shown)


def test_what_is_shown_follows_the_order_of_the_sides() -> None:
    item = StudyItem("x", sides=(Side("p", "sad", "Slow."), Side("q", "happy", "High.")))
    assert json.loads(str(item.shown(swapped=True))) == {
        "emotion_a": "happy",
        "emotion_b": "sad",
        "reason_a": "High.",
        "reason_b": "Slow.",
    }
    assert StudyItem("x").shown() is None


def test_items_go_through_json() -> None:
    item = StudyItem(
        "x", "u", "voice", "s.wav", 0.5, 1.0, "ä", None, (Side("p"),), {"a": "1"}, {"q": "v"}
    )
    assert StudyItem.from_json(item.to_json()) == item


def test_a_corpus_gives_its_utterances(corpus: Path) -> None:
    items = gathered({"corpus": str(corpus)}, use="msp-podcast")
    assert len(items) == 32
    assert items[0].utterance_id == items[0].item
    assert Path(str(items[0].sound)).is_file()
    assert items[0].sides == (Side(),)


def test_a_table_is_joined_with_its_corpus(corpus: Path, tmp_path: Path) -> None:
    name = pl.read_parquet(corpus / "utterances.parquet")["utterance_id"][3]
    given = table(tmp_path, utterance_id=[name], reason=["Slow."], answer=["sad"])
    (item,) = gathered({**given, "corpus": str(corpus)})
    assert (item.item, item.transcript) == (name, "this is take 1")
    assert Path(str(item.sound)).is_file()


def test_an_item_of_another_corpus_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the corpus does not hold"):
        gathered({**table(tmp_path, utterance_id=["other/1"]), "corpus": str(corpus)})


def test_predictions_of_one_system_are_accepted_or_not(corpus: Path, predictions: Path) -> None:
    source = {"corpus": str(corpus), "predictions": str(predictions), "systems": ["own"]}
    items = gathered(
        {**source, "sample": 8, "balance": ["correct", "reference"]}, balance="correct"
    )
    assert Counter(item.stratum for item in items) == {"true": 4, "false": 4}
    assert {side.system for item in items for side in item.sides} == {"own"}
    assert all(item.sides[0].reason and item.sound and item.transcript for item in items)


def test_predictions_of_two_systems_are_compared(corpus: Path, predictions: Path) -> None:
    source = {"corpus": str(corpus), "predictions": str(predictions)}
    same = gathered({**source, "keep": {"same": True}}, use="preference")
    other = gathered({**source, "keep": {"same": False}}, use="preference")
    assert len(same) + len(other) == 32
    assert all(item.sides[0].answer == item.sides[1].answer == "sad" for item in same)
    assert all(item.sides[0].answer == "angry" for item in other)
    assert [side.system for side in same[0].sides] == ["own", "flat"]


def test_a_draw_is_the_same_each_time_and_another_with_another_seed(corpus: Path) -> None:
    source = {"corpus": str(corpus), "sample": 6, "balance": ["emotion", "gender"]}
    first = gathered(source, seed=1)
    assert first == gathered(source, seed=1)
    assert first != gathered(source, seed=2)


def test_gold_answers_are_read_by_question(tmp_path: Path) -> None:
    given = table(
        tmp_path, item=["x", "y"], gold_emotion=["sad", None], gold_emotions=["sad|fear", ""]
    )
    items = gathered(given, use="msp-podcast")
    assert items[0].gold == {"emotion": "sad", "emotions": "sad|fear"}
    assert items[1].gold == {}


@pytest.mark.parametrize(
    ("columns", "changes", "message"),
    [
        ({"item": ["x", "x"]}, {}, "two items have the same name"),
        ({"item": ["x"], "gold_other": ["a"]}, {}, "gold_other: no such question"),
        ({"item": ["x"], "gold_acceptance": ["yes"]}, {}, "no answer to 'acceptance'"),
        ({"item": ["x"], "channel": ["smell"]}, {}, "no such channel"),
        ({"item": ["x"]}, {"balance": ["emotion"]}, "balance: the items have no column 'emotion'"),
        ({"item": [""], "reason": ["r"]}, {}, "an item has no name"),
    ],
)
def test_what_is_wrong_with_items_is_named(
    tmp_path: Path, columns: dict[str, list[Any]], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        gathered(table(tmp_path, **columns), **changes)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"sample": 3}, "3 items are to be drawn, and there are 1"),
        ({"keep": {"x": 1}}, "items.keep: the items have no column 'x'"),
        ({"keep": {"item": "y"}}, "the study has no items"),
        ({"sample": 1, "balance": ["x"]}, "items.balance: the items have no column"),
    ],
)
def test_what_cannot_be_drawn_is_named(
    tmp_path: Path, source: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        gathered({**table(tmp_path, item=["x"]), **source})


def test_a_table_without_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs the column 'item' or 'utterance_id'"):
        gathered(table(tmp_path, reason=["r"]))


def test_an_unknown_system_is_named(corpus: Path, predictions: Path) -> None:
    source = {"corpus": str(corpus), "predictions": str(predictions)}
    with pytest.raises(ConfigError, match="no prediction of this system"):
        gathered({**source, "systems": ["nobody"]})
