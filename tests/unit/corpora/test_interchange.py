"""audformat databases and Hugging Face data sets, each written by its own package."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from equivoice.corpora import prepare
from equivoice.corpora.adapters.audformat import read_audformat
from equivoice.corpora.adapters.hf_datasets import read_datasets
from equivoice.corpora.source import Request
from equivoice.errors import CorpusError, MissingDependencyError

# pandas warns about what audformat does inside.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Sound = Callable[..., Path]
SPEAKERS = {"s1": ("female", 20), "s2": ("male", 30), "s3": ("female", 40), "s4": ("male", 50)}


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package look as if it were not installed."""
    real = builtins.__import__

    def hide(package: str) -> None:
        def guarded(name: str, *rest: Any, **options: Any) -> Any:
            if name.split(".", maxsplit=1)[0] == package:
                raise ImportError(name)
            return real(name, *rest, **options)

        monkeypatch.setattr(builtins, "__import__", guarded)

    return hide


class TestAudformat:
    @pytest.fixture
    def database(self, tmp_path: Path, sound: Sound) -> Path:
        audformat = pytest.importorskip("audformat")
        db = audformat.Database("demo")
        labels = {name: {"gender": g, "age": a} for name, (g, a) in SPEAKERS.items()}
        db.schemes["speaker"] = audformat.Scheme("str", labels=labels)
        db.schemes["emotion"] = audformat.Scheme(labels=["anger", "joy"])
        folder = tmp_path / "db"
        for split, names in {"train": ["s1", "s2"], "test": ["s3", "s4"]}.items():
            db.splits[split] = audformat.Split(type=split)
            files = [f"audio/{name}_{e}.wav" for name in names for e in ("anger", "joy")]
            for number, file in enumerate(files):
                sound(folder / file, seconds=0.5, pitch=100 + 10 * number)
            table = audformat.Table(audformat.filewise_index(files), split_id=split)
            db[f"emotion.{split}"] = table
            for column in ("emotion", "speaker"):
                table[column] = audformat.Column(scheme_id=column)
            table["emotion"].set(["anger", "joy"] * 2)
            table["speaker"].set([name for name in names for _ in range(2)])
        db.save(str(folder), storage_format="csv")
        return folder

    def test_tables_splits_and_speakers(self, database: Path, tmp_path: Path) -> None:
        corpus = prepare("audformat", metadata=database, out=tmp_path / "o", corpus="demo")
        table = corpus.utterances.sort("utterance_id")
        assert table["emotion"].to_list() == ["angry", "happy"] * 4
        assert table["speaker"].unique().sort().to_list() == list(SPEAKERS)
        assert table.select("speaker", "gender", "age").unique().sort("speaker").rows() == [
            (name, gender, float(age)) for name, (gender, age) in SPEAKERS.items()
        ]
        assert corpus.folds.group_by("split").len().sort("split").rows() == [
            ("test", 4),
            ("train", 4),
        ]
        assert all(Path(path).is_file() for path in table["audio"])

    def test_one_table_by_name(self, database: Path, tmp_path: Path) -> None:
        request = Request(name="demo", out=tmp_path, metadata=database, table="emotion.train")
        assert read_audformat(request).utterances.height == 4

    @pytest.mark.parametrize(
        ("options", "problem"),
        [({"table": "nope"}, "no such table"), ({"columns": {"emotion": "mood"}}, "no table has")],
    )
    def test_what_is_not_there(
        self, database: Path, tmp_path: Path, options: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(CorpusError, match=problem):
            read_audformat(Request(name="demo", out=tmp_path, metadata=database, **options))

    def test_pickled_tables_are_refused_before_anything_is_loaded(
        self, database: Path, tmp_path: Path
    ) -> None:
        (database / "db.emotion.train.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
        with pytest.raises(CorpusError, match="pickle"):
            read_audformat(Request(name="demo", out=tmp_path, metadata=database))

    def test_no_database(self, tmp_path: Path) -> None:
        pytest.importorskip("audformat")
        with pytest.raises(CorpusError, match=r"db\.yaml"):
            read_audformat(Request(name="demo", out=tmp_path, metadata=tmp_path))

    def test_segments_have_their_times(self, tmp_path: Path, sound: Sound) -> None:
        audformat = pytest.importorskip("audformat")
        folder = tmp_path / "db"
        sound(folder / "a.wav", seconds=2)
        db = audformat.Database("demo")
        index = audformat.segmented_index(["a.wav"] * 2, starts=["0s", "1s"], ends=["1s", "1.5s"])
        db["t"] = audformat.Table(index)
        db["t"]["emotion"] = audformat.Column()
        db["t"]["emotion"].set(["joy", "anger"])
        db.save(str(folder), storage_format="csv")
        table = prepare("audformat", metadata=folder, out=tmp_path / "o").utterances
        assert table.select("start", "end", "duration").rows() == [(0, 1, 1), (1, 1.5, 0.5)]

    def test_the_package_is_named_where_it_is_missing(
        self, tmp_path: Path, without: Callable[[str], None]
    ) -> None:
        without("audformat")
        with pytest.raises(MissingDependencyError, match="audformat"):
            read_audformat(Request(name="demo", out=tmp_path, metadata=tmp_path))


class TestDatasets:
    @pytest.fixture
    def saved(self, tmp_path: Path, sound: Sound) -> Callable[..., Path]:
        datasets = pytest.importorskip("datasets")

        def save(splits: dict[str, list[str]], *, embed: bool = True) -> Path:
            parts = {}
            for split, names in splits.items():
                rows: dict[str, list[Any]] = {
                    key: [] for key in ("audio", "label", "speaker", "gender")
                }
                for number, name in enumerate(names):
                    path = sound(tmp_path / "raw" / f"{name}.wav", pitch=100 + number, seconds=0.3)
                    content = path.read_bytes() if embed else None
                    rows["audio"].append({"bytes": content, "path": str(path)})
                    rows["label"].append(number % 2)
                    rows["speaker"].append(name)
                    rows["gender"].append(SPEAKERS[name][0])
                # Casting makes the audio column without the packages that encode sound.
                parts[split] = (
                    datasets.Dataset.from_dict(rows)
                    .cast_column("audio", datasets.Audio())
                    .cast_column("label", datasets.ClassLabel(names=["anger", "joy"]))
                )
            folder = tmp_path / "saved"
            whole = parts["all"] if set(parts) == {"all"} else datasets.DatasetDict(parts)
            whole.save_to_disk(str(folder))
            return folder

        return save

    def test_splits_labels_and_bytes(self, saved: Callable[..., Path], tmp_path: Path) -> None:
        folder = saved({"train": ["s1", "s2"], "test": ["s3", "s4"]})
        (tmp_path / "raw" / "s1.wav").unlink()  # the bytes travel in the data set
        corpus = prepare(
            "datasets",
            metadata=folder,
            out=tmp_path / "o",
            columns={"emotion": "label"},
            corpus="hf",
        )
        assert sorted(corpus.utterances["emotion"]) == ["angry", "angry", "happy", "happy"]
        assert corpus.folds.group_by("split").len().sort("split").rows() == [
            ("test", 2),
            ("train", 2),
        ]
        for path in map(Path, corpus.utterances["audio"]):
            assert path.is_file()
            assert path.is_relative_to(tmp_path / "o" / "audio")
        assert set(corpus.utterances["duration"]) == {0.3}

    def test_a_single_split_gets_folds_of_ours(
        self, saved: Callable[..., Path], tmp_path: Path
    ) -> None:
        folder = saved({"all": list(SPEAKERS)})
        corpus = prepare(
            "datasets", metadata=folder, out=tmp_path / "o", columns={"emotion": "label"}
        )
        assert corpus.provenance["folds"]["origin"] == "made"
        assert corpus.fold_names == ("1", "2")

    def test_names_inside_a_data_set_lead_nowhere_else(self, tmp_path: Path) -> None:
        from equivoice.corpora.adapters.hf_datasets import _path_of

        cell = {"bytes": b"RIFFxxxx", "path": "../../evil name.exe"}
        stored = _path_of(cell, tmp_path / "audio")
        assert stored is not None
        assert stored.startswith("audio/evil_name-")
        assert stored.endswith(".wav")
        assert [p.parent for p in (tmp_path / "audio").iterdir()] == [tmp_path / "audio"]

    @pytest.mark.parametrize(
        ("cell", "path"),
        [(None, None), ("a.wav", "a.wav"), ({"bytes": None, "path": "b.wav"}, "b.wav"),
         ({"bytes": None, "path": None}, None)],
    )  # fmt: skip
    def test_cells_without_bytes(self, tmp_path: Path, cell: Any, path: str | None) -> None:
        from equivoice.corpora.adapters.hf_datasets import _path_of

        assert _path_of(cell, tmp_path) == path

    def test_no_data_set(self, tmp_path: Path) -> None:
        pytest.importorskip("datasets")
        with pytest.raises(CorpusError, match="save_to_disk"):
            read_datasets(Request(name="hf", out=tmp_path, metadata=tmp_path))

    def test_the_package_is_named_where_it_is_missing(
        self, tmp_path: Path, without: Callable[[str], None]
    ) -> None:
        without("datasets")
        with pytest.raises(MissingDependencyError, match=r"equivoice\[datasets\]"):
            read_datasets(Request(name="hf", out=tmp_path, metadata=tmp_path))

    def test_the_hub_is_asked_by_id(
        self, saved: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import datasets

        folder = saved({"train": ["s1", "s2"], "validation": ["s3"], "test": ["s4"]})
        asked: list[str] = []

        def load_dataset(name: str) -> Any:
            asked.append(name)
            return datasets.load_from_disk(str(folder))

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        corpus = prepare(
            "datasets", hub="someone/voices", out=tmp_path / "o", columns={"emotion": "label"}
        )
        assert asked == ["someone/voices"]
        assert corpus.name == "voices"
        assert corpus.provenance["hub"] == "someone/voices"
        assert set(corpus.folds["split"]) == {"train", "validation", "test"}

    def test_what_the_hub_refuses_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        datasets = pytest.importorskip("datasets")

        def load_dataset(name: str) -> Any:
            raise FileNotFoundError(f"{name} doesn't exist on the Hub")

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        with pytest.raises(CorpusError, match="doesn't exist on the Hub") as caught:
            prepare("datasets", hub="no/one", out=tmp_path / "o")
        assert caught.value.value == "no/one"

    def test_a_damaged_folder_is_named(self, tmp_path: Path) -> None:
        pytest.importorskip("datasets")
        (tmp_path / "state.json").write_text("{}")
        with pytest.raises(CorpusError, match="cannot be read"):
            read_datasets(Request(name="hf", out=tmp_path, metadata=tmp_path))

    def test_labels_that_are_not_known_are_null(self) -> None:
        datasets = pytest.importorskip("datasets")
        from equivoice.corpora.adapters.hf_datasets import _class_name

        feature = datasets.ClassLabel(names=["anger", "joy"])
        assert [_class_name(feature, code) for code in (1, None, -1)] == ["joy", None, None]
