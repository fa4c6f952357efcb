"""MSP-Podcast's label files: every syntax gives the same votes; what is cut off is named."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, check, load_corpus, prepare
from equivoice.corpora.msp_labels import choices_in, read_blocks, read_detailed
from equivoice.errors import CorpusError
from equivoice.records import VOTES

Rating = tuple[str, str, str, float, float, float]  # rater, primary, secondary, A, V, D

# Written by us; five files of three raters or so, with what real releases hold.
RATED: dict[str, tuple[str, list[Rating]]] = {
    "MSP-PODCAST_0001_0008.wav": ("H", [
        ("WORKER00000001", "Happy", "Happy,Excited", 5, 6, 4),
        ("WORKER00000002", "Happy", "Amused", 4, 5, 4),
        ("WORKER00000003", "Neutral", "Neutral,Dissapointed", 3, 4, 4),
    ]),
    "MSP-PODCAST_0001_0019.wav": ("X", [
        ("WORKER00000001", "Sad", "Sad,Depressed", 2, 2, 3),
        ("WORKER00000003", "Other-tired, bored", "Other-tired, bored,Neutral", 1, 3, 3),
    ]),
    "MSP-PODCAST_0002_0033.wav": ("O", [
        ("WORKER00000002", "Other-sarcastic", "", 4, 3, 5),
        ("WORKER00000004", "Other", "Other,Annoyed", 4, 2, 5),
        ("WORKER00000005", "Angry", "Angry,Frustrated,Annoyed", 6, 1, 6),
    ]),
    "MSP-PODCAST_0003_0001.wav": ("U", [
        ("WORKER00000004", "Surprise", "Surprise,Confused,Concerned", 5, 4, 4),
        ("WORKER00000005", "Surprise", "", 6, 4, 4),
    ]),
    "MSP-PODCAST_0003_0002.wav": ("N", [("WORKER00000001", "Neutral", "Neutral", 4, 4, 4)]),
}  # fmt: skip
ABOUT = {
    "MSP-PODCAST_0001_0008.wav": ("7", "Female", "Train"),
    "MSP-PODCAST_0001_0019.wav": ("Unknown", "Unknown", "Train"),
    "MSP-PODCAST_0002_0033.wav": ("12", "Male", "Development"),
    "MSP-PODCAST_0003_0001.wav": ("31", "Male", "Test1"),
    "MSP-PODCAST_0003_0002.wav": ("31", "Male", "Test2"),
}


def means(ratings: list[Rating]) -> tuple[float, float, float]:
    """Activation, valence, dominance."""
    columns = list(zip(*ratings, strict=True))[3:]
    return tuple(sum(column) / len(ratings) for column in columns)


def packed(rating: Rating, *, bare: bool = False) -> str:
    rater, primary, secondary, a, v, d = rating
    middle = f"{primary};" if bare and not secondary else f"{primary}; {secondary};"
    return f"{rater}; {middle} A:{a:.6f}; V:{v:.6f}; D:{d:.6f};"


def table(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def write_consensus(folder: Path, name: str = "labels_consensus.csv") -> None:
    header = ["FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set"]
    rows = [[f, letter, *means(r), *ABOUT[f]] for f, (letter, r) in RATED.items()]
    table(folder / name, [header, *rows])


def write_1_6(folder: Path) -> None:
    """Columns; the consensus under its misspelt name."""
    write_consensus(folder, "labels_concensus.csv")
    header = [
        "FileName",
        "Workers",
        "EmoClass_Major",
        "EmoClass_Second",
        "EmoAct",
        "EmoVal",
        "EmoDom",
    ]
    rows = [[file, *rating] for file, (_, ratings) in RATED.items() for rating in ratings]
    table(folder / "labels_detailed.csv", [header, *rows])


def write_1_10(folder: Path) -> None:
    """Packed, an empty secondary emotion between its semicolons."""
    write_consensus(folder)
    rows = [[file, packed(rating)] for file, (_, rs) in RATED.items() for rating in rs]
    table(folder / "labels_detailed.csv", [["FileName", "EmoDetail"], *rows])


def write_1_12(folder: Path) -> None:
    """Packed, a missing secondary emotion without its semicolon."""
    write_consensus(folder)
    rows = [[file, packed(rating, bare=True)] for file, (_, rs) in RATED.items() for rating in rs]
    table(folder / "labels_detailed.csv", [["FileName", "EmoDetail"], *rows])


def write_2_0(folder: Path) -> None:
    write_consensus(folder)
    header = [
        "WorkerID",
        "FileName",
        "EmoClass_Major",
        "EmoClass_Second",
        "EmoAct",
        "EmoVal",
        "EmoDom",
    ]
    rows = [[r[0], file, *r[1:]] for file, (_, ratings) in RATED.items() for r in ratings]
    table(folder / "labels_detailed.csv", [header, *rows])


def blocks() -> list[str]:
    lines = []
    for file, (letter, ratings) in RATED.items():
        a, v, d = means(ratings)
        lines += [f"{file}; {letter}; A:{a:.6f}; V:{v:.6f}; D:{d:.6f};", *map(packed, ratings), ""]
    return lines


def write_txt(folder: Path) -> None:
    write_consensus(folder)
    (folder / "labels.txt").write_text("\n".join(blocks()))


def write_txt_alone(folder: Path) -> None:
    (folder / "labels.txt").write_text("\r\n".join(blocks()))


SYNTAXES: dict[str, Callable[[Path], None]] = {
    "1.6": write_1_6,
    "1.10": write_1_10,
    "1.12": write_1_12,
    "2.0": write_2_0,
    "labels.txt": write_txt,
    "labels.txt alone": write_txt_alone,
}


def make(folder: Path, **options: Any) -> Corpus:
    return prepare("msp_podcast", metadata=folder, out=folder / "out", with_audio=False, **options)


@pytest.fixture(params=SYNTAXES)
def syntax(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def release(syntax: str, tmp_path: Path) -> Path:
    SYNTAXES[syntax](tmp_path)
    return tmp_path


def long_table() -> pl.DataFrame:
    """The votes as they must come out of every syntax, written out by hand for two files."""
    first, second = "msp_podcast/MSP-PODCAST_0001_0008", "msp_podcast/MSP-PODCAST_0001_0019"
    w1, w2, w3 = (f"WORKER0000000{n}" for n in (1, 2, 3))
    rows: list[tuple[str, str, str, str | None, float | None]] = [
        (first, w1, "emotion", "happy", None),
        (first, w1, "emotions", "happy", None),
        (first, w1, "emotions", "excited", None),
        (first, w1, "valence", None, 6.0),
        (first, w1, "arousal", None, 5.0),
        (first, w1, "dominance", None, 4.0),
        (first, w2, "emotion", "happy", None),
        (first, w2, "emotions", "amused", None),
        (first, w2, "valence", None, 5.0),
        (first, w2, "arousal", None, 4.0),
        (first, w2, "dominance", None, 4.0),
        (first, w3, "emotion", "neutral", None),
        (first, w3, "emotions", "neutral", None),
        (first, w3, "emotions", "disappointed", None),
        (first, w3, "valence", None, 4.0),
        (first, w3, "arousal", None, 3.0),
        (first, w3, "dominance", None, 4.0),
        (second, w1, "emotion", "sad", None),
        (second, w1, "emotions", "sad", None),
        (second, w1, "emotions", "depressed", None),
        (second, w1, "valence", None, 2.0),
        (second, w1, "arousal", None, 2.0),
        (second, w1, "dominance", None, 3.0),
        (second, w3, "emotion", "Other-tired, bored", None),
        (second, w3, "emotions", "Other-tired, bored", None),
        (second, w3, "emotions", "neutral", None),
        (second, w3, "valence", None, 3.0),
        (second, w3, "arousal", None, 1.0),
        (second, w3, "dominance", None, 3.0),
    ]
    columns = ["item", "rater", "question", "value", "number"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    constants = {"channel": "voice", "kind": "person", "count": 1}
    return VOTES.validate(frame.with_columns(pl.lit(v).alias(k) for k, v in constants.items()))


def test_every_syntax_gives_the_same_long_table(tmp_path: Path) -> None:
    tables = {}
    for name, write in SYNTAXES.items():
        folder = tmp_path / name
        folder.mkdir()
        write(folder)
        corpus = make(folder)
        assert corpus.left_out == {"audio not asked for (metadata only)": 5}
        assert corpus.votes is not None
        tables[name] = corpus.votes
    first = tables.pop("1.6")
    assert first.head(29).equals(long_table())
    ratings = [r for _, rs in RATED.values() for r in rs]
    # one primary vote, three numbers and each secondary name a rating
    secondary = [len(r[2].replace(", ", "").split(",")) for r in ratings if r[2]]
    assert first.height == 4 * len(ratings) + sum(secondary)
    for name, votes in tables.items():
        assert votes.equals(first), name


def test_utterances_are_the_same_in_every_syntax(release: Path, syntax: str) -> None:
    rows = make(release).utterances
    assert rows["utterance_id"].to_list() == [
        f"msp_podcast/{f.removesuffix('.wav')}" for f in RATED
    ]
    assert rows["emotion"].to_list() == ["happy", None, None, "surprise", "neutral"]
    assert rows["consensus"].to_list() == ["happy", "no agreement", "other", "surprise", "neutral"]
    assert rows["arousal"].to_list() == pytest.approx([4.0, 1.5, 14 / 3, 5.5, 4.0], abs=1e-6)
    assert rows["valence"].to_list() == pytest.approx([5.0, 2.5, 2.0, 4.0, 4.0], abs=1e-6)
    known = syntax != "labels.txt alone"
    assert rows["speaker"].to_list() == (["7", None, "12", "31", "31"] if known else [None] * 5)
    assert rows["gender"].to_list()[:3] == (["female", None, "male"] if known else [None] * 3)


def test_the_labels_follow_from_the_votes(release: Path) -> None:
    found = {one.code: one for one in check(make(release), audio=False)}
    assert found["consensus-agrees"].message.startswith("the plurality of the votes is the stated")
    assert found["consensus-agrees"].count == 5
    assert not {"consensus-differs", "means-differ", "damaged-labels"} & set(found)
    assert not [one.code for one in found.values() if one.severity == "error"]


def test_each_test_set_is_a_fold(tmp_path: Path) -> None:
    write_2_0(tmp_path)
    corpus = make(tmp_path)
    assert corpus.fold_names == ("Test1", "Test2")
    parts = {
        fold: dict(corpus.folds.filter(fold=fold).select("utterance_id", "split").iter_rows())
        for fold in corpus.fold_names
    }
    common = {
        "msp_podcast/MSP-PODCAST_0001_0008": "train",
        "msp_podcast/MSP-PODCAST_0001_0019": "train",
        "msp_podcast/MSP-PODCAST_0002_0033": "validation",
    }
    assert parts["Test1"] == {**common, "msp_podcast/MSP-PODCAST_0003_0001": "test"}
    assert parts["Test2"] == {**common, "msp_podcast/MSP-PODCAST_0003_0002": "test"}


def test_without_test_sets_there_is_fold_1(tmp_path: Path) -> None:
    write_2_0(tmp_path)
    path = tmp_path / "labels_consensus.csv"
    path.write_text(path.read_text().replace("Test1", "Train").replace("Test2", "Validation"))
    corpus = make(tmp_path)
    assert corpus.fold_names == ("1",)
    assert corpus.folds["split"].to_list().count("validation") == 2


def test_the_folder_above_labels_will_do(tmp_path: Path) -> None:
    (tmp_path / "Labels").mkdir()
    write_1_10(tmp_path / "Labels")
    assert make(tmp_path).utterances.height == 5


def test_the_blocks_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    write_1_12(tmp_path)
    (tmp_path / "labels.txt").write_text("\n".join(blocks()[:4]))
    corpus = make(tmp_path, table="labels.txt")
    assert corpus.votes is not None
    assert corpus.votes["item"].n_unique() == 1
    assert corpus.utterances.height == 5
    assert [Path(path).name for path in corpus.provenance["read"]] == [
        "labels_consensus.csv",
        "labels.txt",
    ]


class TestCutOff:
    """A block that was cut off is named with file and line, counted, and nothing is lost."""

    def test_in_the_middle_of_the_last_rating(self, tmp_path: Path) -> None:
        write_consensus(tmp_path)
        text = "\n".join(blocks()).rstrip()
        (tmp_path / "labels.txt").write_text(text[: text.rindex("A:4") + 5])
        corpus = make(tmp_path)
        assert corpus.left_out["in labels.txt: a rating that is cut off or has another form"] == 1
        damaged = corpus.provenance["record"]["damaged"]
        assert damaged == {
            "file": "labels.txt",
            "number": 1,
            "first": [
                {
                    "line": 20,
                    "why": "a rating that is cut off or has another form",
                    "text": "WORKER00000001; Neutral; Neutral; A:4.0",
                }
            ],
        }
        assert corpus.utterances.height == 5
        assert corpus.votes is not None
        assert corpus.votes["item"].n_unique() == 4
        found = {one.code: one for one in check(load_corpus(tmp_path / "out"), audio=False)}
        assert "labels.txt: 1 place" in found["damaged-labels"].message
        assert "line 20" in found["damaged-labels"].message
        assert "MSP-PODCAST_0003_0002" in found["no-vote"].message

    @pytest.mark.parametrize("kept", range(1, 71))
    def test_anywhere_in_a_rating(self, tmp_path: Path, kept: int) -> None:
        rating = "WORKER00000001; Neutral; Neutral; A:4.000000; V:4.000000; D:4.000000;"
        text = f"a.wav; N; A:4.0; V:4.0; D:4.0;\n{rating}\n{rating[:kept]}\n"
        (tmp_path / "labels.txt").write_text(text)
        read = read_blocks(tmp_path / "labels.txt")
        whole = kept >= len(rating)
        assert read.ratings.height == (2 if whole else 1)
        assert [one.place for one in read.damaged] == ([] if whole else [3])

    def test_in_the_first_line_of_a_block(self, tmp_path: Path) -> None:
        lines = blocks()
        lines[5] = lines[5].partition("; X")[0] + "; X; A:1."
        (tmp_path / "labels.txt").write_text("\n".join(lines))
        read = read_blocks(tmp_path / "labels.txt")
        assert [(one.place, one.text) for one in read.damaged] == [(6, lines[5])]
        assert read.ratings.height == 11
        corpus = make(tmp_path)
        lost = corpus.utterances.filter(utterance_id="msp_podcast/MSP-PODCAST_0001_0019")
        assert lost.select("emotion", "consensus", "valence").row(0) == (None, None, None)
        assert corpus.votes is not None
        assert corpus.votes["item"].n_unique() == 5

    def test_before_the_name_of_the_file(self, tmp_path: Path) -> None:
        lines = blocks()
        lines[5] = "MSP-PODC"
        (tmp_path / "labels.txt").write_text("\n".join(lines))
        read = read_blocks(tmp_path / "labels.txt")
        assert [(one.place, one.why.split(" that")[0]) for one in read.damaged] == [
            (6, "a line of a file"),
            (7, "a rating"),
            (8, "a rating"),
        ]
        assert read.ratings.height == 9

    def test_after_the_first_line(self, tmp_path: Path) -> None:
        lines = blocks()
        del lines[6:8]
        (tmp_path / "labels.txt").write_text("\n".join(lines))
        read = read_blocks(tmp_path / "labels.txt")
        assert [(one.place, one.why) for one in read.damaged] == [(6, "a file without a rating")]
        assert read.heads.height == 5

    def test_between_two_ratings_the_means_tell(self, tmp_path: Path) -> None:
        write_consensus(tmp_path)
        lines = blocks()
        del lines[1]  # WORKER00000001 on the first file, without a trace
        (tmp_path / "labels.txt").write_text("\n".join(lines))
        found = {one.code: one for one in check(make(tmp_path), audio=False)}
        assert found["consensus-differs"].ids == ("msp_podcast/MSP-PODCAST_0001_0008",)
        assert "by the votes no agreement, stated happy" in found["consensus-differs"].message
        assert found["means-differ"].ids == ("msp_podcast/MSP-PODCAST_0001_0008",)

    @pytest.mark.parametrize("write", [write_1_6, write_1_12, write_2_0])
    def test_in_a_table(self, tmp_path: Path, write: Callable[[Path], None]) -> None:
        write(tmp_path)
        path = tmp_path / "labels_detailed.csv"
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        rows[4][-1] = "WORKER00000001; Sad; Sa" if "EmoDetail" in rows[0] else ""
        table(path, rows)
        corpus = make(tmp_path)
        damaged = corpus.provenance["record"]["damaged"]
        assert damaged["number"] == 1
        assert damaged["first"][0]["row"] == 4
        assert "WORKER00000001; Sad; Sa" in damaged["first"][0]["text"]
        ratings = read_detailed(path).ratings
        assert ratings.height == 10
        found = {one.code: one for one in check(corpus, audio=False)}
        assert "row 4" in found["damaged-labels"].message


class TestConsensus:
    """The invariant for licence holders, each kind of breach alone."""

    def changed(self, folder: Path, old: str, new: str) -> dict[str, Any]:
        write_2_0(folder)
        path = folder / "labels_consensus.csv"
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        return {one.code: one for one in check(make(folder), audio=False)}

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("0008.wav,H", "0008.wav,N", "by the votes happy, stated neutral"),
            ("0019.wav,X", "0019.wav,S", "by the votes no agreement, stated sad"),
            ("0033.wav,O", "0033.wav,X", "by the votes other, stated no agreement"),
            ("0002.wav,N", "0002.wav,O", "by the votes neutral, stated other"),
        ],
    )
    def test_a_letter(self, tmp_path: Path, old: str, new: str, said: str) -> None:
        found = self.changed(tmp_path, old, new)
        assert "not the stated label of 1 of 5 utterances" in found["consensus-differs"].message
        assert said in found["consensus-differs"].message
        assert "means-differ" not in found

    def test_a_mean(self, tmp_path: Path) -> None:
        found = self.changed(tmp_path, "X,1.5,2.5", "X,1.5,2.6")
        assert "valence" in found["means-differ"].message
        assert "by the raters 2.500, stated 2.600" in found["means-differ"].message
        assert "consensus-agrees" in found

    def test_rounded_means_agree(self, tmp_path: Path) -> None:
        assert "means-differ" not in self.changed(tmp_path, "4.666666666666667", "4.67")


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("Sad", ("sad",)),
        (" Happy , Excited", ("happy", "excited")),
        ("Dissapointed,Disappointed", ("disappointed",)),
        ("Other-a, b, c,Angry", ("Other-a, b, c", "angry")),
        ("Other", ("other",)),
        ("Puzzled,Sad", ("Puzzled", "sad")),
        ("", ()),
    ],
)
def test_choices(text: str, chosen: tuple[str, ...]) -> None:
    assert choices_in(text) == chosen


@pytest.mark.parametrize(
    ("middle", "primary", "secondary"),
    [
        ("Sad; Sad,Concerned;", "Sad", "Sad,Concerned"),
        ("Sad; ;", "Sad", None),
        ("Sad;", "Sad", None),
        ("Other-so; so; Neutral;", "Other-so; so", "Neutral"),
        ("Other-so; so; ;", "Other-so; so", None),
        ("Other-so; so;", "Other-so; so", None),
        ("Other-so; Other-so,Sad;", "Other-so", "Other-so,Sad"),
    ],
)
def test_packed_text_may_hold_semicolons(
    tmp_path: Path, middle: str, primary: str, secondary: str | None
) -> None:
    rating = f"WORKER1; {middle} A:1.0; V:2.0; D:3.0;"
    (tmp_path / "labels.txt").write_text(f"a.wav; S; A:1.0; V:2.0; D:3.0;\n{rating}\n")
    read = read_blocks(tmp_path / "labels.txt")
    assert read.ratings.row(0) == ("a.wav", "WORKER1", primary, secondary, 2.0, 1.0, 3.0)


class TestRefused:
    def test_no_label_files(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match="there is no labels_detailed"):
            make(tmp_path)

    def test_no_consensus(self, tmp_path: Path) -> None:
        write_1_10(tmp_path)
        (tmp_path / "labels_consensus.csv").unlink()
        with pytest.raises(CorpusError, match="there is no labels_consensus"):
            make(tmp_path)

    @pytest.mark.parametrize(
        ("old", "new", "column"),
        [
            ("0008.wav,H", "0008.wav,Q", "EmoClass"),
            ("Development", "Somewhere", "Split_Set"),
            ("EmoVal", "Valence", "EmoVal"),
            ("_0002_0033.wav,O", "_0003_0001.wav,O", "FileName"),
        ],
    )
    def test_a_table_of_consensus_that_does_not_fit(
        self, tmp_path: Path, old: str, new: str, column: str
    ) -> None:
        write_1_10(tmp_path)
        path = tmp_path / "labels_consensus.csv"
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(CorpusError) as caught:
            make(tmp_path)
        assert caught.value.column == column
        assert caught.value.file == str(path)

    def test_ratings_of_another_form(self, tmp_path: Path) -> None:
        write_consensus(tmp_path)
        (tmp_path / "labels_detailed.csv").write_text("FileName,Emotion\na.wav,Sad\n")
        with pytest.raises(CorpusError, match="not a table of ratings") as caught:
            make(tmp_path)
        assert caught.value.column == "WorkerID"
        (tmp_path / "labels_detailed.csv").unlink()
        (tmp_path / "labels.txt").write_text("nothing of the kind\n")
        with pytest.raises(CorpusError, match="no rating"):
            make(tmp_path)

    def test_ratings_of_other_files_are_counted(self, tmp_path: Path) -> None:
        write_1_12(tmp_path)
        path = tmp_path / "labels_detailed.csv"
        path.write_text(
            path.read_text() + f'other.wav,"{packed(("WORKER9", "Sad", "", 1, 1, 1))}"\n'
        )
        corpus = make(tmp_path)
        assert corpus.left_out["rating of a file that labels_consensus.csv does not hold"] == 1
