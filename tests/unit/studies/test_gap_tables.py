"""ERM-MinMaxGAP's printed numbers, compared with the paper's text and with each other."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest
import yaml

from equivoice.errors import InputError
from equivoice.studies import published
from equivoice.studies.published.gap_tables import (
    ALL,
    GAPS,
    GapTables,
    PrintedRow,
    load_gap_tables,
)

PAPER = Path(__file__).parents[4] / "shared" / "papers" / "erm_minmaxgap.txt"
FILE = Path(published.__file__).parent / "benchmarks" / "erm_minmaxgap.yaml"
MODALITIES = ("speech", "speech+transcript")
NAMES = {"Multilingual": ALL, "DEU": "de", "ENG": "en", "JPN": "ja"}
BLOCKS = {
    "Main Components": "components",
    "Lambda Effect": "weight",
    "Penalty Power Effect": "power",
}
HALF = 0.005  # of the last printed digit
ROUNDED = 2 * HALF + 1e-9
"""Two rounded numbers and their difference, or a mean of rounded ones and its own rounding."""


@pytest.fixture(scope="module")
def tables() -> GapTables:
    return load_gap_tables()


@pytest.fixture(scope="module")
def paper() -> str:
    for place in (PAPER, Path("/work/shared/papers/erm_minmaxgap.txt")):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    pytest.skip("the paper's text is not at hand")


def lines_of(text: str) -> list[tuple[str, str, list[float], float]]:
    """Rows of a table of the paper's text: block, head, fourteen numbers, and the arrow."""
    found, block = [], ""
    for line in text.splitlines():
        cells = [re.sub(r"</?\w+>", "", cell).strip() for cell in line.split("\t")]
        if len(cells) < 16:
            continue
        if not any(cells[1:]):
            block = cells[0]
        elif re.fullmatch(r"[\d.]+", cells[1]):
            arrow = float(cells[15][1:]) * (1 if cells[15][0] == "↑" else -1)
            found.append((block, cells[0], [float(cell) for cell in cells[1:15]], arrow))
    return found


def numbers(row: PrintedRow) -> tuple[list[float], float]:
    return [*row.speech, *row.both], row.change


def test_table_1_is_the_papers(tables: GapTables, paper: str) -> None:
    text = paper.partition("Table 1:")[2].partition("3. Experimental Setup")[0]
    counts = [[int(n) for n in re.findall(r"\b\d{3,}\b", line)] for line in text.splitlines()]
    printed = [row for row in counts if len(row) == 4]
    assert [[r.train, r.validation, r.test, r.total] for r in tables.datasets] == printed


def test_table_2_is_the_papers(tables: GapTables, paper: str) -> None:
    text = paper.partition("Table 2:")[2].partition("Table 3:")[0]
    printed = {(NAMES[b], name): (row, arrow) for b, name, row, arrow in lines_of(text)}
    ours = {(r.cell, tables.models[r.model].name): numbers(r) for r in tables.results}
    assert len(printed) == 24
    assert ours == printed


def test_table_3_is_the_papers(tables: GapTables, paper: str) -> None:
    text = paper.partition("Table 3:")[2].partition("\n\nλ reduces")[0]
    printed = [(BLOCKS[b], row, arrow) for b, _, row, arrow in lines_of(text)]
    assert [(r.block, *numbers(r)) for r in tables.ablations] == printed
    assert len(printed) == 10


# ------------------------------------------------------------- do the tables agree with themselves


def test_counts_add_up(tables: GapTables) -> None:
    by = {(row.cell, row.group): row for row in tables.datasets}
    for row in tables.datasets:
        assert row.train + row.validation + row.test == row.total
    for cell, part in itertools.product(("en", "ja", "de", ALL), ("train", "validation", "test")):
        women, men, total = (getattr(by[cell, who], part) for who in ("female", "male", "total"))
        assert women + men == total
    for who, part in itertools.product(("female", "male"), ("train", "validation", "test")):
        languages = sum(getattr(by[cell, who], part) for cell in ("en", "ja", "de"))
        assert languages == getattr(by[ALL, who], part)


def test_avg_is_the_mean_of_the_four_gaps_but_where_a_slip_says_otherwise(
    tables: GapTables,
) -> None:
    known = {(s.model, s.cell) for s in tables.slips if s.column == "avg_gap"}
    wrong = {
        (row.model, row.cell)
        for row in tables.results
        for modality in MODALITIES
        if abs(row.mean_of_gaps(modality) - row.numbers(modality)[-1]) > ROUNDED
        or (row.model, row.cell) in known
    }
    assert wrong == known == {("kimi-audio-7b", "en")}
    english = tables.result("kimi-audio-7b", "en")
    assert english is not None
    assert abs(english.mean_of_gaps("speech+transcript") - english.both[-1]) > 0.6
    for row in tables.ablations:
        for modality in MODALITIES:
            assert row.mean_of_gaps(modality) == pytest.approx(
                row.numbers(modality)[-1], abs=ROUNDED
            )


def test_arrows_are_differences_but_where_a_slip_says_otherwise(tables: GapTables) -> None:
    wrong = {
        (row.model, row.cell)
        for row in tables.results
        if abs(row.both[-1] - row.speech[-1] - row.change) > 2 * ROUNDED
    }
    known = {(s.model, s.cell) for s in tables.slips if s.column == "change"}
    assert wrong == known
    assert len(known) == 3
    for ablation in tables.ablations:
        difference = ablation.both[-1] - ablation.speech[-1]
        assert ablation.change == pytest.approx(difference, abs=2 * ROUNDED)


def test_multilingual_scores_are_means_of_the_languages(tables: GapTables) -> None:
    for model, modality in itertools.product(tables.models, MODALITIES):
        row = tables.result(model, ALL)
        assert row is not None
        for place in (0, 1):
            languages = [tables.result(model, c).numbers(modality)[place] for c in tables.languages]
            assert sum(languages) / 3 == pytest.approx(row.numbers(modality)[place], abs=ROUNDED)


def test_gaps_are_root_mean_squares_for_baselines_and_means_for_the_authors(
    tables: GapTables,
) -> None:
    """The finding of reference/papers.md, by plain arithmetic."""
    for model, modality, place in itertools.product(tables.models, MODALITIES, range(2, 6)):
        gaps = [tables.result(model, cell).numbers(modality)[place] for cell in tables.languages]
        mean = sum(gaps) / 3
        rms = math.sqrt(sum(gap**2 for gap in gaps) / 3)
        printed = tables.result(model, ALL).numbers(modality)[place]
        expected = mean if model == "erm-minmaxgap" else rms
        assert printed == pytest.approx(expected, abs=ROUNDED), (model, modality, place)
        assert tables.aggregators[model] == ("mean" if model == "erm-minmaxgap" else "rms")


def test_one_of_the_two_aggregators_fits_no_model_by_chance(tables: GapTables) -> None:
    """By the other aggregator the printed AVG is missed by far more than rounding."""
    other = {"rms": "mean", "mean": "rms"}
    for model, modality in itertools.product(tables.models, MODALITIES):
        printed = tables.result(model, ALL).numbers(modality)[-1]
        own = tables.recomputed(model, modality, tables.aggregators[model])["avg_gap"]
        wrong = tables.recomputed(model, modality, other[tables.aggregators[model]])["avg_gap"]
        assert own == pytest.approx(printed, abs=ROUNDED)
        assert abs(wrong - printed) > 0.1


def test_the_claim_turns_round_with_one_aggregator(tables: GapTables) -> None:
    by = {
        (model, aggregator): tables.recomputed(model, "speech", aggregator)["avg_gap"]
        for model in ("erm-minmaxgap", "gpt4o-mini-audio")
        for aggregator in ("mean", "rms")
    }
    assert by["erm-minmaxgap", "mean"] == pytest.approx(4.34, abs=HALF)
    assert by["erm-minmaxgap", "rms"] == pytest.approx(5.04, abs=HALF)
    assert by["gpt4o-mini-audio", "mean"] == pytest.approx(4.12, abs=HALF)
    assert by["gpt4o-mini-audio", "rms"] == pytest.approx(4.43, abs=HALF)
    ours, theirs = (tables.result(m, ALL).speech[-1] for m in ("erm-minmaxgap", "gpt4o-mini-audio"))
    assert ours < theirs  # as printed
    for aggregator in ("mean", "rms"):
        assert by["erm-minmaxgap", aggregator] > by["gpt4o-mini-audio", aggregator]


def test_the_largest_gap_is_recomputed_by_hand(tables: GapTables) -> None:
    """12.05, 7.69, 9.07; 5.72, 3.65, 2.88; 4.50, .92, 3.56; 3.25, 1.75, 7.19."""
    row = tables.recomputed("qwen2-audio", "speech", "max")
    assert [row[name] for name in GAPS] == [12.05, 5.72, 4.50, 7.19]
    assert row["avg_gap"] == pytest.approx((12.05 + 5.72 + 4.50 + 7.19) / 4)


def test_accuracies_are_whole_numbers_of_the_test_utterances(tables: GapTables) -> None:
    """Each printed accuracy of a language is k/n of Table 1's n: these are its test parts."""
    sizes = {r.cell: r.test for r in tables.datasets if r.group == "total"}
    for row in tables.results:
        if row.cell == ALL:
            continue
        for value in (row.speech[1], row.both[1]):
            nearest = round(value / 100 * sizes[row.cell]) / sizes[row.cell] * 100
            assert value == pytest.approx(nearest, abs=HALF + 1e-9), row


def test_rows_that_state_the_same_thing_agree(tables: GapTables) -> None:
    same = [
        (tables.result("qwen2-audio", ALL), tables.ablation("components", "zero-shot")),
        (tables.result("erm-minmaxgap", ALL), tables.ablation("components", "minmaxgap")),
        (tables.ablation("weight", "0"), tables.ablation("components", "erm")),
        (tables.ablation("weight", "adaptive"), tables.ablation("components", "minmaxgap")),
        (tables.ablation("power", "2"), tables.ablation("components", "minmaxgap")),
    ]
    for one, other in same:
        assert one is not None
        assert other is not None
        assert numbers(one) == numbers(other)


def test_the_row_of_p_1_repeats_speech_of_p_2(tables: GapTables) -> None:
    one, two = tables.ablation("power", "1"), tables.ablation("power", "2")
    assert one.speech == two.speech
    assert one.both != two.both
    assert any(slip.id == "power-one-speech" for slip in tables.slips)


def test_a_checkpoint_names_its_model(tables: GapTables) -> None:
    assert tables.model_run_by("/weights/Qwen2-Audio-7B-Instruct/") == "qwen2-audio"
    assert tables.model_run_by("tiny") is None
    assert tables.model_run_by(None) is None


# ----------------------------------------------------------------------------- files


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_file_of_the_same_form_can_be_read(tmp_path: Path, tables: GapTables) -> None:
    assert load_gap_tables(changed(tmp_path, "x", "x")) == tables


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("model: qwen2-audio, cell: de", "model: qwen9, cell: de", "unknown model 'qwen9'"),
        ("model: qwen2-audio, cell: de", "model: qwen2-audio, cell: all", "stands twice"),
        ("[34.89, 33.31, ", "[34.89, ", "7 items"),
        ("[weighted_f1, accuracy,", "[accuracy, weighted_f1,", "columns"),
        ("cell: en, group: female, train: 3546", "cell: en, group: female, train: -1", "train"),
        ("slips:", "slip:", "slip"),
        ("id: erm_minmaxgap", "id: [", "not YAML"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        load_gap_tables(changed(tmp_path, old, new))
    assert "mine.yaml" in str(caught.value)


def test_a_study_that_nobody_published() -> None:
    with pytest.raises(InputError, match="no such published tables") as caught:
        load_gap_tables("fairalm2")
    assert "erm_minmaxgap" in str(caught.value)


def test_every_slip_has_its_evidence() -> None:
    slips = yaml.safe_load(FILE.read_text(encoding="utf-8"))["slips"]
    assert len({slip["id"] for slip in slips}) == len(slips) == 7
    assert all(slip["evidence"] for slip in slips)
