"""The ways of asking: which cells there are, what the record says of them, and what is refused."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.corpora import Corpus, label_space
from equivoice.errors import ConfigError, CorpusError
from equivoice.evaluation import plan_benchmark
from equivoice.evaluation.grid import asked_part, make_grid, with_transcript
from equivoice.evaluation.recording import begin, fold_source, new_record
from equivoice.evaluation.settings import ASKING, BenchmarkSettings, DecodingSettings, expand_orders
from equivoice.inference import Cell
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.prompting import load_prompt
from equivoice.store import RunFolder

LABELS = ("angry", "happy", "sad")
MODALITIES = ("speech", "transcript", "speech+transcript")


def corpus(name: str = "demo", *, folds: int = 2, labels: tuple[str, ...] = LABELS) -> Corpus:
    table = pl.DataFrame(
        {
            "utterance_id": [f"{name}/{i}" for i in range(8)],
            "speaker": [f"s{i % 4}" for i in range(8)],
            "emotion": [labels[i % len(labels)] for i in range(8)],
            "transcript": ["so it is" if i < 5 else None for i in range(8)],
        }
    )
    made = Corpus(name, label_space(labels, id=name), table)
    split = table.select(
        "utterance_id",
        fold=(pl.int_range(pl.len()) % folds + 1).cast(pl.String),
        split=pl.lit("test"),
    )
    return replace(made, folds=split)


def given_settings(**options: Any) -> BenchmarkSettings:
    return BenchmarkSettings(systems=("scripted-llm",), corpora=("demo",), **options)


def fake(**options: Any) -> ScriptedLanguageModel:
    return ScriptedLanguageModel({f"demo/{i}": LABELS[i % 3] for i in range(8)}, **options)


# ---------------------------------------------------------------------------- cells


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["user_labels", "direct", "system_labels"]), min_size=1, unique=True),
    st.lists(
        st.sampled_from(["given", "alphabetical", "shuffled-1", "shuffled-2", "shuffled-7"]),
        min_size=1,
        unique=True,
    ),
    st.lists(st.sampled_from(["speech", "transcript"]), min_size=1, unique=True),
    st.integers(0, 99),
)
def test_every_way_of_asking_that_differs_is_a_cell_of_every_fold_once(
    prompts: list[str], orders: list[str], modalities: list[str], seed: int
) -> None:
    asked = given_settings(
        prompts=prompts, label_orders=orders, modalities=modalities, order_seed=seed
    )
    grid, demo = make_grid(asked, asked=True), corpus()
    cells = list(grid.cells("llm", fake(), demo))
    assert len(set(cells)) == len(cells)
    assert len({cell.name for cell in cells}) == len(cells)
    shown = Counter(
        (cell.fold, cell.prompt, cell.modality, grid.asking(cell, demo.label_space).options.shown)
        for cell in cells
    )
    assert set(shown.values()) == {1}
    different = {
        grid.prompts[prompts[0]].options(demo.label_space, order=order, seed=seed).shown
        for order in orders
    }
    assert len(cells) == 2 * len(prompts) * len(different) * len(modalities)
    left_out = [note for note in grid.notes("llm", fake(), demo) if "it is asked once" in note]
    assert len(left_out) == len(prompts) * (len(orders) - len(different))


def test_two_labels_have_two_orders_however_many_are_asked_for() -> None:
    two = corpus(labels=("sad", "angry"))
    grid = make_grid(given_settings(label_orders=("shuffled:20",)), asked=True)
    orders = {cell.order for cell in grid.cells("llm", fake(), two)}
    assert len(orders) == 2
    assert len(list(grid.notes("llm", fake(), two))) == 18


def test_a_fold_that_was_not_asked_for_has_no_cells() -> None:
    grid = make_grid(given_settings(folds=("2",)), asked=True)
    assert {cell.fold for cell in grid.cells("llm", fake(), corpus())} == {"2"}


def test_a_system_that_can_be_given_nothing_is_refused_with_what_it_can() -> None:
    deaf = fake(modalities=frozenset({"transcript"}))
    grid = make_grid(given_settings(modalities=("speech",)), asked=True)
    with pytest.raises(ConfigError, match="cannot be given any of the modalities") as caught:
        list(grid.cells("llm", deaf, corpus()))
    assert "choices: transcript" in str(caught.value)
    both = make_grid(given_settings(modalities=("speech", "transcript")), asked=True)
    assert {cell.modality for cell in both.cells("llm", deaf, corpus())} == {"transcript"}
    assert list(both.notes("llm", deaf, corpus())) == [
        "llm is not asked with speech: it cannot be given that."
    ]


def test_a_cell_is_asked_as_the_settings_say() -> None:
    asked = given_settings(
        temperatures=(0.0, 0.7),
        runs=3,
        parser="exact",
        option_scores=False,
        decoding={"max_new_tokens": 9, "top_p": 0.5},
    )
    cell = Cell("llm", "demo", "1", "user_labels", "alphabetical", "speech")
    asking = make_grid(asked, asked=True).asking(cell, corpus(labels=("sad", "angry")).label_space)
    assert (asking.temperatures, asking.runs, asking.parser) == ((0.0, 0.7), 3, "exact")
    assert asking.option_scores is False
    assert (asking.decoding.max_new_tokens, asking.decoding.top_p) == (9, 0.5)
    assert asking.options.labels == ("angry", "sad")


def test_the_record_shows_a_prompt_as_the_system_gets_it_with_gaps_for_what_varies() -> None:
    system = fake()
    asked = given_settings(
        prompts=("direct",), label_orders=("given", "alphabetical"), modalities=MODALITIES[:2]
    )
    demo = corpus(labels=("sad", "angry"))
    told = make_grid(asked, asked=True).described({"llm": system}, [demo])["direct"]
    assert told["options"]["demo"] == {"given": ["Sad", "Angry"], "alphabetical": ["Angry", "Sad"]}
    shown = told["shown"]["llm"]["demo"]
    assert set(shown) == {"speech", "transcript"}
    assert any("{audio}" in turn for turn in shown["speech"])
    assert not any("{audio}" in turn for turn in shown["transcript"])
    assert any("{transcript}" in turn for turn in shown["transcript"])
    prompt = load_prompt("direct")
    turns = prompt.render(prompt.options(demo.label_space), family=system.family, modality="speech")
    assert [turn.partition(": ")[0] for turn in shown["speech"]] == [turn.role for turn in turns]


# -------------------------------------------------------------------------- refusals


def test_all_mistakes_are_told_together() -> None:
    wrong = given_settings(
        prompts=("no_such", "direct"),
        label_orders=("backwards", "shuffled-0"),
        modalities=("video",),
        parser="guess",
    )
    with pytest.raises(ConfigError) as caught:
        make_grid(wrong, asked=True)
    said = str(caught.value)
    for part in ("no_such", "backwards", "shuffled-0", "'video'", "'guess'"):
        assert part in said, part


def test_two_prompts_of_one_name_are_refused(tmp_path: Path) -> None:
    text = 'source: "me"\nwordings:\n  - turns:\n      - user: "{audio}One of {labels}?"\n'
    places = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        place = tmp_path / folder / "mine.yaml"
        place.write_text(text, "utf-8")
        places.append(str(place))
    assert list(make_grid(given_settings(prompts=places[:1]), asked=True).prompts) == ["mine"]
    with pytest.raises(ConfigError, match="two prompts have the name 'mine'"):
        make_grid(given_settings(prompts=places), asked=True)


CHANGED: dict[str, Any] = {
    "prompts": ("direct",),
    "label_orders": ("alphabetical",),
    "order_seed": 1,
    "modalities": ("transcript",),
    "temperatures": (1.0,),
    "runs": 2,
    "decoding": {"max_new_tokens": 7},
    "parser": "exact",
    "option_scores": False,
    "select": ("temperature",),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_nobody_heeds_is_refused_where_nobody_is_asked(name: str) -> None:
    changed = given_settings(**{name: CHANGED[name]})
    assert changed.asking_changed() == (name,)
    with pytest.raises(ConfigError, match=f"{name}: no system of this run is asked in words"):
        make_grid(changed, asked=False)


def test_every_setting_of_asking_has_been_tried() -> None:
    assert set(ASKING) - set(CHANGED) <= {"select_by", "select_on_test", "answer_form"}
    assert make_grid(given_settings(), asked=False).prompts == {}


def test_a_form_of_answers_needs_room_and_somebody_who_answers() -> None:
    room = {"max_new_tokens": 64}
    changed = given_settings(answer_form="label_first", decoding=room)
    assert set(changed.asking_changed()) == {"answer_form", "decoding"}
    with pytest.raises(ConfigError, match="answer_form"):
        make_grid(changed, asked=False)
    with pytest.raises(ValueError, match="answers would be cut off before their label"):
        given_settings(answer_form="label_first", decoding={"max_new_tokens": 5})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperatures": (-0.1,)}, "0 or more"),
        ({"temperatures": (100.0,)}, "less than 100"),
        ({"temperatures": ()}, "at least 1"),
        ({"decoding": {"min_new_tokens": 6}}, "min_new_tokens is more than"),
        ({"decoding": {"top_p": 0.0}}, "greater than 0"),
        ({"decoding": {"top_p": 1.5}}, "less than or equal to 1"),
        ({"decoding": {"sample": True}}, "sample"),
        ({"select_on_test": True}, "nothing is selected"),
        ({"select": ("seed",)}, "select"),
        ({"runs": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        given_settings(**options)


@given(st.lists(st.sampled_from(["given", "alphabetical", "shuffled:3", "shuffled-2"]), min_size=1))
def test_orders_are_written_out_and_stand_once(orders: list[str]) -> None:
    found = given_settings(label_orders=orders).label_orders
    assert list(found) == list(dict.fromkeys(itertools.chain(*map(expand_orders, orders))))
    assert ("shuffled:3" in orders) <= {"shuffled-1", "shuffled-2", "shuffled-3"}.issubset(found)


@pytest.mark.parametrize("word", ["shuffled:", "shuffled:x", "shuffled:-1", "other:3"])
def test_what_is_no_number_of_orders_stays_as_it_is_and_is_refused_later(word: str) -> None:
    assert expand_orders([word]) == (word,)
    with pytest.raises(ConfigError, match="unknown label order"):
        make_grid(given_settings(label_orders=(word,)), asked=True)


def test_the_checkpoints_settings_are_kept_unless_they_are_switched_off() -> None:
    kept = DecodingSettings(top_p=0.9).resolved
    assert (kept.top_p, kept.top_k, kept.repetition_penalty) == (0.9, None, None)
    off = DecodingSettings(top_p=0.9, checkpoint="neutral").resolved
    assert (off.top_p, off.top_k, off.repetition_penalty) == (0.9, 0, 1.0)


# ----------------------------------------------------------------------------- parts


def test_the_asked_part_is_the_test_part_in_the_corpus_order() -> None:
    demo = corpus()
    mixed = replace(demo, folds=demo.folds.sort("utterance_id", descending=True))
    for fold in ("1", "2"):
        found = asked_part(mixed, fold)["utterance_id"].to_list()
        assert found == [f"demo/{i}" for i in range(8) if i % 2 == int(fold) - 1]
    with pytest.raises(CorpusError, match="fold 9 of demo has no test part"):
        asked_part(demo, "9")


@pytest.mark.parametrize("modality", MODALITIES)
def test_only_those_with_a_transcript_are_asked_about_one(modality: str) -> None:
    table = corpus().utterances
    cell = Cell("llm", "demo", "1", "p", "given", modality)
    kept, lost = with_transcript(table, cell, "demo")
    wanted = 8 if modality == "speech" else 5
    assert (kept.height, lost) == (wanted, 8 - wanted)
    for none in (table.drop("transcript"), table.with_columns(transcript=None)):
        if modality == "speech":
            assert with_transcript(none, cell, "demo")[0].height == 8
        else:
            with pytest.raises(
                CorpusError, match=rf"fold 1.*modality {modality.replace('+', '.')}"
            ):
                with_transcript(none, cell, "demo")


# ---------------------------------------------------------------------------- record


def test_where_folds_come_from_is_said_in_a_sentence() -> None:
    own = plan_benchmark(fake(), corpus())
    assert fold_source(own, own.corpora["demo"]) == "demo: its own folds (2)."
    bare = replace(corpus(), folds=corpus().folds.clear())
    made = plan_benchmark("prior", bare, seed=3)
    count = len(made.corpora["demo"].fold_names)
    said = fold_source(made, made.corpora["demo"])
    assert f"{count} were made, which keep speakers apart, with seed 3" in said
    unknown = replace(bare, utterances=bare.utterances.with_columns(speaker=None))
    one = plan_benchmark(fake(), unknown)
    assert "all of it is one test part" in fold_source(one, one.corpora["demo"])


def test_the_record_knows_seeds_inputs_and_prompts_apart() -> None:
    first = new_record(plan_benchmark(fake(), corpus(), prompts=("direct",)), "typed")
    again = new_record(plan_benchmark(fake(), corpus(), prompts=("direct",)), "typed")
    assert (first.inputs, first.seeds, first.left_out) == (again.inputs, again.seeds, {})
    assert set(first.inputs) == {"demo/utterances", "demo/folds", "prompt direct"}
    other = new_record(
        plan_benchmark(fake(family="qwen2_audio"), corpus(), prompts=("user_labels",)), "typed"
    )
    assert other.inputs["demo/folds"] == first.inputs["demo/folds"]
    relabelled = replace(
        corpus(), utterances=corpus().utterances.with_columns(emotion=pl.lit("sad"))
    )
    changed = new_record(plan_benchmark(fake(), relabelled, prompts=("direct",)), "typed")
    assert changed.inputs["demo/utterances"] != first.inputs["demo/utterances"]
    assert changed.inputs["prompt direct"] == first.inputs["prompt direct"]


def test_what_was_left_out_is_counted_by_fold_and_reason() -> None:
    task = plan_benchmark(fake(), corpus(), modalities=("transcript",), limit=3)
    left_out = new_record(task, "typed").left_out
    assert left_out["demo, fold 1: test utterance beyond the limit"] == 1
    assert left_out["demo, fold 2: test utterance beyond the limit"] == 1
    silent = sum(n for why, n in left_out.items() if "without transcript" in why)
    tested = sum(task.parts(cell).test.height for cell in task.plan.cells)
    assert silent + tested == 6


def test_a_folder_with_another_run_names_what_differs(tmp_path: Path) -> None:
    record = new_record(plan_benchmark(fake(), corpus()), "typed")
    with RunFolder.open(tmp_path / "run") as run:
        begin(run, record)
        begin(run, record)  # the same again goes on
        other = new_record(plan_benchmark(fake(), corpus(), runs=2, seed=5), "typed")
        with pytest.raises(ConfigError, match="holds another run") as caught:
            begin(run, other)
    said = str(caught.value)
    assert "runs" in said
    assert "seed" in said
    assert "--overwrite" in said
    assert "temperatures" not in said
