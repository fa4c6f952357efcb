"""Named sets of rules by which a benchmark turns answers into numbers.

Papers and their released code differ in rules that they do not state; a
convention states them. Ours is the default, the others exist to reproduce
and to compare, and a report always says which one was used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from equivoice.errors import ConfigError
from equivoice.metrics import Unparsed, ZeroSupport

__all__ = ["CONVENTIONS", "Convention", "convention"]


@dataclass(frozen=True)
class Convention:
    """One set of rules.

    Args:
        name: how it is asked for.
        unparsed_in_scores: what an unparsed answer counts as in scores.
        unparsed_in_gaps: and what in gaps between groups.
        zero_support: what a class without references does to macro averages.
        overall_accuracy: which reading of overall accuracy equality:
            ``accuracy`` (FairALM Eq. 3) or ``recall_sum`` (the released code
            and the published tables; range 0 to K).
        pooling: ``utterances`` pools the test sets of all folds and runs into one
            table; ``folds`` averages the values of folds and runs.
        single_group: what statistical parity is in a fold with one group only:
            ``undefined``, or ``zero`` as in FairALM's code.
        source: where the rules come from.
    """

    name: str
    unparsed_in_scores: Unparsed
    unparsed_in_gaps: Unparsed
    zero_support: ZeroSupport
    overall_accuracy: Literal["accuracy", "recall_sum"]
    pooling: Literal["utterances", "folds"]
    single_group: Literal["undefined", "zero"]
    source: str


CONVENTIONS = {
    rules.name: rules
    for rules in (
        Convention(
            "equivoice",
            "wrong",
            "wrong",
            "exclude",
            "accuracy",
            "utterances",
            "undefined",
            "DESIGN.md, section 3",
        ),
        Convention(
            "fairalm_paper",
            "wrong",
            "wrong",
            "present",
            "accuracy",
            "folds",
            "undefined",
            "D'Asaro et al. 2026, Eqs. 1-6",
        ),
        Convention(
            "fairalm_code",
            "extra_class",
            "drop",
            "present",
            "recall_sum",
            "folds",
            "zero",
            "released code of D'Asaro et al. 2026",
        ),
    )
}


def convention(name: str, *, unparsed: Unparsed | None = None) -> Convention:
    """The convention of this name.

    Args:
        name: one of :data:`CONVENTIONS`.
        unparsed: what unparsed answers count as, in scores and gaps alike, where
            that is to differ from the convention; its name then says so.

    Raises:
        ConfigError: there is none, or no such policy; names the choices.

    Example:
        >>> convention("fairalm_code").overall_accuracy
        'recall_sum'
        >>> convention("equivoice", unparsed="drop").name
        'equivoice, unparsed=drop'
    """
    if name not in CONVENTIONS:
        raise ConfigError("unknown convention", value=name, choices=CONVENTIONS)
    rules = CONVENTIONS[name]
    if unparsed is None:
        return rules
    if unparsed not in get_args(Unparsed):
        raise ConfigError("unknown policy for unparsed", value=unparsed, choices=get_args(Unparsed))
    return replace(
        rules,
        name=f"{name}, unparsed={unparsed}",
        unparsed_in_scores=unparsed,
        unparsed_in_gaps=unparsed,
    )
