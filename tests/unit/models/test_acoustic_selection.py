"""The choice of a classifier: inside the training rows, by speakers that were not fitted."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import MissingDependencyError
from equivoice.models import acoustic_selection
from equivoice.models.acoustic_selection import (
    CANDIDATES,
    Classifier,
    choose,
    fit_classifier,
    inner_folds,
    soften,
    steady_fitting,
    temperature,
)

pytest.importorskip("sklearn")

MEMBERS = sorted({member for names in CANDIDATES.values() for member in names})
CLASSES = 3


def corpus(
    speakers: int = 6, per_class: int = 5, *, separation: float = 1.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features with class centres and an offset for each speaker; column 0 is the row number."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(CLASSES), per_class), speakers)
    names = [f"s{number}" for number in range(speakers) for _ in range(CLASSES * per_class)]
    centres = separation * rng.normal(size=(CLASSES, 8))
    offsets = np.repeat(rng.normal(size=(speakers, 8)), CLASSES * per_class, axis=0)
    values = centres[labels] + offsets + rng.normal(size=(len(labels), 8))
    return np.column_stack([np.arange(len(labels)), values]), labels, names


class Spy:
    """Notes the rows that each classifier was fitted on and tried on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pairs: list[tuple[set[int], set[int]]] = []
        original = acoustic_selection.fit_classifier

        def fit(member: str, values: np.ndarray, labels: np.ndarray, *, size: int) -> object:
            fitted = original(member, values, labels, size=size)
            rows = {int(row) for row in values[:, 0]}
            spy = self

            class Watched:
                def scores(self, held: np.ndarray) -> np.ndarray:
                    spy.pairs.append((rows, {int(row) for row in held[:, 0]}))
                    return fitted.scores(held)

            return Watched()

        monkeypatch.setattr(acoustic_selection, "fit_classifier", fit)


def test_nobody_is_predicted_by_a_classifier_that_heard_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spy = Spy(monkeypatch)
    values, labels, speakers = corpus()
    choice = choose(values, labels, speakers, size=CLASSES, seed=0)
    assert len(spy.pairs) == choice.folds * len(MEMBERS)
    for fitted, held in spy.pairs:
        assert {speakers[row] for row in fitted}.isdisjoint({speakers[row] for row in held})
        assert fitted | held == set(range(len(labels)))
    tried = [row for _, held in spy.pairs for row in held]
    assert sorted(tried) == sorted(list(range(len(labels))) * len(MEMBERS))


def test_the_candidate_with_the_highest_score_is_chosen() -> None:
    values, labels, speakers = corpus(separation=0.7)
    choice = choose(values, labels, speakers, size=CLASSES, seed=0)
    assert set(choice.scores) == set(CANDIDATES)
    assert choice.scores[choice.chosen] == max(choice.scores.values())
    assert set(choice.temperatures) == set(choice.members) == set(CANDIDATES[choice.chosen])
    assert 1 / CLASSES < choice.scores[choice.chosen] <= 1


def test_scores_are_those_of_the_pooled_held_out_rows() -> None:
    values, labels, speakers = corpus(separation=0.7)
    choice = choose(values, labels, speakers, size=CLASSES, seed=3)
    folds, _ = inner_folds(labels, speakers, seed=3)
    for name, (member, *others) in CANDIDATES.items():
        if others:
            continue
        guessed = np.empty_like(labels)
        for fit, held in folds:
            fitted = fit_classifier(member, values[fit], labels[fit], size=CLASSES)
            guessed[held] = fitted.scores(values[held]).argmax(axis=1)
        f1 = [
            2
            * np.sum((guessed == k) & (labels == k))
            / (np.sum(guessed == k) + np.sum(labels == k))
            for k in range(CLASSES)
        ]
        assert choice.scores[name] == pytest.approx(np.mean(f1), abs=1e-12)


def test_the_choice_does_not_depend_on_threads_and_repeats() -> None:
    values, labels, speakers = corpus(separation=0.5)
    first = choose(values, labels, speakers, size=CLASSES, seed=5, workers=1)
    assert choose(values, labels, speakers, size=CLASSES, seed=5, workers=3) == first


def test_the_seed_deals_the_speakers_out() -> None:
    _, labels, speakers = corpus(speakers=12)

    def parts(seed: int) -> list[frozenset[str]]:
        folds, _ = inner_folds(labels, speakers, seed=seed)
        return [frozenset(speakers[row] for row in held) for _, held in folds]

    assert parts(1) == parts(1)
    assert any(parts(1) != parts(seed) for seed in (2, 3, 2**63))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("abcdefg")), min_size=1, max_size=60
    ),
    seed=st.integers(0, 2**64 - 1),
)
def test_inner_folds_are_disjoint_in_speakers_and_cover_all(
    rows: list[tuple[int, str]], seed: int
) -> None:
    labels = np.array([label for label, _ in rows])
    speakers = [speaker for _, speaker in rows]
    folds, why_not = inner_folds(labels, speakers, seed=seed)
    assert bool(folds) != bool(why_not)
    if folds:
        assert sorted(np.concatenate([held for _, held in folds])) == list(range(len(rows)))
    for fit, held in folds:
        assert len(fit)
        assert {speakers[row] for row in fit}.isdisjoint({speakers[row] for row in held})


@pytest.mark.parametrize(
    ("labels", "speakers", "why"),
    [
        ([0, 1, 0, 1], "aaaa", "one training speaker"),
        ([1, 1, 1, 1], "abcd", "one class"),
        ([0, 1, 2], "abc", "no class with two"),
        ([0], "a", "one class"),
    ],
)
def test_where_nothing_can_be_tried_a_fixed_candidate_stands_and_says_why(
    labels: list[int], speakers: str, why: str
) -> None:
    values = np.random.default_rng(0).normal(size=(len(labels), 4))
    choice = choose(values, np.array(labels), list(speakers), size=3, seed=0)
    assert why in choice.why_not
    assert choice.scores == {}
    assert choice.folds == 0
    assert set(choice.temperatures.values()) == {1.0}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_class_that_was_not_trained_has_probability_zero(member: str) -> None:
    values, labels, _ = corpus()
    seen = labels != 1
    fitted = fit_classifier(member, values[seen], labels[seen], size=CLASSES)
    probabilities = soften(fitted.scores(values), 1.0)
    assert (probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    right = probabilities[seen].argmax(axis=1) == labels[seen]
    assert right.mean() > 0.8


@pytest.mark.parametrize("member", MEMBERS)
def test_missing_features_get_the_median_of_what_was_fitted(member: str) -> None:
    values, labels, _ = corpus()
    fitted = fit_classifier(member, values, labels, size=CLASSES)
    gaps = values.copy()
    gaps[::7, 3] = np.nan
    filled = gaps.copy()
    filled[::7, 3] = np.median(values[:, 3])
    np.testing.assert_allclose(fitted.scores(gaps), fitted.scores(filled), atol=1e-9)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_feature_that_is_missing_throughout_and_a_wild_one_do_no_harm(member: str) -> None:
    values, labels, _ = corpus()
    odd = np.column_stack([values, np.full(len(values), np.nan), np.ones(len(values))])
    fitted = fit_classifier(member, odd, labels, size=CLASSES)
    odd[0, 2] = 1e12
    assert np.isfinite(fitted.scores(odd)).all()


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("rows", [2, 3, 4])
def test_hardly_any_utterances_still_give_an_answer(member: str, rows: int) -> None:
    values, labels = np.random.default_rng(0).normal(size=(rows, 5)), np.arange(rows) % 2
    with steady_fitting():
        scores = fit_classifier(member, values, labels, size=3).scores(values)
    np.testing.assert_allclose(soften(scores, 1.0).sum(axis=1), 1)


def test_one_class_gets_all_the_probability() -> None:
    fitted = fit_classifier("lda-0.5", np.zeros((3, 2)), np.array([2, 2, 2]), size=4)
    np.testing.assert_array_equal(
        soften(fitted.scores(np.ones((2, 2))), 1.0), [[0, 0, 1, 0], [0, 0, 1, 0]]
    )


def test_the_temperature_calibrates_scores_that_were_made_too_sharp() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    labels = np.array([rng.choice(4, p=row) for row in soften(logits, 1.0)])
    for sharp in (0.25, 1.0, 4.0):
        assert temperature(sharp * logits, labels) == pytest.approx(sharp, rel=0.1)


def test_the_temperature_bears_labels_that_were_unknown() -> None:
    scores = np.array([[0.0, 2.0, -np.inf], [1.0, 0.0, -np.inf], [0.0, 1.0, -np.inf]])
    assert np.isfinite(temperature(scores, np.array([1, 0, 2])))


def test_softening_keeps_the_order() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 5))
    for heat in (0.1, 1.0, 10.0):
        np.testing.assert_array_equal(soften(scores, heat).argmax(axis=1), scores.argmax(axis=1))


def test_probabilities_out_of_the_inner_folds_are_about_right() -> None:
    values, labels, speakers = corpus(speakers=10, per_class=8, separation=0.8)
    choice = choose(values, labels, speakers, size=CLASSES, seed=0)
    new_values, new_labels, _ = corpus(speakers=10, per_class=8, separation=0.8)
    members = [fit_classifier(m, values, labels, size=CLASSES) for m in choice.members]
    heats = [choice.temperatures[m] for m in choice.members]
    mean = np.mean(
        [soften(m.scores(new_values), t) for m, t in zip(members, heats, strict=True)], axis=0
    )
    right = (mean.argmax(axis=1) == new_labels).mean()
    assert mean.max(axis=1).mean() == pytest.approx(right, abs=0.2)


def test_a_classifier_without_a_pipeline_scores_its_class() -> None:
    scores = Classifier(None, np.array([1]), 2).scores(np.zeros((1, 3)))
    assert scores.tolist() == [[-np.inf, 0.0]]


def test_without_sklearn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("sklearn")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"equivoice\[baseline\]"):
        inner_folds(np.array([0, 1, 0, 1]), list("abab"), seed=0)
