"""Real votes: what each rule keeps of them, counted again with plain Python from the files."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from equivoice.annotators.checks import check_votes
from equivoice.annotators.counts import ReadVotes, VoteCounts, channels, read_votes
from equivoice.annotators.rules import STRATA, aggregate, strata
from equivoice.corpora import Corpus, prepare
from oracles.plain_votes import CREMA_D_LETTERS, crema_d, crema_d_votes, elected, stratum

CHANNELS = ("voice", "face", "both")
RULES = ("majority", "plurality", "all_inclusive")

VOTES = {"voice": 68_568, "face": 71_654, "both": 71_778}
"""Listeners' votes on the 7,442 clips of CREMA-D, by channel."""

KEPT = {
    ("voice", "majority"): 5012,
    ("voice", "plurality"): 6798,
    ("voice", "all_inclusive"): 7442,
    ("face", "majority"): 5523,
    ("face", "plurality"): 6972,
    ("face", "all_inclusive"): 7442,
    ("both", "majority"): 5913,
    ("both", "plurality"): 7022,
    ("both", "all_inclusive"): 7442,
}
"""How many of the 7,442 each rule keeps."""

BY_EMOTION = {
    "angry": 882,
    "disgust": 671,
    "fear": 807,
    "happy": 826,
    "neutral": 975,
    "sad": 851,
}
"""How many of the clips of each intended emotion majority keeps by voice."""

AGREEMENT = {  # in the order of STRATA
    "voice": (383, 3031, 1598, 1786, 644),
    "face": (1008, 3377, 1138, 1449, 470),
    "both": (1119, 3680, 1114, 1109, 420),
}


@pytest.fixture(scope="module")
def cremad(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """CREMA-D's clips and votes; votes need no sound."""
    metadata, votes = real_data / "emobox" / "cremad", real_data / "votes" / "crema_d"
    if not metadata.is_dir() or not votes.is_dir():
        pytest.skip(f"CREMA-D's metadata or votes are not in {real_data}")
    out = tmp_path_factory.mktemp("votes") / "cremad"
    return prepare("cremad", metadata=metadata, extra=votes, with_audio=False, out=out)


@pytest.fixture(scope="module")
def rows(real_data: Path, cremad: Corpus) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of the table of votes by channel and name, read without us."""
    return crema_d(real_data / "votes" / "crema_d")


@pytest.fixture(scope="module")
def read(cremad: Corpus) -> dict[str, ReadVotes]:
    items = cremad.utterances["utterance_id"].to_list()
    return {
        channel: read_votes(cremad.votes, cremad.label_space, items=items, channel=channel)
        for channel in channels(cremad.votes)
        if channel is not None
    }


def file_names(counts: VoteCounts) -> list[str]:
    return [item.removeprefix("cremad/").replace("-", "_") for item in counts.items]


def test_all_votes_are_counted(
    read: dict[str, ReadVotes], rows: dict[tuple[str, str], dict[str, str]]
) -> None:
    assert tuple(read) == CHANNELS
    assert len(rows) == 22_326
    for channel in CHANNELS:
        assert read[channel].left_out == {}
        assert int(read[channel].ratings.counts().counts.sum()) == VOTES[channel]
        assert read[channel].elsewhere == {"another channel": 212_000 - VOTES[channel]}
    assert sum(VOTES.values()) == sum(int(row["numResponses"]) for row in rows.values()) == 212_000


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_count_is_that_of_the_file(
    read: dict[str, ReadVotes], rows: dict[tuple[str, str], dict[str, str]], channel: str
) -> None:
    counts = read[channel].ratings.counts()
    assert len(set(file_names(counts))) == 7442
    for name, found in zip(file_names(counts), counts.counts.tolist(), strict=True):
        votes = crema_d_votes(rows[channel, name])
        assert found == [votes[label] for label in counts.labels]
    assert not counts.other.any()


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("rule", RULES)
def test_what_each_rule_keeps(
    read: dict[str, ReadVotes],
    rows: dict[tuple[str, str], dict[str, str]],
    channel: str,
    rule: str,
) -> None:
    counts = read[channel].ratings.counts()
    made = aggregate(counts, rule)
    labels = list(counts.labels)
    wanted = {}
    for (where, name), row in rows.items():
        if where == channel:
            votes = crema_d_votes(row)
            wanted[name] = elected([votes[label] for label in labels], rule)
    assert made.label.tolist() == [wanted[name] for name in file_names(counts)]
    kept = 7442 if rule == "all_inclusive" else sum(code >= 0 for code in wanted.values())
    assert int(made.kept.sum()) == kept == KEPT[channel, rule]
    why = {"majority": "no label above half", "plurality": "tie"}
    assert made.dropped() == ({why[rule]: 7442 - kept} if rule in why else {})


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_publishers_own_plurality_and_agreement(
    read: dict[str, ReadVotes], rows: dict[tuple[str, str], dict[str, str]], channel: str
) -> None:
    """Columns of CREMA-D itself: emoVote (A:S in a tie) and the share agreement."""
    counts = read[channel].ratings.counts()
    made, shares = aggregate(counts, "plurality"), counts.shares()
    for place, name in enumerate(file_names(counts)):
        row = rows[channel, name]
        top = [CREMA_D_LETTERS[letter] for letter in row["emoVote"].split(":")]
        label = top[0] if len(top) == 1 else None
        code = made.label[place]
        assert (counts.labels[code] if code >= 0 else None) == label
        assert shares[place].max() == pytest.approx(float(row["agreement"]), abs=1e-12)


@pytest.mark.parametrize("channel", CHANNELS)
def test_how_far_listeners_agree(
    read: dict[str, ReadVotes], rows: dict[tuple[str, str], dict[str, str]], channel: str
) -> None:
    counts = read[channel].ratings.counts()
    found = strata(counts)
    wanted = [
        stratum(list(crema_d_votes(rows[channel, name]).values())) for name in file_names(counts)
    ]
    assert list(found) == wanted
    tallied = Counter(found)
    assert tuple(tallied[name] for name in STRATA) == AGREEMENT[channel]
    assert sum(AGREEMENT[channel][:3]) == KEPT[channel, "majority"]
    assert sum(AGREEMENT[channel][:4]) == KEPT[channel, "plurality"]


def test_the_example_that_the_readme_of_the_data_shows(read: dict[str, ReadVotes]) -> None:
    """1001_IEO_NEU_XX, voice: ten of eleven heard neutral, one happy."""
    counts = read["voice"].ratings.counts()
    place = counts.items.index("cremad/1001-IEO-NEU-XX")
    named = dict(zip(counts.labels, counts.counts[place].tolist(), strict=True))
    assert {label: n for label, n in named.items() if n} == {"happy": 1, "neutral": 10}


def test_majority_drops_some_emotions_more_than_others(
    cremad: Corpus, read: dict[str, ReadVotes], rows: dict[tuple[str, str], dict[str, str]]
) -> None:
    """What is kept, by the emotion that the actor was asked to show; voice, majority."""
    made = aggregate(read["voice"].ratings, "majority")
    asked = cremad.utterances["emotion"].to_numpy()
    found = {label: int(made.kept[asked == label].sum()) for label in made.labels}
    codes = dict(zip(("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"), sorted(made.labels), strict=True))
    wanted: Counter[str] = Counter()
    for (channel, name), row in rows.items():
        votes = crema_d_votes(row)
        if channel == "voice" and 2 * max(votes.values()) > sum(votes.values()):
            wanted[codes[name.split("_")[2]]] += 1
    assert found == dict(wanted)
    assert found == BY_EMOTION
    assert sum(found.values()) == KEPT["voice", "majority"]
    # of 1,087 neutral clips 90 % are kept, of 1,271 clips of disgust 53 %
    assert Counter(asked.tolist())["neutral"] == 1087


def test_nothing_in_these_votes_is_in_error(cremad: Corpus) -> None:
    found = check_votes(cremad.votes, cremad.label_space, cremad.utterances)
    assert [one.code for one in found] == ["no-raters"]
    assert found[0].count == 212_000


def test_reading_them_takes_well_under_a_second(cremad: Corpus) -> None:
    items = cremad.utterances["utterance_id"].to_list()
    started = time.process_time()
    for channel in CHANNELS:
        counts = read_votes(
            cremad.votes, cremad.label_space, items=items, channel=channel
        ).ratings.counts()
        for rule in RULES:
            aggregate(counts, rule)
        strata(counts)
    assert time.process_time() - started < 1.0


# ---------------------------------------------------------------- EmotionLines

ORDER = ("neutral", "happy", "sad", "fear", "angry", "surprise", "disgust")
WORDS = {"joy": "happy", "sadness": "sad", "anger": "angry"}
EMOTIONLINES = {"majority": 11_731, "plurality": 12_812, "all_inclusive": 14_503}


@pytest.fixture(scope="module")
def emotionlines(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = real_data / "votes" / "emotionlines_friends"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    out = tmp_path_factory.mktemp("votes") / "emotionlines"
    return prepare("emotionlines", metadata=folder, with_audio=False, out=out)


def test_emotionlines_by_the_rules_and_by_its_own_labels(
    real_data: Path, emotionlines: Corpus
) -> None:
    """EmotionLines states the label that most of five readers gave, else ``non-neutral``."""
    items = emotionlines.utterances["utterance_id"].to_list()
    read = read_votes(emotionlines.votes, emotionlines.label_space, items=items)
    made = {rule: aggregate(read.ratings, rule) for rule in RULES}
    lines = [
        line
        for part in ("train", "dev", "test")
        for dialogue in json.loads(
            (real_data / "votes" / "emotionlines_friends" / f"friends_{part}.json").read_text()
        )
        for line in dialogue
    ]
    votes = [dict(zip(ORDER, map(int, line["annotation"]), strict=True)) for line in lines]
    labels = read.ratings.labels
    for rule in ("majority", "plurality"):
        wanted = [elected([vote[label] for label in labels], rule) for vote in votes]
        assert Counter(made[rule].label.tolist()) == Counter(wanted)
    assert {rule: int(one.kept.sum()) for rule, one in made.items()} == EMOTIONLINES
    stated = Counter(WORDS.get(line["emotion"], line["emotion"]) for line in lines)
    kept = made["majority"].label
    tallied = Counter(labels[code] if code >= 0 else "non-neutral" for code in kept.tolist())
    assert tallied == stated
    np.testing.assert_array_equal(
        kept >= 0, emotionlines.utterances["emotion"].is_not_null().to_numpy()
    )
