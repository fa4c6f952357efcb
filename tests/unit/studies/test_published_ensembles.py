"""ABHINAYA's printed numbers: they agree with each other, and a file that does not is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from equivoice.errors import InputError
from equivoice.studies.published.ensembles import load_published_ensemble

PAPER = load_published_ensemble()


def raw() -> dict[str, object]:
    import equivoice.studies.published as folder

    text = (
        Path(folder.__file__)
        .with_name("votes")
        .joinpath("abhinaya.yaml")
        .read_text(encoding="utf-8")
    )
    found: dict[str, object] = yaml.safe_load(text)
    return found


def test_table_3_averages_to_table_1() -> None:
    """Macro-F1 is the mean over emotions; the paper's own tables agree to their last digit."""
    for name, system in PAPER.systems.items():
        assert PAPER.mean_over_emotions(name) == pytest.approx(system.validation, abs=0.011)
    assert PAPER.mean_over_emotions("ABHINAYA") == pytest.approx(PAPER.whole.validation, abs=0.011)


def test_table_2_holds_the_losses_of_table_1() -> None:
    for name, losses in PAPER.losses.items():
        own = PAPER.systems[name]
        assert own.loss is not None
        assert losses[own.loss] == own.validation == max(losses.values())


def test_the_claims_of_the_prose_follow_from_the_tables() -> None:
    test = {name: system.test for name, system in PAPER.systems.items()}
    whole, baseline = PAPER.whole.test, PAPER.baseline.test
    assert whole is not None
    assert baseline is not None
    assert test["S2"] is not None
    assert (whole / test["S2"] - 1) * 100 == pytest.approx(24.56, abs=0.005)
    assert (whole / baseline - 1) * 100 == pytest.approx(33.68, abs=0.005)
    best = {
        emotion: max(row, key=lambda name: row[name]) for emotion, row in PAPER.by_emotion.items()
    }
    assert [emotion for emotion, name in best.items() if name == "ABHINAYA"] == [
        "angry",
        "neutral",
        "sad",
        "surprise",
    ]


def test_what_the_prose_rounds_up_is_named() -> None:
    first = PAPER.combination(("S1", "S2", "T2", "ST1"))
    assert first is not None
    assert PAPER.whole.validation - first.validation == pytest.approx(1.32)
    assert any(slip.id == "nearly-one-and-a-half" for slip in PAPER.slips)


def test_combinations_are_found_by_their_members_in_any_order() -> None:
    found = PAPER.combination(("ST1", "S1", "T2"))
    assert found is not None
    assert (found.name, found.breaker, found.validation, found.test) == (
        "Comb. II",
        "ST1",
        39.07,
        None,
    )
    assert PAPER.combination(("S1", "S2")) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"emotions": ["angry"]}, "Table 3 and the list of emotions differ"),
        (
            {
                "combinations": [
                    {"name": "x", "members": ["S1", "T2"], "breaker": "S2", "validation": 1.0}
                ]
            },
            "x: S2 breaks its ties and is no member",
        ),
        ({"losses": {"S9": {"wce": 1.0}}}, "unknown system 'S9'"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    change: dict[str, object], problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump({**raw(), **change}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_published_ensemble(file)
    assert problem in str(caught.value)


def test_a_number_of_table_3_that_was_mistyped_is_found(tmp_path: Path) -> None:
    broken = raw()
    table = broken["by_emotion"]
    assert isinstance(table, dict)
    table["fear"]["S2"] = 61.79
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(broken), encoding="utf-8")
    with pytest.raises(InputError, match=r"Table 3 gives S2 43\.3[01], Table 1 37\.68"):
        load_published_ensemble(file)


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such published tables"):
        load_published_ensemble("abhinay")
    (tmp_path / "x.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(InputError, match="not YAML"):
        load_published_ensemble(tmp_path / "x.yaml")
