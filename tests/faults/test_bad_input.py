"""Bad input, kind by kind, through the command line.

Each is a named error with exit code 2, or a counted exclusion; none is a traceback,
and none leaves results that look whole.
"""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run

LABELS = ("angry", "happy", "sad")
SPEAKERS, CLIPS = 12, 6


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``p.csv`` (predictions) and ``u.csv`` (reference) that are in order."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "utterance_id": f"demo/{speaker:02}-{clip}",
            "emotion": LABELS[(speaker + clip) % 3],
            "speaker": f"s{speaker:02}",
            "gender": ("female", "male")[speaker % 2],
        }
        for speaker in range(SPEAKERS)
        for clip in range(CLIPS)
    ]
    reference = pl.DataFrame(rows)
    reference.write_csv("u.csv")
    guesses = [LABELS[(i + (i % 4 == 0)) % 3] for i in range(len(rows))]
    predictions = reference.select("utterance_id").with_columns(pl.Series("emotion", guesses))
    predictions.write_csv("p.csv")
    return tmp_path


Capture = pytest.CaptureFixture[str]


def score(*more: str) -> int:
    words = ["score", "p.csv", "--reference", "u.csv", "--replicates", "50", "--permutations", "50"]
    return run([*words, "-o", "out", *more])


def refused(capsys: Capture, *says: str) -> None:
    """The last command was refused: these words, no traceback, nothing written."""
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    for part in says:
        assert part in err, err
    assert "Traceback" not in err
    assert not Path("out/estimates.parquet").exists()


def change(file: str, how: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    how(pl.read_csv(file)).write_csv(file)


def estimate(**wanted: object) -> dict[str, object]:
    table = pl.read_parquet("out/estimates.parquet").filter(
        pl.all_horizontal(
            pl.col(name).is_null() if value is None else pl.col(name) == value
            for name, value in wanted.items()
        )
    )
    assert table.height == 1, table
    return table.row(0, named=True)


def test_what_is_in_order_is_scored(tables: Path) -> None:
    assert score("--group", "gender") == 0
    assert Path("out/report.html").is_file()


# ------------------------------------------------------------------------- tables


def test_1_wrong_column(tables: Path, capsys: Capture) -> None:
    change("p.csv", lambda frame: frame.rename({"utterance_id": "clip"}))
    assert score() == 2
    refused(capsys, "lacks the column 'utterance_id'", "p.csv", "choices: clip, emotion")


def test_2_neither_label_nor_answer(tables: Path, capsys: Capture) -> None:
    change("p.csv", lambda frame: frame.rename({"emotion": "label"}))
    assert score() == 2
    refused(capsys, "neither the column 'emotion' nor 'response'", "p.csv", "label")


def test_3_duplicate_id(tables: Path, capsys: Capture) -> None:
    change("p.csv", lambda frame: pl.concat([frame, frame.head(1)]))
    assert score() == 2
    refused(capsys, "repeats a key first seen in row 1", "row: 73", "demo/00-0")


def test_3b_duplicate_id_in_the_reference(tables: Path, capsys: Capture) -> None:
    change("u.csv", lambda frame: pl.concat([frame, frame.head(1)]))
    assert score() == 2
    refused(capsys, "repeats a key first seen in row 1", "u.csv")


def test_4_unknown_label(tables: Path, capsys: Capture) -> None:
    change("p.csv", lambda frame: frame.with_columns(emotion=pl.lit("wistful")))
    assert score() == 2
    refused(capsys, "'wistful'", "row: 1", "choices: angry, happy, sad")


@pytest.mark.parametrize("value", ["NaN", "inf", "-1", "old"])
def test_5_a_number_that_is_none(tables: Path, capsys: Capture, value: str) -> None:
    change(
        "u.csv",
        lambda frame: frame.with_columns(
            age=pl.when(pl.int_range(pl.len()) == 4).then(pl.lit(value)).otherwise(pl.lit("30"))
        ),
    )
    assert score() == 2
    refused(capsys, "u.csv", "row: 5", "age")


def test_6_empty_file(tables: Path, capsys: Capture) -> None:
    Path("p.csv").write_bytes(b"")
    assert score() == 2
    refused(capsys, "the file is empty", "p.csv")


def test_6b_a_table_without_rows(tables: Path, capsys: Capture) -> None:
    Path("p.csv").write_text("utterance_id,emotion\n")
    assert score() == 2
    refused(capsys, "p.csv", "no predictions")


def test_7_not_utf8(tables: Path, capsys: Capture) -> None:
    Path("p.csv").write_bytes(b"utterance_id,emotion\ndemo/00-0,fr\xf6hlich\n")
    assert score() == 2
    refused(capsys, "not UTF-8", "p.csv")


def test_8_no_such_file_and_no_table(tables: Path, capsys: Capture) -> None:
    Path("p.csv").rename("p.xlsx")
    assert score() == 2
    refused(capsys, "there is no such file", "p.csv")
    assert run(["score", "p.xlsx", "--reference", "u.csv", "-o", "out"]) == 2
    refused(capsys, "not a kind of table", ".parquet")
    assert run(["score", "u.csv", "--reference", "none", "-o", "out"]) == 2
    refused(capsys, "none")


def test_9_prediction_without_reference_is_counted(tables: Path, capsys: Capture) -> None:
    extra = pl.DataFrame({"utterance_id": ["demo/x", "demo/y"], "emotion": ["sad", "sad"]})
    change("p.csv", lambda frame: pl.concat([frame, extra]))
    assert score() == 0
    assert "prediction without reference (2)" in capsys.readouterr().err
    row = estimate(quantity="score", metric="accuracy", group_by=None)
    assert row["n"] == SPEAKERS * CLIPS
    assert json.loads(str(row["left_out"])) == {"prediction without reference": 2}


def test_10_reference_without_prediction_is_counted(tables: Path) -> None:
    change("p.csv", lambda frame: frame.head(70))
    assert score() == 0
    row = estimate(quantity="score", metric="accuracy", group_by=None)
    assert row["n"] == 70
    assert json.loads(str(row["left_out"])) == {"utterance without prediction": 2}


def test_10b_nothing_in_common(tables: Path, capsys: Capture) -> None:
    change(
        "p.csv", lambda frame: frame.with_columns(utterance_id="other/" + pl.col("utterance_id"))
    )
    assert score() == 2
    refused(capsys, "no utterance in common", "other/demo/00-0", "demo/00-0")


def test_11_one_group_only(tables: Path) -> None:
    change("u.csv", lambda frame: frame.with_columns(gender=pl.lit("female")))
    assert score("--group", "gender") == 0
    table = pl.read_parquet("out/estimates.parquet")
    assert table.filter(pl.col("quantity") == "pair_gap").height == 0
    gaps = table.filter(pl.col("quantity") == "gap")
    assert gaps["value"].null_count() == gaps.height > 0
    assert gaps["undefined"].null_count() == 0
    assert "only one group" in gaps["undefined"][0] or "group" in gaps["undefined"][0]


def test_12_one_class_only(tables: Path) -> None:
    change("u.csv", lambda frame: frame.with_columns(emotion=pl.lit("sad")))
    change("p.csv", lambda frame: frame.with_columns(emotion=pl.lit("sad")))
    assert score("--group", "gender") == 0
    assert estimate(quantity="score", metric="accuracy", group_by=None)["value"] == 1.0


def test_13_unknown_attribute(tables: Path, capsys: Capture) -> None:
    assert score("--group", "gendre") == 2
    refused(capsys, "no such attribute to group by: 'gendre'", "choices: ")


def test_14_wrong_options_all_at_once(tables: Path, capsys: Capture) -> None:
    assert score("--level", "2", "replicats=5", "--permutations", "few") == 2
    refused(capsys, "3 problems", "level", "did you mean 'replicates'?", "permutations")
    assert score("--convention", "theirs") == 2
    refused(capsys, "theirs", "fairalm_paper")


def test_15_a_path_outside_the_folder(tables: Path, capsys: Capture) -> None:
    change("u.csv", lambda frame: frame.with_columns(audio=pl.lit("../../etc/passwd")))
    assert score() == 2
    refused(capsys, "../../etc/passwd", "u.csv", "row: 1")


def test_16_html_in_an_answer_is_shown_as_text(tables: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)> angry"
    change(
        "p.csv",
        lambda frame: frame.select(
            "utterance_id", pl.lit(evil).alias("response"), pl.lit("<b>me</b>").alias("system")
        ),
    )
    change(
        "u.csv", lambda frame: frame.with_columns(transcript=pl.lit("<script>alert(3)</script>"))
    )
    assert score("--group", "gender") == 0
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<b>me</b>" not in page
    assert "&lt;b&gt;me&lt;/b&gt;" in page


def test_16b_markup_of_the_terminal_is_shown_as_text(tables: Path, capsys: Capture) -> None:
    change("p.csv", lambda frame: frame.with_columns(system=pl.lit("[red]me[/red]")))
    assert score() == 0
    assert "Traceback" not in capsys.readouterr().err


def test_17_answers_that_no_parser_reads_are_counted(tables: Path) -> None:
    change(
        "p.csv",
        lambda frame: frame.select("utterance_id", pl.lit("I cannot hear it").alias("response")),
    )
    assert score() == 0
    assert estimate(quantity="score", metric="coverage", group_by=None)["value"] == 0.0
    assert estimate(quantity="score", metric="accuracy", group_by=None)["value"] == 0.0


def test_18_a_folder_of_something_else_is_left_alone(tables: Path, capsys: Capture) -> None:
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine")
    assert score() == 2
    refused(capsys, "out")
    assert [each.name for each in Path("out").iterdir()] == ["thesis.txt"]


def test_19_the_run_of_another_verb_is_left_alone(tables: Path, capsys: Capture) -> None:
    assert score() == 0
    record = json.loads(Path("out/run.json").read_text())
    Path("out/run.json").write_text(json.dumps(record | {"verb": "benchmark"}))
    before = Path("out/estimates.parquet").read_bytes()
    capsys.readouterr()
    assert score("--seed", "9") == 2
    assert "the run of another verb" in capsys.readouterr().err
    assert Path("out/estimates.parquet").read_bytes() == before


def test_bad_input_does_not_touch_the_results_that_stand_there(tables: Path) -> None:
    assert score() == 0
    before = Path("out/estimates.parquet").read_bytes()
    change("p.csv", lambda frame: frame.with_columns(emotion=pl.lit("wistful")))
    assert score() == 2
    assert Path("out/estimates.parquet").read_bytes() == before


def test_the_process_itself_ends_with_2_and_a_message(tables: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "equivoice", "score", "none.csv", "--reference", "u.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no such file")
    assert "Traceback" not in done.stderr


# -------------------------------------------------------------------------- sound


def tone(path: Path, *, seconds: float = 0.5, rate: int = 16_000, channels: int = 1) -> Path:
    frames = int(seconds * rate)
    samples = [int(8000 * math.sin(2 * math.pi * 220 * i / rate)) for i in range(frames)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", each) * channels for each in samples))
    return path


def ten_hours(path: Path) -> Path:
    """A WAV header that promises ten hours; the file is sparse and takes no room."""
    rate, seconds = 16_000, 36_000
    size = rate * seconds * 2
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", size,
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(header)
        file.truncate(size + len(header))
    return path


def zero_bytes(path: Path) -> Path:
    path.touch()
    return path


def truncated(path: Path) -> Path:
    path.write_bytes(tone(path).read_bytes()[:30])
    return path


def no_samples(path: Path) -> Path:
    return tone(path, seconds=0)


def renamed_text(path: Path) -> Path:
    path.write_text("this is not sound\n" * 100)
    return path


def missing(path: Path) -> Path:
    return path


UNUSABLE = [zero_bytes, truncated, no_samples, renamed_text, missing]
USABLE = {"eight channels": {"channels": 8}, "192 kHz": {"rate": 192_000}, "8 kHz": {"rate": 8000}}


def corpus_with(odd: Callable[[Path], Path], *, clips: int = 4) -> Path:
    """A table of sound in which the first clip is odd."""
    Path("audio").mkdir()
    rows = []
    for speaker in range(6):
        for clip in range(clips):
            path = Path(f"audio/{speaker}-{clip}.wav")
            tone(path, seconds=0.3 + 0.02 * clip, rate=16_000)
            rows.append(
                {
                    "utterance_id": f"demo/{speaker}-{clip}",
                    "audio": str(path),
                    "emotion": LABELS[clip % 2],
                    "speaker": f"s{speaker}",
                    "gender": ("female", "male")[speaker % 2],
                }
            )
    Path(str(rows[0]["audio"])).unlink()
    odd(Path(str(rows[0]["audio"])))
    pl.DataFrame(rows).write_csv("utterances.csv")
    return Path("utterances.csv")


@pytest.mark.parametrize("odd", UNUSABLE, ids=lambda each: each.__name__)
def test_20_unusable_sound_is_named_by_the_check(
    odd: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    table = corpus_with(odd)
    code = run(["corpora", "check", str(table), "-o", "findings.json"])
    captured = capsys.readouterr()
    assert code == 2
    assert "Traceback" not in captured.err
    findings = json.loads(Path("findings.json").read_text())
    errors = [each for each in _list(findings) if each["severity"] == "error"]
    assert any("demo/0-0" in json.dumps(each) for each in errors), findings


def _list(findings: object) -> list[dict[str, object]]:
    if isinstance(findings, dict):
        return list(findings["findings"])
    assert isinstance(findings, list)
    return findings


@pytest.mark.parametrize("name", USABLE)
def test_20b_unusual_sound_is_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    table = corpus_with(lambda path: tone(path, **USABLE[name]))
    assert run(["corpora", "check", str(table), "-o", "findings.json"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    findings = _list(json.loads(Path("findings.json").read_text()))
    errors = [each for each in findings if each["severity"] == "error"]
    assert not any("demo/0-0" in json.dumps(each) for each in errors)


def test_20_ten_hours_are_named_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["corpora", "check", str(corpus_with(ten_hours)), "-o", "findings.json"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    findings = _list(json.loads(Path("findings.json").read_text()))
    named = [each for each in findings if "demo/0-0" in json.dumps(each)]
    assert [(each["severity"], each["code"]) for each in named] == [("error", "too-long-audio")]


@pytest.mark.parametrize("odd", [*UNUSABLE, ten_hours], ids=lambda each: each.__name__)
def test_20c_a_benchmark_counts_the_utterance_that_cannot_be_heard(
    odd: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path / "cache"))
    table = corpus_with(odd)
    words = ["--system", "acoustic", "--corpus", str(table), "-o", "out", "--n-folds", "3"]
    code = run(["benchmark", *words, "--replicates", "50", "--permutations", "50"])
    err = capsys.readouterr().err
    assert "Traceback" not in err
    if code == 0:
        predictions = pl.read_parquet("out/predictions.parquet")
        odd_row = predictions.row(by_predicate=pl.col("utterance_id") == "demo/0-0", named=True)
        assert odd_row["status"] == "failed"
        assert odd_row["reason"]
        assert "answer failed" in Path("out/run.json").read_text()
    else:
        assert code == 2
        assert "0-0.wav" in err
