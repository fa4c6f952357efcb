"""``ensemble``: several systems' predictions combined, and what that gains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.errors import ConfigError
from equivoice.evaluation.ensemble.agreement import oracle_scores, pairs_of_members, right
from equivoice.evaluation.ensemble.gathering import (
    Gathered,
    Reference,
    find_reference,
    gather,
    labels_of_reference,
    truth_of,
)
from equivoice.evaluation.ensemble.learning import (
    common_folds,
    member_scores,
    refuse_tested,
    stacked_across,
    stacked_from,
)
from equivoice.evaluation.ensemble.members import Given, Member, Source, read_sources
from equivoice.evaluation.ensemble.ruling import NAMES, Rules, check_methods, labels_of, rule
from equivoice.evaluation.ensemble.subsets import MOST_MEMBERS, subset_scores
from equivoice.evaluation.ensemble.voting import Ruling, decide
from equivoice.evaluation.paired import compare_predictions
from equivoice.evaluation.score import score
from equivoice.records import PREDICTIONS, EnsembleFindings, LabelSpace, SubsetOfMembers

__all__ = [
    "LEARN_FROM",
    "Combined",
    "EnsembleSettings",
    "combine",
    "ensemble_settings",
]

LEARN_FROM = ("validation", "folds")


@dataclass(frozen=True)
class EnsembleSettings:
    """How votes are combined and scored; see :func:`~equivoice.evaluation.ensemble`."""

    method: tuple[str, ...] = ("majority",)
    tie: str = "among_tied"
    breaker: tuple[str, ...] = ()
    weights: Mapping[str, float] | None = None
    learn_from: str = "validation"
    utterances: str = "same"
    corpus: str | None = None
    balanced: int | bool = False
    group_by: tuple[str, ...] = ()
    subsets: bool = True
    convention: str = "equivoice"
    replicates: int = 10_000
    permutations: int = 2_000
    level: float = 0.95
    seed: int = 0

    def check(self) -> None:
        """See that the choices exist.

        Raises:
            ConfigError: an unknown method, tie rule or source to learn from.
        """
        check_methods(self.method, self.tie)
        if self.learn_from not in LEARN_FROM:
            raise ConfigError(
                "learn_from: no such choice", value=self.learn_from, choices=LEARN_FROM
            )

    @property
    def certainty(self) -> dict[str, Any]:
        """How intervals of tables beside the scores are made."""
        return {
            "convention": self.convention,
            "replicates": self.replicates,
            "level": self.level,
            "seed": self.seed,
        }


def ensemble_settings(given: Mapping[str, Any]) -> EnsembleSettings:
    """Settings by name; one text stands for a list of one.

    Raises:
        ConfigError: there is no such setting.
    """
    known = EnsembleSettings.__dataclass_fields__
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ConfigError("no such setting", value=unknown[0], choices=known)
    texts = ("method", "breaker", "group_by")
    tuples = {
        name: (value,) if isinstance(value, str) else tuple(value)
        for name, value in given.items()
        if name in texts
    }
    return EnsembleSettings(**{**given, **tuples})


@dataclass(frozen=True)
class Combined:
    """What came out.

    Args:
        predictions: those of the ensembles, then those of the members that took part.
        estimates: scores of all of them, and each ensemble minus each member.
        findings: ties, agreement, oracle, subsets.
        reference: what all was held against.
        utterances: what was scored.
        left_out: what took no part, by reason.
        notes: what a reader must know.
        sources: where the members come from.
    """

    predictions: pl.DataFrame
    estimates: pl.DataFrame
    findings: EnsembleFindings
    reference: Reference
    utterances: pl.DataFrame
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    sources: tuple[Source, ...]


def combine(
    members: Sequence[Given] | Mapping[str, Given],
    reference: str | Path | Corpus | pl.DataFrame | None,
    validation: Sequence[Given] | Mapping[str, Given],
    settings: EnsembleSettings,
) -> Combined:
    """Read, vote, score; nothing is written."""
    settings.check()
    if isinstance(reference, (str, Path)):
        reference = load_corpus(reference)
    sources = read_sources(members, labels_of_reference(reference))
    held = find_reference(sources, reference, settings.corpus)
    tested = gather(
        [member for source in sources for member in source.members],
        held,
        utterances=settings.utterances,
        balanced=settings.balanced,
        seed=settings.seed,
    )
    known = _validation(validation, reference, settings, held.labels)
    notes = [] if known is None else refuse_tested(known, tested)
    order = member_scores(tested if known is None else known, held.labels)
    names = tuple(member.name for member in tested.members)
    rules = _rules(settings, names, None if known is None else order)
    rulings, learnt = _rulings(tested, known, rules, settings)
    predictions = _table(tested, rulings, held.labels, notes)
    estimates = _estimates(predictions, tested, rulings, held.labels, settings)
    best = max(names, key=lambda name: order[name])
    told = {"best_member": best, "best_by": _chosen_on(known is not None), "learnt_from": learnt}
    findings = _findings(tested, rulings, rules, settings, told)
    if settings.subsets and not findings.subsets:
        notes.append(_no_subsets(settings, len(names)))
    return Combined(
        predictions,
        estimates,
        findings,
        held,
        tested.utterances,
        tested.left_out,
        tuple(notes),
        tuple(sources),
    )


# ---------------------------------------------------------------------------- reading


def _validation(
    given: Sequence[Given] | Mapping[str, Given],
    reference: str | Path | Corpus | pl.DataFrame | None,
    settings: EnsembleSettings,
    labels: LabelSpace,
) -> Gathered | None:
    """The validation votes, over the labels of what is scored."""
    if not given:
        return None
    sources = read_sources(given, labels)
    held = replace(find_reference(sources, reference, settings.corpus), labels=labels)
    members = [member for source in sources for member in source.members]
    return gather(members, held, utterances=settings.utterances)


# ----------------------------------------------------------------------------- voting


def _rules(
    settings: EnsembleSettings, names: Sequence[str], scores: Mapping[str, float] | None
) -> Rules:
    """Whom to ask at a tie: those named, then by score on validation, else as given."""
    for what, given in (("breaker", settings.breaker), ("weight", settings.weights or {})):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ConfigError(
                f"{what}: no such member of the ensemble", value=unknown[0], choices=names
            )
    rest = list(names) if scores is None else sorted(names, key=lambda name: -scores[name])
    preference = tuple(dict.fromkeys((*settings.breaker, *rest)))
    weights = settings.weights
    if weights is None and "weighted" in settings.method:
        if scores is None:
            raise ConfigError(
                "a weighted vote needs weights",
                hint="give --weight MEMBER=NUMBER, or validation predictions with --validation",
            )
        weights = {name: max(scores[name], 1e-6) for name in names}
    return Rules(settings.tie, preference, weights or {}, settings.seed)


def _rulings(
    tested: Gathered, known: Gathered | None, rules: Rules, settings: EnsembleSettings
) -> tuple[dict[str, Ruling], str]:
    """What each method decides, and what was learnt from."""
    told = []
    if "weighted" in settings.method and settings.weights is None:
        told.append("Members weigh by their macro-F1 on the validation part.")
    made: dict[str, Ruling] = {}
    for method in settings.method:
        if method != "stacking":
            plain = method == "soft" and settings.weights is None
            own = Rules(rules.tie, rules.preference, {}, rules.seed) if plain else rules
            made[method] = rule(tested.ballots, method, own)
            continue
        if settings.learn_from == "folds":
            learnt = stacked_across(tested, seed=settings.seed)
        elif known is None:
            raise ConfigError(
                "stacking needs something to learn from",
                hint="give validation predictions with --validation, or --learn-from folds",
            )
        else:
            learnt = stacked_from(known, tested.ballots)
        told.append(learnt.source)
        made[method] = decide(
            tested.ballots,
            learnt.shares,
            tie=rules.tie,
            preference=rules.preference,
            seed=rules.seed,
        )
    return made, " ".join(told)


# ----------------------------------------------------------------------------- tables


def _table(
    tested: Gathered, rulings: Mapping[str, Ruling], labels: LabelSpace, notes: list[str]
) -> pl.DataFrame:
    folds = common_folds(tested)
    parts = [
        _predictions(NAMES[method], ruling, tested, labels, folds)
        for method, ruling in rulings.items()
    ]
    clash = [name for name in tested.ballots.members if name in NAMES.values()]
    if clash:
        raise ConfigError(
            "a member has the name of an ensemble",
            value=clash[0],
            hint="give it another: NAME=RUN#SYSTEM",
        )
    if None in folds.values() and any(value is not None for value in folds.values()):
        notes.append("The members were tested in different folds, so there is no score by fold.")
    parts += [_of_member(member) for member in tested.members]
    return PREDICTIONS.validate(pl.concat(parts, how="diagonal_relaxed"))


def _predictions(
    name: str,
    ruling: Ruling,
    tested: Gathered,
    labels: LabelSpace,
    folds: Mapping[str, str | None],
) -> pl.DataFrame:
    said = labels_of(ruling, labels)
    whole = None not in folds.values()
    rows = {
        "utterance_id": list(tested.ballots.utterance_ids),
        "system": name,
        "fold": [folds[each] if whole else None for each in tested.ballots.utterance_ids],
        "modality": _modality(tested),
        "label_space": labels.id,
        "status": ["unparsed" if label is None else "parsed" for label in said],
        "emotion": said,
        "probabilities": [
            row.tolist() if np.isfinite(row).all() else None for row in ruling.shares
        ],
        "reason": [f"tie, decided by {by}" if by else None for by in ruling.decided_by],
    }
    types = {column: PREDICTIONS.column(column).dtype for column in rows}
    return pl.DataFrame(rows, schema=types)


def _modality(tested: Gathered) -> str | None:
    """What the members were given, where all were given the same."""
    given = {
        each for member in tested.members for each in member.predictions.get_column("modality")
    }
    return given.pop() if len(given) == 1 else None


def _of_member(member: Member) -> pl.DataFrame:
    """A member under its name in the ensemble; its conditions stand in that name."""
    return member.predictions.with_columns(
        system=pl.lit(member.name),
        prompt=pl.lit(None, dtype=pl.String),
        options=pl.lit(None, dtype=pl.List(pl.String)),
        temperature=pl.lit(None, dtype=pl.Float64),
        run=pl.lit(None, dtype=pl.Int64),
    )


def _estimates(
    predictions: pl.DataFrame,
    tested: Gathered,
    rulings: Mapping[str, Ruling],
    labels: LabelSpace,
    settings: EnsembleSettings,
) -> pl.DataFrame:
    scores = score(
        predictions,
        tested.utterances,
        label_space=labels,
        group_by=settings.group_by,
        permutations=settings.permutations,
        **settings.certainty,
    ).estimates
    gains = [
        compare_predictions(
            predictions.filter(system=NAMES[method]),
            predictions.filter(system=name),
            tested.utterances,
            names=(NAMES[method], name),
            label_space=labels,
            group_by=settings.group_by,
            permutations=settings.permutations,
            **settings.certainty,
        )
        for method in rulings
        for name in tested.ballots.members
    ]
    return pl.concat([scores, *gains], how="diagonal_relaxed")


def _findings(
    tested: Gathered,
    rulings: Mapping[str, Ruling],
    rules: Rules,
    settings: EnsembleSettings,
    told: Mapping[str, str],
) -> EnsembleFindings:
    ballots, utterances = tested.ballots, tested.utterances
    truth = truth_of(utterances, ballots.labels)
    hits = right(ballots, truth)
    certainty = settings.certainty
    plain = {name: value for name, value in certainty.items() if name != "convention"}
    subsets: tuple[SubsetOfMembers, ...] = ()
    first = settings.method[0]
    if settings.subsets and first != "stacking" and len(ballots.members) <= MOST_MEMBERS:
        subsets = subset_scores(ballots, utterances, method=first, rules=rules, certainty=certainty)
    return EnsembleFindings(
        ensembles=tuple(NAMES[method] for method in rulings),
        members=ballots.members,
        tie=rules.tie,
        preference=rules.preference,
        weights=dict(_weighed(settings, rules, ballots.members)),
        **told,
        ties={NAMES[method]: _ties(ruling) for method, ruling in rulings.items()},
        pairs=pairs_of_members(ballots, truth, utterances, certainty=plain),
        subsets=subsets,
        oracle=oracle_scores(
            ballots, truth, utterances, fallback=rules.preference, certainty=certainty
        ),
        all_right=float((hits | ~ballots.present).all(axis=1).mean()),
        none_right=float((~hits).all(axis=1).mean()),
    )


def _weighed(
    settings: EnsembleSettings, rules: Rules, members: Sequence[str]
) -> Iterator[tuple[str, dict[str, float]]]:
    for method in settings.method:
        if method == "weighted" or (method == "soft" and settings.weights is not None):
            weights = rules.weighing(members).tolist()
            yield NAMES[method], dict(zip(members, weights, strict=True))


def _ties(ruling: Ruling) -> dict[str, int]:
    decided = [by for by in ruling.decided_by if by]
    return {by: decided.count(by) for by in sorted(set(decided))}


def _chosen_on(validated: bool) -> str:
    if validated:
        return "highest macro-F1 on the validation predictions"
    return (
        "highest macro-F1 on the very utterances that are scored, which makes the gain over "
        "it look smaller, if anything"
    )


def _no_subsets(settings: EnsembleSettings, members: int) -> str:
    if settings.method[0] == "stacking":
        return "Subsets are scored for votes, not for stacking."
    return f"{members} members have too many subsets to score each (at most {MOST_MEMBERS})."
