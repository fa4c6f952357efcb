"""Transcripts of a corpus: kept, resumed, made again only where something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, load_corpus, save_corpus
from equivoice.errors import AudioError, ConfigError, CorpusError, LockedRunError, RunError
from equivoice.inference.transcribing import JOURNAL, transcribe_corpus
from equivoice.models.language import Clip
from equivoice.models.transcribing import Transcript
from equivoice.store.lock import FolderLock
from tiny.corpus import make_corpus
from tiny.sounds import buzz, write


@dataclass
class Scripted:
    """Hears the name of a file; breaks where it is told to."""

    name: str = "v1"
    breaks: Mapping[str, Exception] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    told: dict[str, str | None] = field(default_factory=dict)

    def identity(self) -> str:
        return self.name

    def describe(self) -> Mapping[str, Any]:
        return {"model": self.name}

    def transcribe(
        self, clips: Sequence[Clip], languages: Sequence[str | None] | None = None
    ) -> list[Transcript]:
        names = [Path(clip.path).stem for clip in clips]
        self.asked.append(names)
        for name in names:
            if name in self.breaks:
                raise self.breaks[name]
        spoken = languages or [None] * len(clips)
        self.told |= dict(zip(names, spoken, strict=True))
        return [
            Transcript(f"{self.name} heard {name}", code or "xx", "xx", 0.5, 0.25)
            for name, code in zip(names, spoken, strict=True)
        ]

    @property
    def count(self) -> int:
        return sum(map(len, self.asked))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    place = tmp_path_factory.mktemp("corpus")
    made = _distinct(make_corpus(place / "audio", transcripts=True))
    return load_corpus(save_corpus(made, place / "demo"))


def _distinct(corpus: Corpus) -> Corpus:
    """The corpus, no two sounds of which are equal."""
    for number, path in enumerate(corpus.utterances.get_column("audio")):
        write(Path(path), buzz(100 + 5 * number, 0.3))
    return corpus


def test_all_is_transcribed_and_loads_again(corpus: Corpus, tmp_path: Path) -> None:
    model = Scripted()
    told: list[tuple[int, int]] = []
    out = transcribe_corpus(
        corpus,
        model,
        tmp_path / "out",
        batch=5,
        progress=lambda done, total: told.append((done, total)),
    )
    size = corpus.utterances.height
    assert (out.made, out.found, out.failed) == (size, 0, {})
    assert [len(batch) for batch in model.asked] == [5] * (size // 5) + [size % 5] * bool(size % 5)
    assert (told[0], told[-1]) == ((0, size), (size, size))
    again = load_corpus(tmp_path / "out")
    rows = again.utterances
    assert rows.get_column("utterance_id").equals(corpus.utterances.get_column("utterance_id"))
    for row in rows.iter_rows(named=True):
        assert row["transcript"] == f"v1 heard {Path(row['audio']).stem}"
        assert (row["transcript_language"], row["heard_language"]) == ("xx", "xx")
        assert (row["language_probability"], row["no_speech"]) == (0.5, 0.25)
    assert rows.get_column("transcript_given").equals(
        corpus.utterances.get_column("transcript"), check_names=False
    )
    assert again.provenance["transcripts"]["model"] == {"model": "v1"}


def test_all_else_is_as_it_was(corpus: Corpus, tmp_path: Path) -> None:
    out = transcribe_corpus(corpus, Scripted(), tmp_path / "out").corpus
    columns = [name for name in corpus.utterances.columns if name != "transcript"]
    assert out.utterances.select(columns).equals(corpus.utterances.select(columns))
    assert out.folds.equals(corpus.folds)
    assert (out.name, out.label_space) == (corpus.name, corpus.label_space)
    assert corpus.root is not None
    assert "heard_language" not in load_corpus(corpus.root).utterances.columns


def test_a_second_run_asks_for_nothing(corpus: Corpus, tmp_path: Path) -> None:
    first = transcribe_corpus(corpus, Scripted(), tmp_path / "out").corpus
    model = Scripted()
    again = transcribe_corpus(corpus, model, tmp_path / "out")
    assert (model.asked, again.made, again.found) == ([], 0, corpus.utterances.height)
    assert again.corpus.utterances.equals(first.utterances)


def test_an_interrupted_run_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    names = [Path(path).stem for path in corpus.utterances.get_column("audio")]
    broken = Scripted(breaks={names[7]: RunError("the GPU's memory has run out")})
    with pytest.raises(RunError, match="memory"):
        transcribe_corpus(corpus, broken, tmp_path / "out", batch=3)
    with pytest.raises(CorpusError):
        load_corpus(tmp_path / "out")  # half a corpus is none
    model = Scripted()
    out = transcribe_corpus(corpus, model, tmp_path / "out", batch=3)
    assert (out.found, model.count) == (6, len(names) - 6)
    assert out.corpus.utterances.get_column("transcript").null_count() == 0


def test_a_torn_line_is_transcribed_again(corpus: Corpus, tmp_path: Path) -> None:
    transcribe_corpus(corpus, Scripted(), tmp_path / "out")
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    model = Scripted()
    out = transcribe_corpus(corpus, model, tmp_path / "out")
    assert model.count == out.made == 1


@pytest.mark.parametrize("change", ["model", "language"])
def test_another_model_or_language_is_another_transcript(
    corpus: Corpus, tmp_path: Path, change: str
) -> None:
    transcribe_corpus(corpus, Scripted(), tmp_path / "out")
    model = Scripted("v2" if change == "model" else "v1")
    language = "de" if change == "language" else "auto"
    out = transcribe_corpus(corpus, model, tmp_path / "out", language=language)
    assert model.count == corpus.utterances.height
    assert set(out.corpus.utterances.get_column("transcript_language")) == {
        "de" if change == "language" else "xx"
    }
    # what a model said before is not what was given
    assert out.corpus.utterances.get_column("transcript_given")[0] == "this is take 0"
    back = Scripted()
    assert transcribe_corpus(corpus, back, tmp_path / "out").made == 0


def test_another_sound_is_another_transcript(tmp_path: Path) -> None:
    made = _distinct(make_corpus(tmp_path / "audio", languages=("en",)))
    corpus = load_corpus(save_corpus(made, tmp_path / "demo"))
    transcribe_corpus(corpus, Scripted(), tmp_path / "out")
    changed = Path(corpus.utterances.get_column("audio")[2])
    write(changed, buzz(333, 0.5))
    model = Scripted()
    transcribe_corpus(corpus, model, tmp_path / "out")
    assert model.asked == [[changed.stem]]


def test_equal_sounds_share_a_transcript_and_a_fault(tmp_path: Path) -> None:
    made = _distinct(make_corpus(tmp_path / "audio", languages=("en",), genders=("male",)))
    paths = [Path(path) for path in made.utterances.get_column("audio")]
    paths[5].write_bytes(paths[2].read_bytes())
    model = Scripted()
    out = transcribe_corpus(made, model, tmp_path / "out")
    assert out.made == model.count == len(paths) - 1
    said = out.corpus.utterances.get_column("transcript")
    assert said[5] == said[2] == f"v1 heard {paths[2].stem}"
    names = made.utterances.get_column("utterance_id")
    broken = Scripted("v2", breaks={paths[2].stem: AudioError("broken")})
    out = transcribe_corpus(made, broken, tmp_path / "out")
    assert list(out.failed) == [names[2], names[5]]
    assert out.made == len(paths) - 2


def test_transcripts_of_transcripts_keep_what_was_given_first(
    corpus: Corpus, tmp_path: Path
) -> None:
    first = transcribe_corpus(corpus, Scripted(), tmp_path / "one").corpus
    second = transcribe_corpus(first, Scripted("v2"), tmp_path / "two").corpus
    assert second.utterances.get_column("transcript")[0].startswith("v2 heard")
    assert second.utterances.get_column("transcript_given")[0] == "this is take 0"


@pytest.mark.parametrize(
    ("language", "expected"), [("auto", {None}), ("corpus", {"en", "de"}), ("ja", {"ja"})]
)
def test_the_language_may_be_heard_or_told(
    corpus: Corpus, tmp_path: Path, language: str, expected: set[str | None]
) -> None:
    model = Scripted()
    transcribe_corpus(corpus, model, tmp_path / "out", language=language)
    assert set(model.told.values()) == expected


# --------------------------------------------------------------------------- faults


def test_a_faulty_sound_costs_itself_alone_and_is_tried_again(
    corpus: Corpus, tmp_path: Path
) -> None:
    path = str(corpus.utterances.get_column("audio")[4])
    name = str(corpus.utterances.get_column("utterance_id")[4])
    broken = Scripted(breaks={Path(path).stem: AudioError("broken", file=path)})
    out = transcribe_corpus(corpus, broken, tmp_path / "out", batch=4)
    assert list(out.failed) == [name]
    assert "broken" in out.failed[name]
    assert out.made == corpus.utterances.height - 1
    empty = out.corpus.utterances.filter(pl.col("transcript").is_null())
    assert empty.get_column("utterance_id").to_list() == [name]
    assert list(out.corpus.provenance["transcripts"]["failed"]) == [name]
    model = Scripted()
    assert transcribe_corpus(corpus, model, tmp_path / "out").failed == {}
    assert model.count == 1


def test_a_mistake_in_the_settings_ends_the_run(corpus: Corpus, tmp_path: Path) -> None:
    names = [Path(path).stem for path in corpus.utterances.get_column("audio")]
    wrong = Scripted(breaks={names[0]: ConfigError("Whisper does not know the language")})
    with pytest.raises(ConfigError, match="language"):
        transcribe_corpus(corpus, wrong, tmp_path / "out")
    assert len(wrong.asked) == 1


def test_utterances_without_sound_have_no_transcript(corpus: Corpus, tmp_path: Path) -> None:
    silent = corpus.utterances.with_row_index().with_columns(
        audio=pl.when(pl.col("index") == 1).then(None).otherwise(pl.col("audio"))
    )
    some = replace(corpus, utterances=silent.drop("index"), root=None)
    out = transcribe_corpus(some, Scripted(), tmp_path / "out")
    assert out.made == corpus.utterances.height - 1
    assert out.corpus.utterances.get_column("transcript")[1] is None


def test_a_limit_takes_each_label_in_its_turn(corpus: Corpus, tmp_path: Path) -> None:
    out = transcribe_corpus(corpus, Scripted(), tmp_path / "out", limit=4)
    rows = out.corpus.utterances
    assert out.made == rows.height == 4
    assert sorted(rows.get_column("emotion").value_counts().get_column("count")) == [2, 2]
    assert set(out.corpus.folds.get_column("utterance_id")) == set(rows.get_column("utterance_id"))


def test_a_batch_below_one_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch"):
        transcribe_corpus(corpus, Scripted(), tmp_path / "out", batch=0)


def test_a_corpus_without_sound_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    bare = corpus.utterances.with_columns(audio=pl.lit(None, dtype=pl.String))
    with pytest.raises(CorpusError, match="no sound to transcribe"):
        transcribe_corpus(replace(corpus, utterances=bare), Scripted(), tmp_path / "out")


def test_a_corpus_is_not_overwritten(corpus: Corpus) -> None:
    assert corpus.root is not None
    with pytest.raises(CorpusError, match="would overwrite"):
        transcribe_corpus(corpus, Scripted(), corpus.root)


def test_a_folder_with_other_things_is_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CorpusError, match=r"something else(.|\n)*thesis"):
        transcribe_corpus(corpus, Scripted(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_transcripts_of_another_corpus_are_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    transcribe_corpus(corpus, Scripted(), tmp_path / "out")
    other = make_corpus(tmp_path / "audio", name="other", languages=("en",))
    with pytest.raises(CorpusError, match="of another corpus"):
        transcribe_corpus(other, Scripted(), tmp_path / "out")


def test_two_processes_do_not_write_at_once(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    lock = FolderLock(tmp_path / "out")
    lock.take()
    try:
        with pytest.raises(LockedRunError):
            transcribe_corpus(corpus, Scripted(), tmp_path / "out")
    finally:
        lock.release()
    assert transcribe_corpus(corpus, Scripted(), tmp_path / "out").made


def test_a_tiny_whisper_does_all_of_it(corpus: Corpus, tmp_path: Path) -> None:
    from equivoice.models.transcribing import WhisperTranscriber
    from tiny.whisper import LANGUAGES, save_whisper

    model = WhisperTranscriber(str(save_whisper(tmp_path / "whisper")), max_new_tokens=6)
    out = transcribe_corpus(corpus, model, tmp_path / "out", limit=5, batch=2)
    rows = out.corpus.utterances
    alone = model.transcribe([Clip(rows.get_column("audio")[3])])[0]
    assert rows.get_column("transcript")[3] == alone.text
    assert rows.get_column("no_speech")[3] == pytest.approx(alone.no_speech, rel=1e-4)
    assert set(rows.get_column("transcript_language")) <= set(LANGUAGES)
