"""The explainable SpeechLM's printed table: typed from the paper, and its slips recomputed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from equivoice.errors import InputError
from equivoice.studies.published.open_closed import PublishedForms, load_published_forms

# Table 1 line by line as the paper's text has it.
PRINTED = """
1 WavLM - - - - 29.70 - - -
2 Wav2vec_2.0 - - - - 23.80 - - -
3 HuBERT - - - - 28.50 - - -
4 SALMONN 16.91 33.26 19.21 31.52 12.32 20.95 13.90 20.11
5 Q2A 19.53 39.49 20.93 34.61 22.96 45.16 24.66 40.24
6 Q2A+CoT 27.80 52.42 30.09 46.87 26.39 49.56 28.60 44.79
7 Baichuan-Omni-1.5 21.51 46.27 22.60 40.24 21.52 46.16 22.63 40.38
8 Q2.5O 24.54 48.12 26.49 43.36 23.31 47.17 25.44 42.27
9 Q2.5O+CoT 26.00 49.41 28.09 44.61 28.70 57.37 31.81 52.74
10 Q2A-lora-SFT_w/o_reasoning 30.11 56.78 32.15 50.30 26.76 49.35 31.31 43.81
11 Q2A-lora-SFT_w/_reasoning 36.14 66.78 40.15 59.32 30.59 62.55 33.64 54.13
"""
READINGS = [(s, h) for s in ("all", "agreement > 0.5") for h in ("majority", "all")]


@pytest.fixture(scope="module")
def paper() -> PublishedForms:
    return load_published_forms()


def test_every_number_is_the_printed_one(paper: PublishedForms) -> None:
    lines = [line.split() for line in PRINTED.strip().splitlines()]
    assert len(lines) == len(paper.rows)
    for row, (number, name, *values) in zip(paper.rows, lines, strict=True):
        assert (row.id, row.name) == (int(number), name.replace("_", " "))
        found = [row.value(form, *each) for form in ("open", "closed") for each in READINGS]
        assert found == [None if value == "-" else float(value) for value in values]


def test_only_the_last_row_is_starred(paper: PublishedForms) -> None:
    assert [row.name for row in paper.rows if row.starred] == ["Q2A-lora-SFT w/ reasoning"]


def test_all_labels_help_and_agreement_moves_each_reading_its_own_way(
    paper: PublishedForms,
) -> None:
    """What must hold of such a table whoever made it: it guards against slips in typing."""
    for row in paper.rows[3:]:
        for form in ("open", "closed"):
            whole, every, agreed, agreed_every = (row.value(form, *each) for each in READINGS)
            assert None not in (whole, every, agreed, agreed_every)
            assert every > whole  # type: ignore[operator]
            assert agreed_every > agreed > whole  # type: ignore[operator]
            assert agreed_every < every  # type: ignore[operator]


def test_the_slip_about_forms_lists_who_is_lower(paper: PublishedForms) -> None:
    lower = {
        row.name
        for row in paper.rows[3:]
        if row.value("closed", "all", "majority") < row.value("open", "all", "majority")  # type: ignore[operator]
    }
    assert {row.name for row in paper.rows[3:]} - lower == {"Q2A", "Q2.5O+CoT", "Baichuan-Omni-1.5"}
    said = {slip.id: slip.what for slip in paper.slips}
    assert "22.96 against 19.53" in said["closed-form-lower"]
    ahead = [paper.row(name) for name in ("Q2A+CoT", "Q2.5O+CoT")]
    open_, closed = (
        [row.value(form, "all", "majority") for row in ahead if row] for form in ("open", "closed")
    )
    assert open_[0] > open_[1]  # type: ignore[operator]
    assert closed[0] < closed[1]  # type: ignore[operator]


def test_what_is_not_printed_is_none(paper: PublishedForms) -> None:
    wavlm = paper.row("WavLM")
    assert wavlm is not None
    assert wavlm.value("open", "all", "majority") is None
    assert wavlm.value("closed", "agreement > 0.5", "majority") is None
    assert wavlm.value("closed", "some", "majority") is None
    assert wavlm.value("ajar", "all", "majority") is None
    assert paper.row("nobody") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": []}, "rows"),
        ({"corpus": 3}, "corpus"),
        ({"more": 1}, "more"),
        ({"rows": [{"id": 2, "name": "a", "kind": "zero-shot", "open": None, "closed": None}]},
         "numbered from 1"),
        ({"rows": [{"id": 1, "name": "a", "kind": "zero-shot", "open": [101, 1, 1, 1],
                    "closed": None}]}, "no share in per cent"),
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, paper: PublishedForms, change: dict[str, object], said: str
) -> None:
    raw = paper.model_dump(mode="json") | change
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(raw))
    with pytest.raises(InputError, match=said):
        load_published_forms(file)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such published table"):
        load_published_forms("nobody")
    (tmp_path / "x.yaml").write_text("[")
    with pytest.raises(InputError, match="not YAML"):
        load_published_forms(tmp_path / "x.yaml")
