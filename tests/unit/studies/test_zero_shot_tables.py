"""At which temperature the tables stand, and which rows they take."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.studies.zero_shot.scoring import AuditSettings, groupings_of
from equivoice.studies.zero_shot.tables import (
    Chosen,
    at_chosen,
    choose_temperatures,
    model_of,
    with_labels,
)

FIXED = {"corpus": "c", "prompt": "p", "modality": "speech", "convention": "equivoice"}


def rows(*given: dict[str, Any]) -> pl.DataFrame:
    shared = {"quantity": "score", "metric": "macro_f1", "class": None, "group_by": None}
    return pl.DataFrame(
        [
            FIXED | shared | {"system": "llm", "temperature": 0.0, "value": 0.5} | row
            for row in given
        ],
        schema_overrides={
            "class": pl.String,
            "group_by": pl.String,
            "temperature": pl.Float64,
            "prompt": pl.String,
            "system": pl.String,
        },
        infer_schema_length=None,
    )


def sweep(**values: float | None) -> pl.DataFrame:
    """Macro-F1 by temperature: ``t03=0.5`` is 0.5 at 0.3."""
    return rows(
        *({"temperature": int(name[1:]) / 10, "value": value} for name, value in values.items())
    )


def chosen_of(frame: pl.DataFrame, **settings: Any) -> list[float | None]:
    return [each.temperature for each in choose_temperatures(frame, AuditSettings(**settings))]


def test_the_lowest_temperature_stands_whatever_the_scores() -> None:
    assert chosen_of(sweep(t07=0.9, t03=0.1, t15=0.5)) == [0.3]


def test_the_best_on_the_test_data_only_where_it_is_forced() -> None:
    frame = sweep(t00=0.5, t03=0.7, t07=0.7, t15=None)
    (choice,) = choose_temperatures(frame, AuditSettings(select_on_test=True))
    assert choice.temperature == 0.3  # of equally good ones the lower
    assert choice.candidates == {"0": 0.5, "0.3": 0.7, "0.7": 0.7}
    record = choice.as_selection()
    assert (record["split"], record["what"], record["chosen"]) == ("test", "temperature", 0.3)
    (honest,) = choose_temperatures(frame, AuditSettings())
    assert honest.candidates == {}


def test_with_one_temperature_nothing_is_chosen() -> None:
    (only,) = choose_temperatures(sweep(t07=0.5), AuditSettings(select_on_test=True))
    assert (only.temperature, only.candidates) == (0.7, {})


def test_where_no_score_is_defined_the_lowest_stands() -> None:
    frame = sweep(t03=None, t07=None)
    assert chosen_of(frame, select_on_test=True) == [0.3]


def test_a_named_temperature_is_taken_or_the_nearest_to_it() -> None:
    frame = sweep(t00=0.5, t07=0.4, t15=0.3)
    assert chosen_of(frame, temperature=0.7) == [0.7]
    assert chosen_of(frame, temperature=1.4) == [1.5]


def test_each_system_prompt_and_corpus_chooses_for_itself() -> None:
    frame = rows(
        {"temperature": 0.3},
        {"temperature": 0.0, "prompt": "q"},
        {"temperature": 1.0, "corpus": "d"},
        {"temperature": None, "system": "acoustic", "prompt": None},
        {"temperature": 0.3, "system": "llm/options"},
    )
    found = {
        (each.system, each.corpus, each.prompt): each.temperature
        for each in choose_temperatures(frame, AuditSettings())
    }
    assert found == {
        ("llm", "c", "p"): 0.3,
        ("llm", "c", "q"): 0.0,
        ("llm", "d", "p"): 1.0,
        ("acoustic", "c", None): None,
    }


def place(temperature: float | None, system: str = "llm", prompt: str | None = "p") -> Chosen:
    return Chosen(system, "c", prompt, "speech", temperature, {})


def test_rows_at_the_chosen_temperature_in_every_reading() -> None:
    frame = rows(
        *(
            {"temperature": t, "system": s}
            for s in ("llm", "llm/options", "llm/expected")
            for t in (0.0, 0.7)
        )
    )
    kept = at_chosen(frame, [place(0.7)])
    assert set(kept.select("system", "temperature").iter_rows()) == {
        ("llm", 0.7),
        ("llm/options", 0.7),
        ("llm/expected", 0.7),
    }
    assert kept.columns == frame.columns


def test_option_scores_that_are_missing_at_the_chosen_temperature_stand_at_the_next() -> None:
    frame = rows(
        {"temperature": 0.0},
        {"temperature": 0.7, "system": "llm/options"},
        {"temperature": 1.5, "system": "llm/options"},
    )
    kept = at_chosen(frame, [place(0.0)])
    assert kept["temperature"].to_list() == [0.0, 0.7]


def test_systems_without_temperature_or_prompt_are_kept() -> None:
    frame = rows({"system": "acoustic", "temperature": None, "prompt": None})
    assert at_chosen(frame, [place(None, "acoustic", None)]).height == 1


def test_other_prompts_are_not_mixed_in() -> None:
    frame = rows({"prompt": "p"}, {"prompt": "q"})
    assert at_chosen(frame, [place(0.0)])["prompt"].to_list() == ["p"]


def test_nothing_is_taken_from_nothing() -> None:
    assert at_chosen(rows().clear(), [place(0.0)]).is_empty()


def test_conditions_without_any_probable_option_are_dropped_whole() -> None:
    frame = rows(
        {"system": "llm/options", "metric": "coverage", "value": 0.0},
        {"system": "llm/options", "value": 0.0},
        {"system": "llm/options", "temperature": 0.7, "metric": "coverage", "value": 1.0},
        {"system": "llm/options", "temperature": 0.7, "value": 0.8},
        {"system": "llm", "metric": "coverage", "value": 0.0},
        {"system": "llm", "value": 0.0},
    )
    kept = with_labels(frame)
    assert kept.filter(pl.col("system") == "llm/options")["temperature"].unique().to_list() == [0.7]
    # answers in words that cannot be read are a result, and stay
    assert kept.filter(pl.col("system") == "llm").height == 2


@pytest.mark.parametrize(
    ("system", "model"),
    [("a", "a"), ("a/options", "a"), ("org/a/expected", "org/a"), ("org/a", "org/a"), (None, None)],
)
def test_a_model_is_its_system_without_the_reading(system: str | None, model: str | None) -> None:
    assert model_of(system) == model


def test_groupings_are_the_papers_attributes_that_vary() -> None:
    speech = pl.DataFrame(
        {
            "gender": ["female", "male", None],
            "age": [20.0, 30.0, 60.0],
            "ethnicity": ["Hispanic", "Not Hispanic", None],
            "race": ["a", "a", None],
            "language": ["en", "de", "en"],
        }
    )
    assert groupings_of(speech) == ["gender", "age[25,33,46]", "ethnicity"]
    assert groupings_of(speech.select("race")) == []
