"""An ensemble as a run folder: what of it is kept, and what a reader finds there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import Ensemble, ensemble
from equivoice.evaluation.described import read_descriptions
from equivoice.evaluation.ensemble.storing import read_findings
from equivoice.store import RunFolder
from equivoice.store.provenance import hash_file

LABELS = ("angry", "happy", "sad")
IDS = [f"demo/{n}" for n in range(12)]
TRUTH = pl.DataFrame(
    {
        "utterance_id": IDS,
        "speaker": [f"s{n % 4}" for n in range(12)],
        "emotion": [LABELS[n % 3] for n in range(12)],
    }
)
QUICK: dict[str, Any] = {"replicates": 20, "permutations": 5, "subsets": False}


def said(turn: int) -> pl.DataFrame:
    """Right but for every so manyth utterance."""
    wrong = [LABELS[(n + (n % turn == 0)) % 3] for n in range(12)]
    return pl.DataFrame({"utterance_id": IDS, "emotion": wrong})


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    for at, turn in enumerate((3, 4, 5)):
        said(turn).write_csv(tmp_path / f"m{at}.csv")
    return [f"m{at}={tmp_path}/m{at}.csv" for at in range(3)]


@pytest.fixture
def voted(places: list[str], tmp_path: Path) -> Ensemble:
    return ensemble(places, reference=TRUTH, out=tmp_path / "vote", command="typed", **QUICK)


def test_the_record_says_what_went_in(voted: Ensemble, places: list[str], tmp_path: Path) -> None:
    record = RunFolder.read(tmp_path / "vote").record
    assert (record.verb, record.command) == ("ensemble", "typed")
    assert record.config["members"] == places
    assert record.config["reference"] == "a table in memory"
    assert record.config["method"] == ["majority"]
    assert record.finished is not None
    hashes = {f"predictions {tmp_path}/m{at}.csv": f"m{at}.csv" for at in range(3)}
    assert record.inputs == {name: hash_file(tmp_path / file) for name, file in hashes.items()}


def test_tables_findings_and_notes_are_kept(voted: Ensemble, tmp_path: Path) -> None:
    kept = RunFolder.read(tmp_path / "vote")
    rows = ("system", "utterance_id")
    assert kept.predictions().sort(*rows).equals(voted.predictions.sort(*rows))
    assert kept.estimates().height == voted.estimates.height
    assert kept.utterances()["utterance_id"].to_list() == sorted(IDS)
    assert read_findings(kept) == voted.findings
    assert json.loads((kept.path / "notes.json").read_text("utf-8")) == list(voted.notes)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (lambda: TRUTH, "reference"),
        (lambda: TRUTH.with_columns(corpus=pl.lit("demo")), "reference"),
        (lambda: Corpus("spoken", label_space(LABELS, id="own"), TRUTH), "spoken"),
    ],
)
def test_the_corpus_is_described_as_far_as_it_is_known(
    places: list[str], tmp_path: Path, reference: Callable[[], Any], name: str
) -> None:
    made = ensemble(places, reference=reference(), out=tmp_path / "vote", **QUICK)
    assert made.folder is not None
    (described,) = read_descriptions(made.folder).values()
    assert described.name == name
    assert set(described.labels) == set(LABELS)


def test_the_same_again_is_written_and_another_is_not(
    voted: Ensemble, places: list[str], tmp_path: Path
) -> None:
    again = ensemble(places, reference=TRUTH, out=tmp_path / "vote", **QUICK)
    assert again.predictions.equals(voted.predictions)
    with pytest.raises(ConfigError, match="holds another run"):
        ensemble(places, reference=TRUTH, out=tmp_path / "vote", tie="none", **QUICK)
    other = ensemble(
        places, reference=TRUTH, out=tmp_path / "vote", tie="none", overwrite=True, **QUICK
    )
    assert RunFolder.read(tmp_path / "vote").record.config["tie"] == "none"
    assert other.findings.tie == "none"


def test_a_place_that_cannot_be_written_is_named(places: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="this is a file, and a run needs a folder"):
        ensemble(places, reference=TRUTH, out=tmp_path / "file", **QUICK)


def test_nothing_is_written_where_nothing_is_asked_for(places: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert ensemble(places, reference=TRUTH, **QUICK).folder is None
    assert sorted(tmp_path.iterdir()) == before
