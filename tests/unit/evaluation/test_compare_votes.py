"""Runs that were scored against labels by a rule: compared against those, or refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import compare
from equivoice.evaluation.described import read_descriptions
from equivoice.evaluation.run_votes import GIVEN, held_against, reference_of, votes_of
from equivoice.store import RunFolder
from oracles.held_against import (
    Spoken,
    accuracy,
    label_by,
    predictions,
    spoken_world,
    utterances,
    votes,
)

WORLD = spoken_world(96, seed=8)
FAST = ["--replicates", "40", "--permutations", "20"]
QUICK = {"replicates": 60, "permutations": 30}


def always(world: list[Spoken], label: str) -> pl.DataFrame:
    return predictions(world).with_columns(
        system=pl.lit(label), emotion=pl.lit(label), status=pl.lit("parsed")
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    predictions(WORLD).write_csv("p.csv")
    always(WORLD, "sad").write_csv("q.csv")
    utterances(WORLD).write_csv("u.csv")
    both = [votes(WORLD, channel="voice"), votes(WORLD[::-1], channel="face")]
    pl.concat(both).write_csv("v.csv")
    return tmp_path


def scored(out: str, said: str = "p.csv", *more: str) -> Path:
    words = ["score", said, "--reference", "u.csv", "-o", out, "--no-listeners", *more]
    if "--votes" not in more:
        words.remove("--no-listeners")
    assert run([*words, *FAST]) == 0
    return Path(out)


BY_MAJORITY = ("--votes", "v.csv", "--rule", "majority")


def difference(found: pl.DataFrame) -> float:
    rows = found.filter(metric="accuracy", quantity="comparison")
    return float(rows.filter(pl.col("group_by").is_null())["value"].item())


@pytest.mark.usefixtures("folder")
class TestSameRule:
    def test_both_are_held_against_the_labels_of_the_rule(self) -> None:
        a = scored("a", "p.csv", *BY_MAJORITY)
        b = scored("b", "q.csv", *BY_MAJORITY)
        found = compare(a, b, **QUICK)
        known = [(label_by(one, "majority"), one.said) for one in WORLD]
        pairs = [(truth, said) for truth, said in known if truth is not None]
        expected = accuracy(pairs) - accuracy([(truth, "sad") for truth, _ in pairs])
        assert difference(found.estimates) == pytest.approx(expected)
        assert set(found.estimates["reference"]) == {"majority"}
        assert found.left_out == {"w: no label by majority": len(WORLD) - len(pairs)}

    def test_no_channel_means_voice_and_is_the_same_as_saying_so(self) -> None:
        a = scored("a", "p.csv", *BY_MAJORITY)
        b = scored("b", "q.csv", *BY_MAJORITY, "--channel", "voice")
        assert held_against(RunFolder.read(a)) == held_against(RunFolder.read(b))
        assert compare(a, b, **QUICK).estimates.height

    def test_votes_that_differ_are_refused_like_labels_that_differ(self) -> None:
        a = scored("a", "p.csv", *BY_MAJORITY)
        other = pl.read_csv("v.csv").with_columns(value=pl.lit("sad"))
        other.write_csv("other.csv")
        b = scored("b", "q.csv", "--votes", "other.csv", "--rule", "majority")
        with pytest.raises((InputError, ConfigError), match="different"):
            compare(a, b, **QUICK)


@pytest.mark.usefixtures("folder")
class TestOtherReferences:
    @pytest.mark.parametrize(
        "more",
        [
            (),
            ("--votes", "v.csv", "--rule", "plurality"),
            (*BY_MAJORITY, "--channel", "face"),
            (*BY_MAJORITY, "--other", "count"),
        ],
        ids=["given", "rule", "channel", "other"],
    )
    def test_runs_scored_against_something_else_are_refused(self, more: tuple[str, ...]) -> None:
        a, b = scored("a", "p.csv", *BY_MAJORITY), scored("b", "q.csv", *more)
        with pytest.raises(ConfigError, match="scored against different references") as caught:
            compare(a, b, **QUICK)
        assert "--references given" in str(caught.value)
        assert "majority of the votes on voice" in str(caught.value)

    def test_unless_forced_by_name(self) -> None:
        a = scored("a", "p.csv", *BY_MAJORITY)
        b = scored("b", "q.csv", "--votes", "v.csv", "--rule", "plurality")
        given = compare(a, b, references="given", **QUICK)
        known = [(one.given, one.said) for one in WORLD if one.given is not None]
        expected = accuracy(known) - accuracy([(truth, "sad") for truth, _ in known])
        assert difference(given.estimates) == pytest.approx(expected)
        assert set(given.estimates["reference"]) == {"given"}
        assert "By --references given both are held against the labels given." in given.notes
        first = compare(a, b, references="first", **QUICK)
        again = scored("c", "q.csv", *BY_MAJORITY)
        assert difference(first.estimates) == pytest.approx(
            difference(compare(a, again, **QUICK).estimates)
        )

    def test_through_the_command_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        scored("a", "p.csv", *BY_MAJORITY)
        scored("b", "q.csv")
        capsys.readouterr()
        words = ["compare", "a", "b", "-o", "c", *FAST]
        assert run(words) == 2
        assert "--references first" in capsys.readouterr().err
        assert not Path("c").exists()
        assert run([*words, "--references", "first"]) == 0
        assert "held against the labels by majority" in capsys.readouterr().err
        assert RunFolder.read("c").record.config["references"] == "first"

    def test_listeners_alone_are_no_system_to_compare(self) -> None:
        assert run(["score", "--reference", "u.csv", "--votes", "v.csv", "-o", "a", *FAST]) == 0
        with pytest.raises(InputError, match="listeners and no system"):
            compare("a", "a", **QUICK)


@pytest.mark.usefixtures("folder")
def test_a_run_says_what_it_was_held_against() -> None:
    plain = RunFolder.read(scored("a"))
    assert held_against(plain) == GIVEN
    (corpus,) = read_descriptions(plain).values()
    assert votes_of(plain, corpus) is None
    assert reference_of(plain, corpus, GIVEN).height == len(WORLD)
    ruled = RunFolder.read(scored("b", "p.csv", *BY_MAJORITY))
    held = held_against(ruled)
    assert (held.rule, held.channel, held.other) == ("majority", "voice", "leave_out")
    table = reference_of(ruled, corpus, held)
    assert dict(table.select("utterance_id", "emotion").iter_rows()) == {
        one.name: label_by(one, "majority") for one in WORLD if label_by(one, "majority")
    }
