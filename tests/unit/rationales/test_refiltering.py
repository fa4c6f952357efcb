"""Rationales that were made before: found by folder or table, judged anew, nothing lost."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.errors import CorpusError, InputError, SchemaError
from equivoice.rationales.filtering import apply_filters
from equivoice.rationales.filters import FILTERS, FilterRules
from equivoice.rationales.refiltering import open_rationales, read_rationales, refilter
from equivoice.records import FOLDS, RATIONALES, RunRecord, write_table
from equivoice.store.rationale_folder import GENERATE, RationaleFolder

REASON = "The words “oh no” are said in a low voice with a falling pitch and a long pause."
SHORT = "A low voice."


def corpus() -> Corpus:
    names = ["demo/1", "demo/2"]
    rows = pl.DataFrame(
        {"utterance_id": names, "emotion": ["sad", "angry"], "transcript": ["Oh no.", "Oh no."]}
    )
    folds = [(name, "1", "train") for name in names]
    return Corpus(
        "demo",
        label_space(["angry", "sad"], id="demo"),
        rows,
        FOLDS.validate(pl.DataFrame(folds, schema=["utterance_id", "fold", "split"], orient="row")),
    )


def table() -> pl.DataFrame:
    rows = [
        {
            "utterance_id": name,
            "emotion": emotion,
            "response": text,
            "reason": text,
            "status": "kept",
            "teacher": "t",
            "prompt": "published",
            "temperature": 0.0,
            "seed": 2**63 + 5,
        }
        for name, emotion, text in (("demo/1", "sad", REASON), ("demo/2", "angry", SHORT))
    ]
    return RATIONALES.validate(
        pl.DataFrame(rows, schema_overrides={"seed": pl.UInt64}, infer_schema_length=None)
    )


def folder(place: Path, prepared: Path, *, finished: bool = True) -> RationaleFolder:
    config = {
        "teacher": "t",
        "prompt": "published",
        "temperature": 0.0,
        "corpus": str(prepared),
        "fold": "1",
    }
    with RationaleFolder.open(place) as run:
        run.begin(RunRecord(verb=GENERATE, config=config))
        run.append_answers(table().select("utterance_id", "emotion", "response", "seed"))
        if finished:
            run.write_rationales(table())
    return RationaleFolder.read(place)


def test_a_folder_and_a_table_are_opened_by_their_place(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", tmp_path)
    opened = open_rationales(run.path)
    assert isinstance(opened, RationaleFolder)
    assert read_rationales(run.path).equals(table())
    file = write_table(table(), tmp_path / "mine.parquet", RATIONALES)
    assert read_rationales(file).equals(table())


def test_a_csv_of_ones_own_is_a_table_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("utterance_id,emotion,reason,status,teacher\ndemo/1,sad,A low voice.,kept,me\n")
    made = read_rationales(file)
    assert made.select("utterance_id", "teacher", "prompt").rows() == [("demo/1", "me", None)]
    file.write_text("utterance_id,reason\ndemo/1,A low voice.\n")
    with pytest.raises(SchemaError, match="lacks the column 'emotion'"):
        read_rationales(file)


def test_an_unfinished_generation_is_not_learnt_from(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", tmp_path, finished=False)
    with pytest.raises(InputError, match="has not written all rationales"):
        read_rationales(run.path)


def test_answers_are_judged_by_the_rules_that_are_given_now(tmp_path: Path) -> None:
    prepared = save_corpus(corpus(), tmp_path / "demo")
    run = folder(tmp_path / "run", prepared)
    strict = refilter(run, FilterRules())
    assert strict.rationales["status"].to_list() == ["kept", "too_short"]
    loose = refilter(run, FilterRules(min_words=1, filters=("too_short", "no_sound")))
    assert loose.rationales["status"].to_list() == ["kept", "kept"]
    # what holds for all answers comes from the record, and what is of each stays
    assert set(loose.rationales["teacher"]) == {"t"}
    assert loose.rationales["seed"].to_list() == [2**63 + 5] * 2


def test_a_corpus_that_moved_is_named(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", tmp_path / "gone")
    with pytest.raises(CorpusError):
        refilter(run, FilterRules())
    assert refilter(run, FilterRules(), corpus=corpus()).rationales.height == 2


def test_to_filter_twice_is_to_filter_once() -> None:
    rules = FilterRules(min_words=5)
    once = refilter(table(), rules, corpus=corpus())
    twice = refilter(once.rationales, rules, corpus=corpus())
    assert twice.rationales.equals(once.rationales)
    assert twice.dropped.equals(once.dropped)


# ------------------------------------------------- the paper's own examples (its Table 2)

PAPER = {
    "0340_0148": (
        "surprise",
        "I didn't know that she has pink hair. How did I miss that?",
        (
            "When someone says “I didn’t know that she has pink hair. How did I miss that?” it sounds "
            "like they’re a bit surprised. I think the emotion is surprise. The tone might be a bit "
            "raised, a bit more excited than usual. And the pitch could be a bit higher too. It’s like "
            "they’re realizing something new and a bit shocked."
        ),
        "label_word",
    ),
    "3737_0192": (
        "angry",
        "fight with me, like, oh, again, again, again, you forgot our anniversary, if -",
        (
            "The speaker is saying “fight with me, like, oh, again, again, again, you forgot our "
            "anniversary, if -”. I think the emotion is angry. The tone seems to be a bit frustrated or "
            "annoyed. The pitch might be a bit higher, indicating some level of irritation. The "
            "speaking style is a bit repetitive, which could show that the speaker is trying to "
            "emphasize the importance of the anniversary. The clarity of the speech is good, so it’s "
            "easy to understand the words. Overall, it seems like the speaker is a bit upset about the "
            "anniversary being forgotten."
        ),
        "label_word",
    ),
    "2991_1041": (
        "neutral",
        "no possibility of saving anything",
        (
            "The content “no possibility of saving anything” suggests a sense of hopelessness or "
            "despair. I think the emotion is sad. The tone of the speaker might be low and slow, "
            "indicating a lack of energy or motivation. The pitch could be lower than normal, "
            "reflecting a feeling of being overwhelmed or defeated. The speaking style might be "
            "hesitant or even shaky, as if the speaker is struggling to find the words to express "
            "their feelings. The clarity of the speech could be affected by the speaker’s emotional "
            "state, possibly making it a bit muddled. All these factors contribute to the overall sad "
            "emotion."
        ),
        "kept",  # it names an emotion, but not the label that it would have been told
    ),
}
SPACE = label_space(["angry", "neutral", "sad", "surprise"], id="msp")


def paper(change: str = "") -> pl.DataFrame:
    rows = [
        {
            "utterance_id": name,
            "emotion": emotion,
            "response": text.replace(change, "") if change else text,
            "teacher": "paper",
        }
        for name, (emotion, _, text, _) in PAPER.items()
    ]
    return pl.DataFrame(rows)


def test_what_the_papers_student_wrote_breaks_the_rule_for_teachers_and_no_other() -> None:
    """Students say their label; a teacher that did so would be dropped for that alone."""
    said = {name: transcript for name, (_, transcript, _, _) in PAPER.items()}
    made = apply_filters(paper(), said, SPACE)
    due = [status for *_, status in PAPER.values()]
    assert made.rationales["status"].to_list() == due
    alone = dict(made.dropped.select("filter", "alone").iter_rows())
    broken = {name: number for name, number in alone.items() if number}
    assert broken == {"label_word": 2}


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"label_word"}))
def test_the_papers_reasons_keep_every_other_rule(name: str) -> None:
    said = {name: transcript for name, (_, transcript, _, _) in PAPER.items()}
    made = apply_filters(paper(), said, SPACE, FilterRules(filters=(name,)))
    assert set(made.rationales["status"]) == {"kept"}


def test_without_the_sentence_that_says_the_label_a_paraphrase_is_still_found() -> None:
    said = {name: transcript for name, (_, transcript, _, _) in PAPER.items()}
    made = apply_filters(paper("I think the emotion is surprise. "), said, SPACE)
    row = made.rationales.row(0, named=True)
    assert (row["status"], row["why"]) == ("label_word", "the label's word 'shocked'")
