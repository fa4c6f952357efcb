"""The printed numbers, compared with the paper's text and with each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from equivoice.errors import InputError
from equivoice.studies import published
from equivoice.studies.published import load_published

PAPER = Path(__file__).parents[4] / "shared" / "papers" / "fairalm.txt"
NAMES = {
    "cremad": "CREMA-D",
    "iemocap": "IEMOCAP",
    "emovdb": "EmoV-DB",
    "ravdess": "RAVDASS",
    "meld": "MELD",
}
FILE = Path(published.__file__).parent / "fairalm.yaml"


def table_of(paper: str, name: str) -> dict[str, list[float]]:
    """Rows of a table of the paper's text: the row's head, and its numbers without deviations."""
    text = paper.partition(f"TABLE {name}:")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return {row[0]: [float(re.match(r"[\d.]+", cell)[0]) for cell in row[1:]] for row in rows}


@pytest.fixture(scope="module")
def paper() -> str:
    if not PAPER.is_file():
        pytest.skip("the paper's text is not at hand")
    return PAPER.read_text(encoding="utf-8")


def test_table_ii_is_the_papers(paper: str) -> None:
    study = load_published()
    printed = table_of(paper, "II")
    ours = {
        study.models[row.model].name: [number.value for number in row.values.values()]
        for row in study.scores
        if row.table == "II"
    }
    assert ours == printed


def test_deviations_are_the_papers(paper: str) -> None:
    text = paper.partition("TABLE II:")[2].partition("TABLE III:")[0]
    printed = [float(found) for found in re.findall(r"\\pm\s*([\d.]+)", text)]
    study = load_published()
    rows = [row for row in study.scores if row.table == "II"]
    assert [n.sd for row in rows for n in row.values.values() if n.sd is not None] == printed


def test_table_iii_is_the_papers(paper: str) -> None:
    printed = table_of(paper, "III")
    study = load_published()
    with_, without = (
        [number.value for number in row.values.values()]
        for row in study.scores
        if row.table == "III"
    )
    assert [with_, without] == [printed["w/ Lev."], printed["w/o Lev."]]


def test_table_iv_is_the_papers(paper: str) -> None:
    text = paper.partition("TABLE IV:")[2]
    study = load_published()
    for row in study.gaps:
        line = rf"{NAMES[row.corpus]}\t{row.sp:.2f}\t{row.eo:.2f}\t{row.oae:.2f}"
        assert re.search(line, text), row
    assert len(study.gaps) == 7


def test_rows_that_state_the_same_thing_agree() -> None:
    study = load_published()
    for corpus in ("cremad", "iemocap", "emovdb", "meld"):
        of_ii = study.score("II", "qwen2-audio", corpus)
        assert of_ii == study.score("III", "qwen2-audio", corpus, post_processing=True)


def test_slips_hold_true_values_and_leave_the_printed_ones() -> None:
    study = load_published()
    (tess,) = [slip for slip in study.slips if slip.id == "meld-is-tess"]
    assert study.score("II", "wavlm-large", "meld").value == 99.78
    assert tess.true["wavlm-large"] == 29.11
    trained = {key for key, model in study.models.items() if model.trained}
    assert set(tess.true) == trained
    assert all(slip.corpus in (None, "ravdess") for slip in study.slips_of("IV", "ravdess"))
    assert "one-group-fold" in {slip.id for slip in study.slips_of("IV", "ravdess")}
    assert "one-group-fold" not in {slip.id for slip in study.slips_of("IV", "meld")}


def test_what_was_not_printed_is_kept_apart() -> None:
    study = load_published()
    assert study.gap("qwen2-audio", "race", "cremad") is None
    race = {each.metric: each.value for each in study.left_out if each.attribute == "race"}
    assert race["overall_accuracy_equality"] == 43.97
    assert study.score("III", "qwen2-audio", "ravdess", post_processing=False) is None


@pytest.mark.parametrize(
    ("described", "key"),
    [
        ("Qwen/Qwen2-Audio-7B-Instruct", "qwen2-audio"),
        ("/data/weights/qwen2-audio-7b-instruct/", "qwen2-audio"),
        ("Qwen/Qwen2-Audio-7B", None),
        ("models/tiny-qwen2-audio", None),
        ("mistralai/Voxtral-Mini-3B-2507", "voxtral-mini"),
        ("", None),
        (None, None),
    ],
)
def test_a_row_holds_for_the_same_checkpoint_only(described: str | None, key: str | None) -> None:
    assert load_published().model_run_by(described) == key


def broken(tmp_path: Path, change: str) -> Path:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    if change == "model":
        content["gaps"][0]["model"] = "qwen3"
    elif change == "twice":
        content["gaps"].append(content["gaps"][0])
    elif change == "key":
        content["gaps"][0]["spp"] = 1
    elif change == "number":
        content["scores"][0]["values"]["meld"] = [1, 2, 3]
    elif change == "corpus":
        content["slips"][0]["corpus"] = "crema"
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model", "unknown model 'qwen3'"),
        ("corpus", "unknown corpus 'crema'"),
        ("twice", "stands twice"),
        ("key", "gaps.0.spp"),
        ("number", "scores.0.values.meld"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, change: str, said: str) -> None:
    file = broken(tmp_path, change)
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        load_published(file)
    assert caught.value.file == str(file)


def test_other_studies_are_named() -> None:
    with pytest.raises(InputError, match="choices: fairalm"):
        load_published("fairlam")
