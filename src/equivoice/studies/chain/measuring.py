"""What is measured of the students: scores in both forms, the ablation, transcripts, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from equivoice.corpora import Corpus
from equivoice.evaluation.open_answers import FORMS, Form, read_form
from equivoice.evaluation.trade_off import TrainedRun, trade_off
from equivoice.rationales.ground_run import Grounded, ground_corpora
from equivoice.rationales.precision import PrecisionSettings
from equivoice.store.cache import ArrayCache
from equivoice.studies.chain.answering import Answered, reasons_given
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.explainable.measuring import FormSettings, Measured, measure_forms

__all__ = ["TEACHER", "ablation", "forms_of", "ground_all"]

TEACHER = "the teacher, of training utterances"
METRIC = "macro_f1"


def forms_of(
    answered: Sequence[Answered],
    corpus: Corpus,
    settings: ChainSettings,
    *,
    watch: Callable[[str], None] = lambda _: None,
) -> dict[int, Measured]:
    """Scores of both arms in both forms, seed by seed, with paired differences.

    Args:
        answered: all students.
        corpus: that was asked about.
        settings: of the chain.
        watch: told what is at work.

    Returns:
        by seed: what :func:`~equivoice.studies.explainable.measuring.measure_forms` finds,
        the arm without reasons being the one compared with.
    """
    baseline = list(ARMS)[-1]
    certainty = FormSettings(
        baseline,
        replicates=settings.replicates,
        permutations=settings.permutations,
        level=settings.level,
        seed=settings.seed,
    )
    found = {}
    for seed in settings.seeds:
        own = [each for each in answered if each.student.seed == seed]
        runs = {
            form: [f"{each.student.arm}={each.runs[form].path}" for each in own] for form in FORMS
        }
        watch(f"{corpus.name}: scoring seed {seed}")
        found[seed] = measure_forms(runs, corpus, certainty)
    return found


def ablation(
    answered: Sequence[Answered], reference: pl.DataFrame, corpus: Corpus, settings: ChainSettings
) -> dict[Form, pl.DataFrame]:
    """Score with reasons minus score without, over seeds and speakers, in either form.

    Args:
        answered: all students.
        reference: the test utterances.
        corpus: whose labels hold.
        settings: of the chain.

    Returns:
        by form: ESTIMATES rows ``score`` (of an arm: the mean over its seeds) and
        ``comparison``, as :func:`~equivoice.evaluation.trade_off.trade_off` makes them;
        its gaps are left out.
    """
    found = {}
    for form in FORMS:
        runs = [
            TrainedRun(
                each.student.arm,
                read_form(each.runs[form].predictions(), corpus.label_space, form).predictions,
                each.student.seed,
            )
            for each in sorted(answered, key=lambda each: list(ARMS).index(each.student.arm))
        ]
        rows = trade_off(
            runs,
            _with_columns(reference, corpus),
            label_space=corpus.label_space,
            cell="corpus",
            metric=METRIC,
            replicates=settings.replicates,
            level=settings.level,
            seed=settings.seed,
        )
        wanted = pl.col("quantity").is_in(["score", "comparison"])
        found[form] = rows.filter(wanted, pl.col("class_aggregator").is_null())
    return found


def _with_columns(reference: pl.DataFrame, corpus: Corpus) -> pl.DataFrame:
    missing: Mapping[str, pl.Expr] = {
        "gender": pl.lit(None, pl.String),
        "corpus": pl.lit(corpus.name),
    }
    added = [made.alias(name) for name, made in missing.items() if name not in reference.columns]
    return reference.with_columns(added)


@dataclass(frozen=True)
class _Told:
    system: str
    reasons: pl.DataFrame


def ground_all(
    answered: Sequence[Answered],
    rationales: pl.DataFrame,
    corpus: Corpus,
    settings: ChainSettings,
    *,
    cache: ArrayCache,
    workers: int | None = None,
) -> Grounded:
    """The claims of the teacher and of every student that gives reasons, held against the sound.

    Args:
        answered: all students.
        rationales: what the teacher wrote; what filters dropped takes no part.
        corpus: with the recordings.
        settings: of the chain.
        cache: where measurements are kept.
        workers: processes that measure.
    """
    kept = rationales.filter(status="kept")
    told = [_Told(TEACHER, kept)] + [
        _Told(f"the student, seed {each.student.seed}", reasons_given(each, corpus))
        for each in answered
        if each.student.arm == next(iter(ARMS))
    ]
    reasons = pl.concat(
        [each.reasons.select("utterance_id", "reason", system=pl.lit(each.system)) for each in told]
    )
    return ground_corpora(
        reasons.drop_nulls("reason"),
        [corpus],
        settings=PrecisionSettings(
            (), settings.replicates, settings.shuffles, settings.level, settings.seed
        ),
        cache=cache,
        workers=workers,
    )
