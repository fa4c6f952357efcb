"""What every corpus adapter must do, whatever it reads.

Each case writes a little of what its corpus publishes; the same tests run on all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.corpora import check, load_corpus, prepare, source_of
from equivoice.corpora.source import Request
from equivoice.errors import CorpusError, InputError
from equivoice.records import FOLDS, UTTERANCES, VOTES


@dataclass(frozen=True)
class Case:
    """A published corpus in small.

    Args:
        name: the corpus or format.
        write: writes the metadata into a folder and returns prepare's options.
        paths: the sound files, below the audio folder.
        speakers: how many speak; ``None`` where nothing says it.
    """

    name: str
    write: Callable[[Path], dict[str, Any]]
    paths: tuple[str, ...]
    speakers: int | None


def emobox_case(name: str, paths: Iterable[tuple[str, str]], speakers: int | None) -> Case:
    entries = list(paths)

    def write(folder: Path) -> dict[str, Any]:
        (folder / "fold_1").mkdir(parents=True)
        half = len(entries) // 2
        for part, chosen in (("train", entries[:half]), ("test", entries[half:])):
            lines = [json.dumps(_emobox_row(name, path, emotion)) for path, emotion in chosen]
            (folder / "fold_1" / f"{name}_{part}_fold_1.jsonl").write_text("\n".join(lines) + "\n")
        return {"metadata": folder}

    return Case(name, write, tuple(path for path, _ in entries), speakers)


def _emobox_row(name: str, path: str, emotion: str) -> dict[str, Any]:
    key = path.rpartition(".")[0].replace("/", "-")
    key = f"{Path(path).stem}-train" if name == "meld" else key
    wav = f"downloads/{name}/{path}"
    return {"key": f"{name}-{key}", "wav": wav, "emo": emotion, "length": 0.2}


ROWS = [
    (f"{s}{e[0]}{t}.wav", e, s)
    for s in ("f1", "f2", "m1", "m2")
    for e in ("joy", "anger")
    for t in (1, 2)
]


def write_table(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    lines = [f"{file},{emotion},{speaker},{speaker[0]}" for file, emotion, speaker in ROWS]
    (folder / "t.csv").write_text("\n".join(["audio,emotion,speaker,gender", *lines]) + "\n")
    return {"metadata": folder / "t.csv", "corpus": "table"}


def write_nemo(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    header = "file_id\temotion\traw_text\tspeaker_id\tgender\tage"
    names = {"joy": "happiness", "anger": "anger"}
    genders = {"f": "female", "m": "male"}
    lines = [f"{f}\t{names[e]}\tTak.\t{s}\t{genders[s[0]]}\t30" for f, e, s in ROWS]
    (folder / "data.tsv").write_text("\n".join([header, *lines]) + "\n")
    return {"metadata": folder}


def write_msp(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    letters, names = {"joy": "H", "anger": "A"}, {"joy": "Happy", "anger": "Angry"}
    genders, splits = {"f": "Female", "m": "Male"}, {"1": "Train", "2": "Test1"}
    head = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
    lines = [f"{f},{letters[e]},4,4,4,{s},{genders[s[0]]},{splits[s[1]]}" for f, e, s in ROWS]
    (folder / "labels_consensus.csv").write_text("\n".join([head, *lines]) + "\n")
    head = "WorkerID,FileName,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom"
    lines = [f"WORKER{n},{f},{names[e]},,4,4,4" for f, e, _ in ROWS for n in (1, 2)]
    (folder / "labels_detailed.csv").write_text("\n".join([head, *lines]) + "\n")
    return {"metadata": folder}


def write_emo_superb(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    shares, splits = {"joy": "0.05,0.95", "anger": "0.95,0.05"}, {"1": "Train", "2": "Test"}
    lines = [f"{f},{shares[e]},{s},{s[0]},{splits[s[1]]}" for f, e, s in ROWS]
    head = "FileName,angry,happy,SpkrID,Gender,Split_Set"
    (folder / "labels_consensus_1.csv").write_text("\n".join([head, *lines]) + "\n")
    return {"metadata": folder, "corpus": "emo_superb"}


def write_meld_st(folder: Path) -> dict[str, Any]:
    (folder / "ENG_DEU").mkdir(parents=True)
    head = "id,dia_id,utt_id,emotion,English,German,season,episode,speaker"
    for part, names in (("train", MELD_ST[:4]), ("valid", ()), ("test", MELD_ST[4:])):
        lines = [f"{n},{n},0,{e},Hi,Hallo,1,1,{s}" for n, (e, s) in enumerate(names)]
        path = folder / "ENG_DEU" / f"deu_{part}.csv"
        path.write_text("\n".join([head, *lines]) + "\n")
    return {"metadata": folder}


MELD_ST = [(e, s) for s in ("Monica", "Ross", "Rachel", "Joey") for e in ("joy", "anger")]
MELD_ST_PATHS = tuple(
    f"ENG_DEU/{side}/{part}/{part}_{n}.wav"
    for side in ("ENG", "DEU")
    for part in ("train", "test")
    for n in range(4)
)
CASES = [
    emobox_case(
        "ravdess",
        [(f"Actor_{s}/03-01-{e}-01-01-01-{s}.wav", w)
         for s in ("01", "02", "03", "04") for e, w in (("05", "Angry"), ("03", "Happy"))],
        4,
    ),
    emobox_case(
        "emovo",
        [(f"{s}/{e}-{s}-b1.wav", e) for s in ("f1", "m1", "f2", "m2") for e in ("rab", "gio")],
        4,
    ),
    emobox_case(
        "urdu",
        [(f"x/S{s}_F1_{e}0{n}.wav", e) for n, s in enumerate(("F1", "M1", "F2", "M2")) for e in "AH"],
        4,
    ),
    emobox_case(
        "ased",
        [(f"x/{e}1-01-01-{g}-{s}.wav", e)
         for s, g in (("01", "01"), ("02", "02"), ("03", "01"), ("04", "02")) for e in "ah"],
        4,
    ),
    emobox_case(
        "cremad",
        [(f"AudioWAV/{s}_IEO_{e}_HI.wav", e) for s in range(1001, 1005) for e in ("ANG", "HAP")],
        4,
    ),
    emobox_case(
        "emovdb",
        [(f"{s}_{e}/{e.lower()}_1-28_00{n:02}.wav", e) for s in ("bea", "josh", "jenie", "sam")
         for n, e in enumerate(("Angry", "Amused"))],
        4,
    ),
    emobox_case(
        "iemocap",
        [(f"Session{s}/Ses0{s}F_impro01_{g}00{n}.wav", e) for s in (1, 2) for g in "FM"
         for n, e in enumerate(("ang", "exc"))],
        4,
    ),
    emobox_case(
        "meld", [(f"x/dia{d}_utt{u}.mp4", e) for d in range(4) for u, e in enumerate(("joy", "anger"))], None
    ),
    emobox_case("tess", [(f"x/{n}.wav", e) for n, e in enumerate(("angry", "happy") * 4)], None),
    Case("table", write_table, tuple(row[0] for row in ROWS), 4),
    Case("nemo", write_nemo, tuple(row[0] for row in ROWS), 4),
    Case("msp_podcast", write_msp, tuple(row[0] for row in ROWS), 4),
    Case("meld_st", write_meld_st, MELD_ST_PATHS, 4),
    Case("emo_superb", write_emo_superb, tuple(row[0] for row in ROWS), 4),
]  # fmt: skip


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def options(case: Case, tmp_path: Path) -> dict[str, Any]:
    """What the user gives: metadata, and sound under another suffix than the metadata say."""
    import soundfile

    for number, path in enumerate(case.paths):
        target = (tmp_path / "audio" / path).with_suffix(".flac")
        target.parent.mkdir(parents=True, exist_ok=True)
        wave = 0.3 * np.sin(np.arange(3200) * (0.05 + 0.01 * number))
        soundfile.write(target, wave, 16_000)
    return {"audio": tmp_path / "audio", "out": tmp_path / "out"} | case.write(tmp_path / "meta")


def test_the_draft_fits_the_records(case: Case, options: dict[str, Any]) -> None:
    given = {key: value for key, value in options.items() if key not in {"corpus", "out"}}
    draft = source_of(case.name).draft(Request(name=case.name, out=options["out"], **given))
    assert UTTERANCES.validate(draft.utterances).height == len(case.paths)
    FOLDS.validate(draft.folds)
    assert draft.read
    assert all(path.is_file() for path in draft.read)


def test_ids_start_with_the_corpus_and_are_unique(case: Case, options: dict[str, Any]) -> None:
    table = prepare(case.name, **options).utterances
    assert table["utterance_id"].str.starts_with(f"{case.name}/").all()
    assert table["utterance_id"].n_unique() == table.height == len(case.paths)
    assert set(table["corpus"]) == {case.name}


def test_labels_are_canonical(case: Case, options: dict[str, Any]) -> None:
    corpus = prepare(case.name, **options)
    expected = {"angry", "amused"} if case.name == "emovdb" else {"angry", "happy"}
    assert set(corpus.utterances["emotion"]) == expected
    assert expected <= set(corpus.label_space.names)
    assert corpus.label_space.id == case.name


def test_votes_fit_the_records_and_the_utterances(case: Case, options: dict[str, Any]) -> None:
    corpus = prepare(case.name, **options)
    assert (corpus.votes is not None) == (case.name in {"msp_podcast", "emo_superb"})
    if corpus.votes is not None:
        assert VOTES.validate(corpus.votes).equals(corpus.votes)
        assert set(corpus.votes["item"]) == set(corpus.utterances["utterance_id"])
        answers = corpus.votes.filter(question="emotion")["value"]
        assert set(answers) <= set(corpus.label_space.names)


def test_sound_is_found_under_another_suffix(case: Case, options: dict[str, Any]) -> None:
    for path in map(Path, prepare(case.name, **options).utterances["audio"]):
        assert path.is_absolute()
        assert path.is_file()


def test_speakers_and_gender(case: Case, options: dict[str, Any]) -> None:
    table = prepare(case.name, **options).utterances
    speakers = table["speaker"].drop_nulls()
    assert (speakers.n_unique() or None) == case.speakers
    assert set(table["gender"].drop_nulls()) <= {"female", "male"}
    if case.speakers and case.name != "cremad":  # whose gender stands in its own tables
        pairs = table.select("speaker", "gender").unique()
        assert pairs.height == case.speakers
        assert pairs["gender"].value_counts()["count"].to_list() == [2, 2]


def test_folds_name_utterances_of_the_corpus_only(case: Case, options: dict[str, Any]) -> None:
    corpus = prepare(case.name, **options)
    assert corpus.fold_names
    assert corpus.folds.join(corpus.utterances, on="utterance_id", how="anti").is_empty()


def test_twice_the_same_gives_the_same_bytes(case: Case, options: dict[str, Any]) -> None:
    prepare(case.name, **options)
    first = {path.name: path.read_bytes() for path in options["out"].glob("*.parquet")}
    prepare(case.name, **options)
    assert {path.name: path.read_bytes() for path in options["out"].glob("*.parquet")} == first


def test_a_missing_file_is_an_error_or_counted(case: Case, options: dict[str, Any]) -> None:
    (options["audio"] / case.paths[0]).with_suffix(".flac").unlink()
    with pytest.raises(CorpusError, match=f"1 of {len(case.paths)} sound files are missing"):
        prepare(case.name, **options)
    corpus = prepare(case.name, **options, allow_missing=True)
    assert corpus.left_out["audio file missing"] == 1
    assert corpus.utterances.height == len(case.paths) - 1
    assert corpus.folds["utterance_id"].n_unique() <= corpus.utterances.height


def test_metadata_alone(case: Case, options: dict[str, Any]) -> None:
    given = {key: value for key, value in options.items() if key != "audio"}
    corpus = prepare(case.name, **given, with_audio=False)
    assert corpus.utterances["audio"].null_count() == len(case.paths)
    assert corpus.left_out["audio not asked for (metadata only)"] == len(case.paths)


def test_nothing_given_is_bad_input(case: Case, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        prepare(case.name, out=tmp_path / "out")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_it_can_be_loaded_and_checked(case: Case, options: dict[str, Any]) -> None:
    prepare(case.name, **options)
    corpus = load_corpus(options["out"])
    found = check(corpus)
    assert not [one for one in found if one.severity == "error"]
    assert corpus.utterances.filter(pl.col("audio").is_null()).is_empty()
