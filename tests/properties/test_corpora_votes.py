"""Votes on random corpora: every syntax the same, nothing lost by cutting, labels by hand."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from math import gcd
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.corpora import Corpus, label_space, prepare
from equivoice.corpora.dialogues import join_dialogues
from equivoice.corpora.msp_labels import (
    NAMES,
    MspLabels,
    choices_in,
    read_blocks,
    read_detailed,
    votes_of,
)
from equivoice.corpora.synthetic import SimulatedRater, simulate_votes
from equivoice.corpora.voting import check_voting
from equivoice.records import UTTERANCES, VOTES

PRIMARY = list(NAMES)[:9]
TYPED = st.sampled_from(["", "tired", "so, so", "half asleep", "what?!", "a/b (c)"])
Rating = tuple[str, str, str, int, int, int]


@st.composite
def ratings(draw: st.DrawFn) -> Rating:
    """Worker, primary, secondary and the three numbers."""
    worker = f"WORKER{draw(st.integers(1, 30)):08}"
    primary = draw(st.sampled_from(PRIMARY))
    if primary == "Other" and (typed := draw(TYPED)):
        primary = f"Other-{typed}"
    names = draw(st.lists(st.sampled_from(list(NAMES)), max_size=4, unique=True))
    a, v, d = (draw(st.integers(1, 7)) for _ in range(3))
    return worker, primary, ",".join(names), a, v, d


RELEASES = st.lists(st.lists(ratings(), min_size=1, max_size=4), min_size=1, max_size=5)


def packed(rating: Rating) -> str:
    worker, primary, secondary, a, v, d = rating
    return f"{worker}; {primary}; {secondary}; A:{a}.000000; V:{v}.000000; D:{d}.000000;"


def blocks(release: list[list[Rating]]) -> list[str]:
    lines = []
    for number, rated in enumerate(release):
        a, v, d = (sum(r[k] for r in rated) / len(rated) for k in (3, 4, 5))
        lines += [f"f{number}.wav; X; A:{a:.6f}; V:{v:.6f}; D:{d:.6f};", *map(packed, rated), ""]
    return lines


def write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def every_syntax(folder: Path, release: list[list[Rating]]) -> dict[str, MspLabels]:
    """The same ratings, written and read in each form."""
    named = [(f"f{n}.wav", rating) for n, rated in enumerate(release) for rating in rated]
    columns = ["EmoClass_Major", "EmoClass_Second", "EmoAct", "EmoVal", "EmoDom"]
    (folder / "labels.txt").write_text("\n".join(blocks(release)), encoding="utf-8")
    write(folder / "packed.csv", ["FileName", "EmoDetail"], [[f, packed(r)] for f, r in named])
    write(folder / "1.6.csv", ["FileName", "Workers", *columns], [[f, *r] for f, r in named])
    write(
        folder / "2.0.csv",
        ["WorkerID", "FileName", *columns],
        [[r[0], f, *r[1:]] for f, r in named],
    )
    tables = {name: read_detailed(folder / f"{name}.csv") for name in ("packed", "1.6", "2.0")}
    return {"labels.txt": read_blocks(folder / "labels.txt"), **tables}


@given(RELEASES)
@settings(max_examples=60, deadline=None)
def test_every_syntax_gives_the_same_ratings_and_votes(release: list[list[Rating]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read = every_syntax(Path(folder), release)
    expected = [
        (f"f{n}.wav", worker, primary, secondary or None, float(v), float(a), float(d))
        for n, rated in enumerate(release)
        for worker, primary, secondary, a, v, d in rated
    ]
    for name, labels in read.items():
        assert labels.ratings.rows() == expected, name
        assert labels.damaged == (), name
    votes = votes_of(read["2.0"].ratings.rename({"file": "item"}), channel="voice")
    by_question = Counter(votes["question"])
    assert {by_question[q] for q in ("emotion", "valence", "arousal", "dominance")} == {
        len(expected)
    }
    several = sum(len(choices_in(row[3] or "")) for row in expected)
    assert by_question["emotions"] == several
    typed = [row[2] for row in expected if row[2] not in NAMES]
    kept = votes.filter(pl.col("question") == "emotion", pl.col("value").str.starts_with("Other-"))
    assert kept["value"].to_list() == typed


@given(RELEASES, st.data())
@settings(max_examples=120, deadline=None)
def test_cutting_a_file_anywhere_loses_nothing_in_silence(
    release: list[list[Rating]], data: st.DataObject
) -> None:
    text = "\n".join(blocks(release))
    first = text.index("\n", text.index("WORKER"))  # one whole rating at least
    kept = text[: data.draw(st.integers(first + 1, len(text)))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.txt"
        path.write_text(kept, encoding="utf-8")
        read = read_blocks(path)
    lines = kept.split("\n")
    whole = [line for line in lines if line.startswith("WORKER") and line.endswith(";")
             and line.count(";") == 6]  # fmt: skip
    # Every line is a rating, a head, or named as damaged with its place and text.
    named = {(one.place, one.text) for one in read.damaged}
    heads = [
        line for line in lines if line.startswith("f") and "; D:" in line and line.endswith(";")
    ]
    assert read.ratings.height == len(whole)
    assert read.heads.height == len(heads)
    for place, line in enumerate(lines, start=1):
        accounted = line in whole or line in heads or not line.strip()
        assert accounted or (place, line.strip()) in named


LABELS = ["angry", "happy", "sad"]
ANSWERS = [*LABELS, "other", "Other-x"]


def by_hand(votes: list[str], rule: str) -> str | None:
    """The label that votes give, "other" being one answer; ``None`` where they give none."""
    tally = Counter("other" if vote.lower().startswith("other") else vote for vote in votes)
    most = max(tally.values())
    best = [answer for answer, number in tally.items() if number == most]
    if len(best) > 1 or best[0] == "other":
        return None
    return best[0] if rule == "plurality" or 2 * most > len(votes) else None


@given(
    st.lists(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=7), min_size=1, max_size=8),
    st.sampled_from(["majority", "plurality"]),
    st.data(),
)
@settings(max_examples=120, deadline=None)
def test_labels_are_held_against_the_votes_as_by_hand(
    items: list[list[str]], rule: str, data: st.DataObject
) -> None:
    right = [by_hand(votes, rule) for votes in items]
    wrong = data.draw(st.sets(st.integers(0, len(items) - 1)))
    stated = [
        data.draw(st.sampled_from([x for x in (*LABELS, None) if x != label]))
        if n in wrong
        else label
        for n, label in enumerate(right)
    ]
    rows = [(f"i{n}", vote) for n, votes in enumerate(items) for vote in votes]
    votes = pl.DataFrame(rows, schema=["item", "value"], orient="row")
    table = pl.DataFrame({"utterance_id": [f"i{n}" for n in range(len(items))], "emotion": stated},
                         schema={"utterance_id": pl.String, "emotion": pl.String})  # fmt: skip
    corpus = Corpus(
        "demo",
        label_space(LABELS),
        UTTERANCES.validate(table),
        votes=VOTES.validate(votes.with_columns(question=pl.lit("emotion"))),
        provenance={"label_rule": rule},
    )
    found = {one.code: one for one in check_voting(corpus)}
    if wrong:
        assert set(found["consensus-differs"].ids) == {f"i{n}" for n in wrong}
    else:
        assert found["consensus-agrees"].count == len(items)


@given(
    st.lists(
        st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any), min_size=1, max_size=8
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_shares_become_votes_again(votes: list[list[int]], smooth: bool) -> None:
    shares = np.array(votes) / np.sum(votes, axis=1, keepdims=True)
    if smooth:
        shares = shares * 0.95 + (1 - shares) * 0.025
    shares = np.vstack([shares, [[0.95, 0.025, 0.025] if smooth else [1, 0, 0]]])  # a certain one
    rows = [[f"f{n}.wav", *(f"{x:.6f}" for x in row)] for n, row in enumerate(shares.tolist())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels_consensus.csv"
        write(path, ["FileName", *LABELS], rows)
        corpus = prepare(
            "emo_superb",
            metadata=path,
            out=Path(folder) / "o",
            corpus="x",
            with_audio=False,
            folds=0,
        )
    assert corpus.votes is not None
    found = {(i, v): n for i, v, n in corpus.votes.select("item", "value", "count").iter_rows()}
    for number, row in enumerate(votes):
        for label, count in zip(LABELS, row, strict=True):
            assert found.get((f"x/f{number}", label), 0) == count // gcd(*row)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_no_line_is_joined_with_another(data: st.DataObject) -> None:
    """Dialogues cut out of dialogues: where a pair is made, it is the line it came from."""
    words = st.sampled_from(["hey", "no", "what", *(f"unique {n}" for n in range(20))])
    whole = data.draw(st.lists(st.lists(words, min_size=4, max_size=10), min_size=1, max_size=4))
    lines = [[f"{word} {d}-{t}" if "unique" in word else word for t, word in enumerate(dialogue)]
             for d, dialogue in enumerate(whole)]  # fmt: skip
    pieces, origin = [], {}
    for d, dialogue in enumerate(lines):
        cut = data.draw(st.integers(1, len(dialogue) - 1))
        for start, end in ((0, cut), (cut, len(dialogue))):
            for t in range(start, end):
                origin[len(pieces), t - start] = (d, t)
            pieces.append(dialogue[start:end])
    found = join_dialogues(pieces, lines)
    assert found.lines == found.hits == sum(map(len, lines))
    assert len(found.pairs) + sum(found.apart.values()) == found.lines
    assert len(set(found.pairs.values())) == len(found.pairs)
    for here, there in found.pairs.items():
        assert pieces[here[0]][here[1]] == lines[there[0]][there[1]]
        if "unique" in lines[there[0]][there[1]]:
            assert there == origin[here]


@given(
    st.lists(st.sampled_from([*LABELS, None]), min_size=1, max_size=20),
    st.integers(0, 2**32),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_simulated_votes_do_not_depend_on_their_company(
    emotions: list[str | None], seed: int, each: int
) -> None:
    raters = [SimulatedRater.reliable(f"r{n}", LABELS, n / 4) for n in range(5)]
    table = pl.DataFrame(
        {"utterance_id": [f"u{n}" for n in range(len(emotions))], "emotion": emotions},
        schema={"utterance_id": pl.String, "emotion": pl.String},
    )
    whole = simulate_votes(table, raters, seed).votes
    labelled = sum(emotion is not None for emotion in emotions)
    assert whole.height == labelled * len(raters)
    drawn = simulate_votes(table, raters, seed, each=each).votes
    assert drawn.height == labelled * each
    keys = ["item", "rater", "value"]
    assert drawn.join(whole, on=keys, how="anti").is_empty()
    alone = simulate_votes(table.tail(1), raters[2:3], seed).votes
    assert alone.join(whole, on=keys, how="anti").is_empty()
    # The last rater always answers what is meant, the first never does.
    joined = whole.join(table, left_on="item", right_on="utterance_id")
    assert (joined.filter(rater="r4")["value"] == joined.filter(rater="r4")["emotion"]).all()
    assert (joined.filter(rater="r0")["value"] != joined.filter(rater="r0")["emotion"]).all()
