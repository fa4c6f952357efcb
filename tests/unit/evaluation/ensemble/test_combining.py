"""``ensemble`` whole: what is scored, what it gains, and what is refused by name."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score, f1_score

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.evaluation import Ensemble, benchmark, ensemble, score
from equivoice.evaluation.ensemble import TIES
from equivoice.evaluation.ensemble.storing import read_findings
from equivoice.models.scripted import ScriptedBaseline
from equivoice.store import RunFolder
from oracles.ballot_box import most_votes

LABELS = ("angry", "happy", "neutral", "sad")
QUICK: dict[str, Any] = {"replicates": 100, "permutations": 20}
ACCURACY = {"S1": 0.5, "S2": 0.65, "T1": 0.45}


def spoken(speakers: int = 8, each: int = 12, prefix: str = "demo", first: int = 0) -> pl.DataFrame:
    rows = [
        {
            "utterance_id": f"{prefix}/{speaker:02d}-{number:02d}",
            "corpus": "demo",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 4],
        }
        for speaker in range(first, first + speakers)
        for number in range(each)
    ]
    return pl.DataFrame(rows)


def answers(
    truth: pl.DataFrame, accuracy: float, seed: int, *, shares: bool = False
) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    said, given = [], []
    for label in truth["emotion"]:
        right = rng.random() < accuracy
        other = [each for each in LABELS if each != label]
        said.append(label if right else str(rng.choice(other)))
        row = rng.dirichlet(np.ones(4))
        row[LABELS.index(said[-1])] += 1.0
        given.append((row / row.sum()).tolist())
    table = pl.DataFrame({"utterance_id": truth["utterance_id"], "emotion": said})
    return table.with_columns(probabilities=pl.Series(given)) if shares else table


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    return spoken()


@pytest.fixture(scope="module")
def members(truth: pl.DataFrame) -> dict[str, Any]:
    return {
        name: answers(truth, accuracy, seed)
        for seed, (name, accuracy) in enumerate(ACCURACY.items())
    }


@pytest.fixture(scope="module")
def found(members: dict[str, pl.DataFrame], truth: pl.DataFrame) -> Ensemble:
    return ensemble(members, reference=truth, breaker="S2", group_by="gender", **QUICK)


def labels(made: Ensemble, name: str = "majority vote") -> list[str | None]:
    own = made.predictions.filter(system=name).sort("utterance_id")
    return own.get_column("emotion").to_list()


def macro_f1(truth: pl.DataFrame, said: list[str | None]) -> float:
    right = truth.sort("utterance_id")["emotion"].to_list()
    return float(
        f1_score(
            right,
            [each or "none" for each in said],
            labels=LABELS,
            average="macro",
            zero_division=0,
        )
    )


# --------------------------------------------------------------------- votes and scores


def test_the_vote_is_what_counting_gives(
    found: Ensemble, members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    columns = {name: table.sort("utterance_id")["emotion"] for name, table in members.items()}
    expected = []
    for row in zip(*columns.values(), strict=True):
        top, _ = most_votes(row)
        expected.append(top.pop() if len(top) == 1 else row[1])  # S2, if all three differ
    assert labels(found) == expected
    rows = found.estimates.filter(
        quantity="score", metric="macro_f1", system="majority vote"
    ).filter(pl.col("class").is_null())
    assert rows["value"][0] == pytest.approx(macro_f1(truth, expected), abs=1e-12)


def test_members_keep_their_scores(
    found: Ensemble, members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    for name, table in members.items():
        own = found.estimates.filter(quantity="score", metric="macro_f1", system=name)
        expected = macro_f1(truth, table.sort("utterance_id")["emotion"].to_list())
        assert own["value"][0] == pytest.approx(expected, abs=1e-12)


def test_the_gain_is_paired_over_speakers(found: Ensemble, truth: pl.DataFrame) -> None:
    gain = found.estimates.filter(
        quantity="comparison", metric="macro_f1", system="majority vote − S2"
    ).filter(pl.col("group_by").is_null())
    value = macro_f1(truth, labels(found)) - macro_f1(truth, labels(found, "S2"))
    assert gain["value"][0] == pytest.approx(value, abs=1e-12)
    assert gain["unit"][0] == "speaker"
    assert gain["clusters"][0] in (8, 16)
    assert gain["low"][0] <= value <= gain["high"][0]
    assert found.findings.best_member == "S2"
    assert "very utterances that are scored" in found.findings.best_by


def test_the_interval_of_the_gain_is_that_of_resampled_speakers(
    found: Ensemble, truth: pl.DataFrame
) -> None:
    """Speakers drawn with all their answers to both systems; Student's t for 8 speakers."""
    gain = found.estimates.filter(
        quantity="comparison", metric="macro_f1", system="majority vote − T1"
    ).filter(pl.col("group_by").is_null() & pl.col("class").is_null())
    known = truth.sort("utterance_id")
    right = [LABELS.index(label) for label in known["emotion"]]
    who = known["speaker"].rank("dense").to_numpy().astype(int) - 1
    count = int(who.max()) + 1
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=4_000)

    def resampled(name: str) -> np.ndarray:
        """(R,) macro-F1, from what each speaker adds to the confusions."""
        said = [LABELS.index(str(label)) for label in labels(found, name)]
        cells = np.zeros((count, 4, 4))
        np.add.at(cells, (who, right, said), 1)
        whole = np.einsum("rs,sij->rij", drawn, cells)
        hits = np.einsum("rii->ri", whole)
        return np.asarray((2 * hits / (whole.sum(1) + whole.sum(2))).mean(axis=1))

    error = np.std(resampled("majority vote") - resampled("T1")) * np.sqrt(count / (count - 1))
    half = (gain["high"][0] - gain["low"][0]) / 2
    # there the ends are those of 100 draws, here of the t distribution
    assert half == pytest.approx(stats.t.ppf(0.975, count - 1) * error, rel=0.25)


def test_gaps_by_group_are_there_too(found: Ensemble) -> None:
    gaps = found.estimates.filter(quantity="pair_gap", metric="macro_f1", system="majority vote")
    assert gaps.height == 1
    assert gaps["groups"][0] == "female − male"


def test_ties_say_who_decided(found: Ensemble) -> None:
    ties = found.predictions.filter(system="majority vote").drop_nulls("reason")
    assert set(ties["reason"]) == {"tie, decided by S2"}
    assert found.findings.ties == {"majority vote": {"S2": ties.height}}
    assert found.findings.preference == ("S2", "S1", "T1")


def test_vote_shares_stand_as_probabilities(found: Ensemble) -> None:
    own = found.predictions.filter(system="majority vote")
    shares = np.array(own["probabilities"].to_list())
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert set(np.round(np.unique(shares), 6)) <= {0.0, 0.333333, 0.666667, 1.0}


@pytest.mark.parametrize("tie", TIES)
def test_every_rule_for_ties_ends_in_scores(
    tie: str, members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    made = ensemble(members, reference=truth, tie=tie, subsets=False, **QUICK)
    tied = made.predictions.filter(system="majority vote").filter(pl.col("reason").is_not_null())
    assert tied.height > 0
    assert tied["emotion"].null_count() == (tied.height if tie == "none" else 0)


# ------------------------------------------------------------ agreement, oracle, subsets


def test_agreement_is_counted_pair_by_pair(
    found: Ensemble, members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    right = truth.sort("utterance_id")["emotion"].to_list()
    said = {
        name: table.sort("utterance_id")["emotion"].to_list() for name, table in members.items()
    }
    assert [(pair.first, pair.second) for pair in found.findings.pairs] == list(
        itertools.combinations(members, 2)
    )
    for pair in found.findings.pairs:
        one, two = said[pair.first], said[pair.second]
        same = [a == b for a, b in zip(one, two, strict=True)]
        assert pair.n == len(right)
        assert pair.agree.value == pytest.approx(np.mean(same))
        assert pair.kappa == pytest.approx(cohen_kappa_score(one, two), abs=1e-12)
        hits = [(a == t, b == t) for a, b, t in zip(one, two, right, strict=True)]
        counted = [hits.count(each) for each in itertools.product((True, False), repeat=2)]
        assert counted == [pair.both_right, pair.only_first, pair.only_second, pair.both_wrong]
        assert pair.agree.low is not None
        assert pair.agree.low < pair.agree.value


def test_the_oracle_is_right_wherever_a_member_is(
    found: Ensemble, members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    right = truth.sort("utterance_id")["emotion"].to_list()
    said = [table.sort("utterance_id")["emotion"].to_list() for table in members.values()]
    columns = list(zip(*said, strict=True))
    any_right = [label in row for label, row in zip(right, columns, strict=True)]
    all_right = [set(row) == {label} for label, row in zip(right, columns, strict=True)]
    assert found.findings.oracle["accuracy"].value == pytest.approx(np.mean(any_right))
    assert found.findings.none_right == pytest.approx(1 - np.mean(any_right))
    assert found.findings.all_right == pytest.approx(np.mean(all_right))
    oracle = found.findings.oracle["macro_f1"].value
    assert oracle is not None
    assert oracle > macro_f1(truth, labels(found))


def test_every_subset_is_an_ensemble_of_its_own(
    found: Ensemble, members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    assert len(found.findings.subsets) == 7
    assert found.findings.subsets[0].members == ("S1", "S2", "T1")
    for subset in found.findings.subsets:
        value = subset.scores["macro_f1"].value
        if len(subset.members) == 1:
            expected = macro_f1(truth, labels(found, subset.members[0]))
            assert subset.ties == 0
        else:
            chosen = {name: members[name] for name in subset.members}
            breaker = "S2" if "S2" in subset.members else subset.members[0]
            assert subset.breaker == breaker
            alone = ensemble(chosen, reference=truth, breaker=breaker, subsets=False, **QUICK)
            expected = macro_f1(truth, labels(alone))
        assert value == pytest.approx(expected, abs=1e-12), subset.members


def test_with_many_members_subsets_are_left_out_and_that_is_said(truth: pl.DataFrame) -> None:
    many = {f"m{seed:02d}": answers(truth, 0.4, seed) for seed in range(11)}
    made = ensemble(many, reference=truth, **QUICK)
    assert made.findings.subsets == ()
    assert "11 members have too many subsets" in made.notes[0]


# ---------------------------------------------------------------- learning, never on test


def test_validation_gives_order_weights_and_a_stack(truth: pl.DataFrame) -> None:
    learnt = spoken(6, prefix="val", first=50)
    tested = {n: answers(truth, a, s, shares=True) for s, (n, a) in enumerate(ACCURACY.items())}
    known = {n: answers(learnt, a, s + 9, shares=True) for s, (n, a) in enumerate(ACCURACY.items())}
    both = pl.concat([truth, learnt])
    made = ensemble(
        tested,
        reference=both,
        validation=known,
        method=("majority", "weighted", "soft", "stacking"),
        **QUICK,
    )
    assert made.findings.ensembles == ("majority vote", "weighted vote", "soft vote", "stacking")
    assert made.findings.preference[0] == "S2"
    assert made.findings.best_by == "highest macro-F1 on the validation predictions"
    alone = score(known["S2"], learnt, replicates=0).estimates
    expected = alone.filter(metric="macro_f1", quantity="score")["value"][0]
    assert made.findings.weights["weighted vote"]["S2"] == pytest.approx(expected)
    assert "Stacking was fitted to 72 validation utterances." in made.findings.learnt_from
    assert made.notes == ()


def test_what_is_learnt_does_not_look_at_the_tested_labels(truth: pl.DataFrame) -> None:
    """Labels of tested utterances changed: the ensembles say the same."""
    learnt = spoken(6, prefix="val", first=50)
    tested = {n: answers(truth, a, s, shares=True) for s, (n, a) in enumerate(ACCURACY.items())}
    known = {n: answers(learnt, a, s + 9, shares=True) for s, (n, a) in enumerate(ACCURACY.items())}
    turned = truth.with_columns(pl.col("emotion").reverse())
    methods = ("weighted", "stacking")
    said = [
        ensemble(
            tested,
            reference=pl.concat([each, learnt]),
            validation=known,
            method=methods,
            subsets=False,
            **QUICK,
        )
        for each in (truth, turned)
    ]
    for name in ("weighted vote", "stacking"):
        assert labels(said[0], name) == labels(said[1], name)


def test_stacking_across_folds_is_fitted_without_the_fold_it_answers(truth: pl.DataFrame) -> None:
    """Labels of one speaker's fold changed: that fold's answers stay, others' may move."""
    tested = {n: answers(truth, a, s, shares=True) for s, (n, a) in enumerate(ACCURACY.items())}
    fold = pl.when(pl.col("utterance_id") < "demo/04").then(pl.lit("1")).otherwise(pl.lit("2"))
    tested = {name: table.with_columns(fold=fold) for name, table in tested.items()}
    first = pl.col("utterance_id") < "demo/04"
    spoilt = truth.with_columns(
        pl.when(first)
        .then(pl.col("emotion").shift(1).fill_null("sad"))
        .otherwise("emotion")
        .alias("emotion")
    )
    asked: dict[str, Any] = {"method": "stacking", "learn_from": "folds", "subsets": False}
    one = ensemble(tested, reference=truth, **asked, **QUICK)
    other = ensemble(tested, reference=spoilt, **asked, **QUICK)
    half = truth.height // 2
    assert labels(one, "stacking")[:half] == labels(other, "stacking")[:half]
    assert labels(one, "stacking")[half:] != labels(other, "stacking")[half:]
    assert "all folds that the members were tested in but one, 2 times" in one.findings.learnt_from
    assert (
        one.predictions.filter(system="stacking")["fold"].to_list() == ["1"] * half + ["2"] * half
    )


def test_without_folds_speakers_are_parted(truth: pl.DataFrame) -> None:
    tested = {n: answers(truth, a, s, shares=True) for s, (n, a) in enumerate(ACCURACY.items())}
    made = ensemble(tested, reference=truth, method="stacking", learn_from="folds", **QUICK)
    assert "folds of speakers, made here" in made.findings.learnt_from
    assert "Subsets are scored for votes, not for stacking." in made.notes
    nobody = truth.drop("speaker")
    with pytest.raises(ConfigError, match="cannot be parted by speaker"):
        ensemble(tested, reference=nobody, method="stacking", learn_from="folds", **QUICK)


def test_learning_from_what_is_scored_is_refused(truth: pl.DataFrame) -> None:
    tested = {n: answers(truth, a, s, shares=True) for s, (n, a) in enumerate(ACCURACY.items())}
    with pytest.raises(InputError, match="96 utterances stand in the validation predictions and"):
        ensemble(tested, reference=truth, validation=tested, method="stacking", **QUICK)
    learnt = spoken(6, prefix="val", first=50)
    known = {"S1": answers(learnt, 0.5, 3), "S2": answers(learnt, 0.5, 4)}
    with pytest.raises(InputError, match="a member has no validation predictions: 'T1'"):
        ensemble(tested, reference=pl.concat([truth, learnt]), validation=known, **QUICK)
    for method, problem in (
        ("stacking", "stacking needs something to learn from"),
        ("weighted", "a weighted vote needs weights"),
    ):
        with pytest.raises(ConfigError, match=problem):
            ensemble(tested, reference=truth, method=method, **QUICK)


def test_speakers_on_both_sides_are_said(truth: pl.DataFrame) -> None:
    learnt = spoken(2, prefix="val")  # speakers s0 and s1 speak in the test too
    names = list(ACCURACY)
    tested = {name: answers(truth, 0.5, at) for at, name in enumerate(names)}
    known = {name: answers(learnt, 0.5, at) for at, name in enumerate(names)}
    made = ensemble(tested, reference=pl.concat([truth, learnt]), validation=known, **QUICK)
    assert made.notes[0].startswith("2 speakers of the validation part speak in the tested part")


# ------------------------------------------------------------------- different utterances


def test_tables_over_different_utterances_are_refused_by_name(
    members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    short = {**members, "T1": members["T1"].head(90)}
    with pytest.raises(ConfigError) as caught:
        ensemble(short, reference=truth, **QUICK)
    said = str(caught.value)
    assert "90 have an answer of each, T1 lacks 6 of 96: 'demo/07-06'" in said
    assert "--utterances common" in said
    made = ensemble(short, reference=truth, utterances="common", **QUICK)
    assert made.predictions.filter(system="majority vote").height == 90
    assert made.left_out == {
        "S1: answered by it and not by all": 6,
        "S2: answered by it and not by all": 6,
    }


def test_with_any_those_vote_that_are_there(
    members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    short = {**members, "T1": members["T1"].head(90)}
    made = ensemble(short, reference=truth, utterances="any", breaker="S2", **QUICK)
    whole = ensemble(members, reference=truth, breaker="S2", **QUICK)
    assert labels(made)[:90] == labels(whole)[:90]
    two = ensemble(
        {name: members[name] for name in ("S1", "S2")}, reference=truth, breaker="S2", **QUICK
    )
    assert labels(made)[90:] == labels(two)[90:]
    assert made.left_out == {"T1: has no answer, does not vote": 6}


def test_tables_with_nothing_in_common_are_named(truth: pl.DataFrame) -> None:
    halves = {"a": answers(truth.head(40), 0.5, 0), "b": answers(truth.tail(40), 0.5, 1)}
    with pytest.raises(ConfigError, match="0 have an answer of each"):
        ensemble(halves, reference=truth, **QUICK)
    with pytest.raises(InputError, match="no utterance was answered by all members: a 40, b 40"):
        ensemble(halves, reference=truth, utterances="common", **QUICK)
    other = answers(truth, 0.5, 1).with_columns(
        pl.col("utterance_id").str.replace("demo", "elsewhere")
    )
    with pytest.raises(InputError, match="b answers no utterance that the reference has") as no:
        ensemble({"a": answers(truth, 0.5, 0), "b": other}, reference=truth, **QUICK)
    assert no.value.value == "elsewhere/00-00"


def test_failed_answers_do_not_vote_and_are_not_missing(
    members: dict[str, pl.DataFrame], truth: pl.DataFrame
) -> None:
    failed = members["T1"].with_columns(
        status=pl.when(pl.int_range(pl.len()) < 5)
        .then(pl.lit("failed"))
        .otherwise(pl.lit("parsed")),
        emotion=pl.when(pl.int_range(pl.len()) >= 5).then(pl.col("emotion")),
    )
    made = ensemble({**members, "T1": failed}, reference=truth, breaker="S2", **QUICK)
    assert made.predictions.filter(system="majority vote").height == 96
    assert labels(made)[:5] == labels(made, "S2")[:5]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"method": "mean"}, "no such way to combine votes: 'mean'"),
        ({"tie": "coin"}, "tie: no such rule: 'coin'"),
        ({"breaker": "S9"}, "breaker: no such member of the ensemble: 'S9'"),
        ({"weights": {"S9": 1.0}, "method": "weighted"}, "weight: no such member"),
        ({"weights": {"S1": 0.0}, "method": "weighted"}, "weight: that of S1 is not above 0"),
        ({"utterances": "some"}, "utterances: no such choice: 'some'"),
        ({"learn_from": "test"}, "learn_from: no such choice: 'test'"),
        ({"method": "soft"}, "a soft vote needs probabilities, and S1 gives none for 96 of 96"),
        ({"colour": 1}, "no such setting: 'colour'"),
    ],
)
def test_wrong_settings_are_named(
    change: dict[str, Any],
    problem: str,
    members: dict[str, pl.DataFrame],
    truth: pl.DataFrame,
) -> None:
    with pytest.raises(InputError) as caught:
        ensemble(members, reference=truth, **change, **QUICK)
    assert problem in str(caught.value)


def test_other_mistakes_are_named(
    members: dict[str, pl.DataFrame], truth: pl.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="an ensemble needs two members: 'S1'"):
        ensemble({"S1": members["S1"]}, reference=truth, **QUICK)
    with pytest.raises(InputError, match="tables of predictions alone do not say what is right"):
        ensemble(members, **QUICK)
    with pytest.raises(ConfigError, match="two members have the same name, 'the table'"):
        ensemble([members["S1"], members["S2"]], reference=truth, **QUICK)
    foreign = members["S1"].with_columns(emotion=pl.lit("bored"))
    with pytest.raises(InputError, match=r"S1: .*not in label space.*'bored'"):
        ensemble({**members, "S1": foreign}, reference=truth, **QUICK)
    wrong = members["S1"].with_columns(probabilities=pl.lit([0.5, 0.5]))
    with pytest.raises(InputError, match="S1: the probabilities are not shares of 1 over the 4"):
        ensemble({**members, "S1": wrong}, reference=truth, **QUICK)
    clash = {"majority vote": members["S1"], "S2": members["S2"]}
    with pytest.raises(ConfigError, match="a member has the name of an ensemble"):
        ensemble(clash, reference=truth, **QUICK)


# ------------------------------------------------------------------------ balanced, stored


def test_a_balanced_part_is_scored(members: dict[str, pl.DataFrame], truth: pl.DataFrame) -> None:
    made = ensemble(members, reference=truth, balanced=10, seed=5, **QUICK)
    own = made.predictions.filter(system="majority vote").join(truth, on="utterance_id")
    assert own.height == 40
    assert set(own.group_by("emotion_right").len()["len"]) == {10}
    assert made.left_out == {"balanced part: not drawn": 56}
    other = ensemble(members, reference=truth, balanced=10, seed=6, **QUICK)
    chosen = [set(each.predictions["utterance_id"]) for each in (made, other)]
    assert chosen[0] != chosen[1]
    with pytest.raises(CorpusError, match="cannot hold 30 utterances of each emotion"):
        ensemble(members, reference=truth, balanced=30, **QUICK)


def test_runs_bring_their_own_reference_and_the_result_is_a_run(tmp_path: Path) -> None:
    truth = spoken()
    known = dict(truth.select("utterance_id", "emotion").iter_rows())
    corpus = Corpus("demo", label_space(LABELS, id="demo"), truth)
    save_corpus(corpus, tmp_path / "demo")
    for name, accuracy in ACCURACY.items():
        benchmark(
            ScriptedBaseline(known, accuracy, name),
            str(tmp_path / "demo"),
            out=tmp_path / name,
            n_folds=2,
            replicates=20,
            permutations=5,
            group_by=(),
        )
    places = [tmp_path / name for name in ACCURACY]
    made = ensemble(places, out=tmp_path / "vote", breaker="S2", **QUICK)
    assert made.folder is not None
    kept = RunFolder.read(tmp_path / "vote")
    assert kept.record.verb == "ensemble"
    assert kept.record.config["tie"] == "among_tied"
    assert len(kept.record.inputs) == 3
    assert kept.estimates().height == made.estimates.height
    assert read_findings(kept) == made.findings
    assert read_findings(RunFolder.read(tmp_path / "S1")) is None
    folds = kept.predictions().filter(system="majority vote")["fold"].unique().sort().to_list()
    assert folds == ["1", "2"]
    by_fold = kept.estimates().filter(quantity="score", metric="macro_f1", system="majority vote")
    assert {"1", "2", "all"} <= set(by_fold["fold"])
    again = ensemble(places, out=tmp_path / "vote", breaker="S2", **QUICK)
    assert again.predictions.equals(made.predictions)
    with pytest.raises(ConfigError, match="holds another run"):
        ensemble(places, out=tmp_path / "vote", tie="none", **QUICK)
    with pytest.raises(ConfigError, match="is one of the members"):
        ensemble(places, out=tmp_path / "S1", overwrite=True, **QUICK)
    nested = ensemble([f"first={tmp_path}/vote#majority vote", tmp_path / "S1"], **QUICK)
    assert nested.findings.members == ("first", "S1")
    assert labels(nested, "first") == labels(made)


def test_a_damaged_findings_file_is_named(tmp_path: Path) -> None:
    from equivoice.records import RunRecord

    with RunFolder.open(tmp_path / "run") as folder:
        folder.save_record(RunRecord(verb="ensemble", config={}))
        folder.write_text("ensemble.json", "{}")
        with pytest.raises(InputError, match="what was found of the ensemble cannot be read"):
            read_findings(folder)


def test_runs_under_two_labels_are_refused(tmp_path: Path) -> None:
    truth = spoken(4, 8)
    known = dict(truth.select("utterance_id", "emotion").iter_rows())
    space = label_space(LABELS, id="demo")
    other = truth.with_columns(
        pl.when(pl.col("utterance_id") == "demo/00-00")
        .then(pl.lit("sad"))
        .otherwise(pl.col("emotion"))
        .alias("emotion")
    )
    for name, table in (("a", truth), ("b", other)):
        benchmark(
            ScriptedBaseline(known, 0.5, name),
            Corpus("demo", space, table),
            out=tmp_path / name,
            n_folds=2,
            replicates=20,
            permutations=5,
            group_by=(),
        )
    with pytest.raises(InputError, match="different reference labels: 'demo/00-00: "):
        ensemble([tmp_path / "a", tmp_path / "b"], **QUICK)
    made = ensemble([tmp_path / "a", tmp_path / "b"], reference=truth, **QUICK)
    assert made.predictions.height == 3 * 32


def test_probabilities_in_another_order_are_put_in_order(tmp_path: Path) -> None:
    """A run has its labels in its own order; a plain reference has them by the alphabet."""
    truth = spoken(4, 8)
    known = dict(truth.select("utterance_id", "emotion").iter_rows())
    turned = label_space(list(reversed(LABELS)), id="turned")
    for name, accuracy in (("a", 0.5), ("b", 0.6)):
        benchmark(
            ScriptedBaseline(known, accuracy, name),
            Corpus("demo", turned, truth),
            out=tmp_path / name,
            n_folds=2,
            replicates=20,
            permutations=5,
            group_by=(),
        )
    places = [tmp_path / "a", tmp_path / "b"]
    asked: dict[str, Any] = {"method": "soft", "subsets": False, "tie": "label_order"}
    own = ensemble(places, **asked, **QUICK)
    plain = ensemble(places, reference=truth, **asked, **QUICK)
    assert plain.left_out == {}
    shares = [
        np.array(each.predictions.filter(system="soft vote")["probabilities"].to_list())
        for each in (own, plain)
    ]
    np.testing.assert_allclose(shares[0][:, ::-1], shares[1], atol=1e-12)
    stored = plain.predictions.filter(system="a").sort("utterance_id")
    most = [LABELS[code] for code in np.array(stored["probabilities"].to_list()).argmax(axis=1)]
    assert most == stored["emotion"].to_list()


def test_probabilities_over_other_labels_are_not_used_and_counted(truth: pl.DataFrame) -> None:
    foreign = answers(truth, 0.5, 0, shares=True).with_columns(label_space=pl.lit("elsewhere"))
    members = {"a": foreign, "b": answers(truth, 0.5, 1, shares=True)}
    made = ensemble(members, reference=truth, subsets=False, **QUICK)
    assert made.left_out == {"a: probabilities over other labels": 96}
    with pytest.raises(InputError, match="a gives none for 96 of 96"):
        ensemble(members, reference=truth, method="soft", **QUICK)
