"""The section of an ensemble: gains in words, agreement, oracle, subsets; nothing without one."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from equivoice.evaluation.ensemble.voting import TIES as RULES
from equivoice.records import (
    EnsembleFindings,
    PairOfMembers,
    RunRecord,
    SubsetOfMembers,
    WithInterval,
)
from equivoice.reports import ReportInputs, render_report
from equivoice.reports.document import Bullets, Folded, Section, Table
from equivoice.reports.ensembles import (
    TIES,
    ensemble_section,
    gains_in_words,
    number_cell,
    subsets_table,
)
from equivoice.reports.markdown import markdown
from equivoice.reports.rows import Estimate

MEMBERS = ("S1", "S2", "T1")


def subset(*members: str, value: float | None) -> SubsetOfMembers:
    why = None if value is not None else "no class has support"
    score = WithInterval(value=value, low=None, high=None, undefined=why)
    return SubsetOfMembers(
        members=members, breaker=members[0], scores={"macro_f1": score}, n=40, ties=3
    )


def pair(first: str, second: str, share: float | None, kappa: float | None) -> PairOfMembers:
    undefined = None if share is not None else "no utterance in common"
    return PairOfMembers(
        first=first,
        second=second,
        n=40,
        agree=WithInterval(value=share, low=0.2, high=0.6, undefined=undefined),
        kappa=kappa,
        both_right=10,
        only_first=7,
        only_second=11,
        both_wrong=12,
    )


FINDINGS = EnsembleFindings(
    ensembles=("majority vote",),
    members=MEMBERS,
    tie="among_tied",
    preference=("S2", "S1", "T1"),
    weights={"weighted vote": {"S1": 0.5, "S2": 1.0}},
    learnt_from="Stacking was fitted to 72 validation utterances.",
    best_member="S2",
    best_by="highest macro-F1 on the validation predictions",
    ties={"majority vote": {"S2": 4, "mean probability": 1}},
    pairs=(pair("S1", "S2", 0.4, -0.05), pair("S1", "T1", None, None), pair("S2", "T1", 0.5, 0.3)),
    subsets=(subset("S1", "S2", value=0.5), subset("S1", value=None), subset("S2", value=0.6)),
    oracle={"macro_f1": WithInterval(value=0.8, low=0.7, high=0.9)},
    all_right=0.1,
    none_right=0.2,
)


def gain(member: str, value: float | None, low: float | None, high: float | None) -> Estimate:
    return Estimate(
        "comparison",
        "macro_f1",
        system=f"majority vote − {member}",
        value=value,
        low=low,
        high=high,
        level=0.95,
        unit="speaker",
        undefined=None if value is not None else "no class has support",
    )


ROWS = [gain("S1", 0.1, 0.05, 0.15), gain("S2", 0.02, -0.01, 0.05), gain("T1", None, None, None)]


def tables(section: Section) -> list[Table]:
    found = [block for block in section.blocks if isinstance(block, Table)]
    folded = [block for block in section.blocks if isinstance(block, Folded)]
    return found + [each for block in folded for each in block.blocks if isinstance(each, Table)]


def sentences(section: Section) -> list[str]:
    (bullets,) = (block for block in section.blocks if isinstance(block, Bullets))
    return [text for _, text in bullets.items]


def test_without_an_ensemble_there_is_no_section() -> None:
    assert ensemble_section(None, ROWS).empty


def test_every_rule_for_ties_has_words() -> None:
    assert set(TIES) == set(RULES)


def test_a_gain_that_is_not_told_apart_says_so() -> None:
    said = sentences(ensemble_section(FINDINGS, ROWS))
    assert said[0] == (
        "Majority vote: macro-F1 2.0 points above its best member, S2 (95% interval of the "
        "difference, paired over speakers, [−1.0, +5.0]), which does not tell them apart."
    )
    clear = ensemble_section(FINDINGS.model_copy(update={"best_member": "S1"}), ROWS)
    assert "does not tell them apart" not in sentences(clear)[0]


def test_a_loss_is_called_a_loss_and_the_undefined_undefined() -> None:
    lower = [gain("S2", -0.03, -0.06, -0.01)]
    assert "3.0 points below its best member" in sentences(ensemble_section(FINDINGS, lower))[0]
    none = ensemble_section(FINDINGS.model_copy(update={"best_member": "T1"}), ROWS)
    assert sentences(none)[0] == "Majority vote: no gain over T1 can be stated."
    bare = [gain("S2", 0.02, None, None)]
    assert "there is no interval" in sentences(ensemble_section(FINDINGS, bare))[0]


def test_how_it_was_decided_is_said() -> None:
    said = sentences(ensemble_section(FINDINGS, ROWS))
    assert "The best member is S2: highest macro-F1 on the validation predictions." in said
    assert "Stacking was fitted to 72 validation utterances." in said
    assert "Weights of the weighted vote: S1 0.5, S2 1." in said
    assert "Majority vote: 5 ties (4 by S2, 1 by mean probability)." in said
    assert said[-1] == ("All members are right on 10.0% of the utterances, none of them on 20.0%.")


def test_agreement_is_a_matrix_that_reads_the_same_both_ways() -> None:
    (matrix,) = (
        each for each in tables(ensemble_section(FINDINGS, ROWS)) if each.shape == "matrix"
    )
    (body,) = matrix.bodies
    cells = [[cell.text for cell in row] for row in body.rows]
    assert cells == [
        ["S1", "–", "40", "none shared"],
        ["S2", "40", "–", "50"],
        ["T1", "none shared", "50", "–"],
    ]
    assert body.rows[0][2].small == "κ −0.05"
    assert body.rows[1][3].shade == pytest.approx(0.5)


def test_gains_over_each_member_stand_in_one_table() -> None:
    first = tables(ensemble_section(FINDINGS, ROWS))[0]
    (body,) = first.bodies
    assert [row[0].text for row in body.rows] == ["over S1", "over S2 (the best)", "over T1"]
    assert body.rows[0][1].text == "+10.0"
    assert body.rows[0][1].small == "[+5.0, +15.0]"
    assert body.rows[2][1].quiet


def test_subsets_stand_in_the_order_of_their_score() -> None:
    found = tables(ensemble_section(FINDINGS, ROWS))
    (table,) = (each for each in found if "subset" in each.caption)
    (body,) = table.bodies
    assert [row[0].text for row in body.rows] == ["S2", "S1 + S2", "S1"]
    assert [cell.text for cell in body.rows[1][1:4]] == ["✓", "✓", "–"]
    assert body.rows[2][4].text == "not defined: no class has support"


def test_of_many_subsets_the_highest_stand_open() -> None:
    many = tuple(subset("S1", "S2", value=0.5 - 0.01 * place) for place in range(20))
    section = ensemble_section(FINDINGS.model_copy(update={"subsets": many}), ROWS)
    shown = [each for each in tables(section) if "subset" in each.caption]
    assert [len(each.bodies[0].rows) for each in shown] == [16, 20]
    bare = ensemble_section(FINDINGS.model_copy(update={"subsets": ()}), ROWS)
    assert not any("subset" in each.caption for each in tables(bare))


def test_numbers_without_interval_or_value_say_so() -> None:
    assert number_cell(None).text == "not given"
    assert number_cell(WithInterval(value=0.5)).small == "no interval"
    assert number_cell(WithInterval(value=0.5, low=0.4, high=0.6)).small == "[40.0, 60.0]"
    assert number_cell(WithInterval(value=None)).text == "not defined: no reason was recorded"


def test_a_single_member_asks_nobody_at_a_tie() -> None:
    table = subsets_table([subset("S1", value=0.5)], MEMBERS, "title")
    assert table.bodies[0].rows[0][-1].text == "–"


def test_the_terminal_says_the_same_as_the_report() -> None:
    frame = pl.DataFrame(
        [
            {
                "quantity": row.quantity,
                "metric": row.metric,
                "system": row.system,
                "value": row.value,
                "low": row.low,
                "high": row.high,
                "level": row.level,
                "unit": row.unit,
            }
            for row in ROWS
        ]
    )
    assert gains_in_words(FINDINGS, frame) == sentences(ensemble_section(FINDINGS, ROWS))


def test_the_section_stands_in_the_report_and_escapes_names() -> None:
    odd = FINDINGS.model_copy(update={"members": ("<b>S1</b>", "S2", "T1")})
    score = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 8}
    inputs = ReportInputs("Demo", RunRecord(verb="ensemble", config={}), pl.DataFrame([score]))
    page = render_report(replace(inputs, ensemble=odd))
    assert "The ensemble" in page
    assert "<b>S1</b>" not in page
    assert "The ensemble" not in render_report(inputs)
    both = render_report([replace(inputs, title="a", ensemble=odd), replace(inputs, title="b")])
    assert "The ensemble: a" in both
    assert "The ensemble" in markdown([ensemble_section(FINDINGS, ROWS)])
