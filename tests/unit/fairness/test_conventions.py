"""Conventions: which rules a name stands for."""

from __future__ import annotations

import pytest

from equivoice.errors import ConfigError
from equivoice.fairness import CONVENTIONS, convention, named_measures


def test_ours_counts_unparsed_answers_as_wrong_everywhere() -> None:
    ours = convention("equivoice")
    assert (ours.unparsed_in_scores, ours.unparsed_in_gaps) == ("wrong", "wrong")
    assert ours.pooling == "utterances"
    assert ours.single_group == "undefined"


def test_fairalms_code_drops_them_before_fairness_and_adds_a_class_in_f1() -> None:
    theirs = convention("fairalm_code")
    assert (theirs.unparsed_in_scores, theirs.unparsed_in_gaps) == ("extra_class", "drop")
    assert theirs.overall_accuracy == "recall_sum"
    assert (theirs.pooling, theirs.single_group) == ("folds", "zero")


def test_fairalms_paper_reads_overall_accuracy_as_accuracy() -> None:
    assert convention("fairalm_paper").overall_accuracy == "accuracy"


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
def test_each_has_a_source_and_its_own_name(name: str) -> None:
    assert convention(name).name == name
    assert convention(name).source


@pytest.mark.parametrize("name", ["", "Equivoice", "fairalm"])
def test_an_unknown_convention_names_the_choices(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        convention(name)
    assert raised.value.choices == tuple(CONVENTIONS)


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
def test_only_overall_accuracy_is_read_differently(name: str) -> None:
    rules = convention(name)
    measures = {measure.name: measure for measure in named_measures(rules)}
    assert measures["overall_accuracy_equality"].metrics == (rules.overall_accuracy,)
    others = {key: m for key, m in measures.items() if key != "overall_accuracy_equality"}
    ours = {m.name: m for m in named_measures(convention("equivoice"))}
    assert others == {key: ours[key] for key in others}


def test_unparsed_answers_may_count_otherwise_and_the_name_says_so() -> None:
    rules = convention("fairalm_code", unparsed="wrong")
    assert (rules.unparsed_in_scores, rules.unparsed_in_gaps) == ("wrong", "wrong")
    assert rules.name == "fairalm_code, unparsed=wrong"
    assert rules.overall_accuracy == "recall_sum"


def test_an_unknown_policy_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="extra_class"):
        convention("equivoice", unparsed="ignore")  # type: ignore[arg-type]
