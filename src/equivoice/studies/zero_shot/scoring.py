"""The answers of a run, read and scored by our rules and by the published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from equivoice.errors import InputError
from equivoice.evaluation import score
from equivoice.evaluation.described import CorpusDescription, read_descriptions
from equivoice.prompting import reread
from equivoice.store import RunFolder

__all__ = [
    "CONVENTIONS",
    "OURS",
    "PARSERS",
    "AuditSettings",
    "Scored",
    "groupings_of",
    "score_runs",
]

OURS = "equivoice"
CONVENTIONS = (OURS, "fairalm_paper", "fairalm_code")
"""Each names both how answers are read and how they are scored."""

PARSERS = ("exact", "fairalm_code", "fairalm_paper", OURS)
"""The ways of reading of Table III: the first without any repair."""

_AGES = "age[25,33,46]"
_ATTRIBUTES = ("gender", "age", "ethnicity", "race")
_SUFFIXES = ("/options", "/expected")


@dataclass(frozen=True)
class AuditSettings:
    """How the study scores.

    Args:
        replicates: bootstrap replicates.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.
        temperature: the one that Tables II to IV stand at; ``None`` for the lowest.
        select_on_test: take the temperature with the best macro-F1 on the test data instead.
    """

    replicates: int = 2_000
    permutations: int = 1_000
    level: float = 0.95
    seed: int = 0
    temperature: float | None = None
    select_on_test: bool = False


@dataclass(frozen=True)
class Scored:
    """What was scored.

    Args:
        estimates: an ESTIMATES table over all conventions, which the column
            ``convention`` tells apart.
        parsers: an ESTIMATES table of scores, with the further columns ``parser`` (how
            answers were read) and ``convention`` (how they were scored).
        speech: the utterances, corpus by corpus.
        models: from a system to the model that its record names.
        descriptions: the corpora.
        runs: where it all comes from.
        left_out: what was left out, and how many.
    """

    estimates: pl.DataFrame
    parsers: pl.DataFrame
    speech: Mapping[str, pl.DataFrame]
    models: Mapping[str, str]
    descriptions: Mapping[str, CorpusDescription]
    runs: tuple[RunFolder, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


def score_runs(
    runs: Sequence[RunFolder],
    settings: AuditSettings,
    *,
    watch: Callable[[str], None] = lambda _: None,
) -> Scored:
    """Read and score the answers of runs by every convention.

    Args:
        runs: made by ``benchmark``; a system may stand in one of them only.
        settings: how to score.
        watch: is told what is at work.

    Raises:
        InputError: a run without predictions or corpora, or one system on one corpus
            in two runs.
    """
    _refuse_twice(runs)
    estimates: list[pl.DataFrame] = []
    parsers: list[pl.DataFrame] = []
    speech: dict[str, pl.DataFrame] = {}
    descriptions: dict[str, CorpusDescription] = {}
    left_out: dict[str, int] = {}
    for run in runs:
        for name, said, own, described in _parts(run):
            watch(f"{run.path.name}: {name}")
            made, lost = _by_conventions(said, own, described, settings)
            estimates += [made, _stored(run, name)]
            parsers.append(_by_parsers(said, own, described, settings))
            left_out |= {f"{name}: {why}": number for why, number in lost.items()}
            descriptions[name] = described
            speech[name] = pl.concat(
                [*([speech[name]] if name in speech else []), own], how="diagonal_relaxed"
            ).unique("utterance_id", maintain_order=True)
    whole = pl.concat([frame for frame in estimates if frame.height], how="diagonal_relaxed")
    models = {name: model for run in runs for name, model in _models(run)}
    return Scored(
        whole,
        pl.concat([frame for frame in parsers if frame.height] or parsers, how="diagonal_relaxed"),
        speech,
        models,
        descriptions,
        tuple(runs),
        left_out,
    )


def groupings_of(speech: pl.DataFrame) -> list[str]:
    """The attributes of the paper that a corpus records, with more than one value.

    Age is cut as the paper cuts it on CREMA-D.

    Example:
        >>> table = pl.DataFrame({"gender": ["female", "male"], "age": [20.0, 50.0], "race": ["a", "a"]})
        >>> groupings_of(table)
        ['gender', 'age[25,33,46]']
    """
    found = [
        name
        for name in _ATTRIBUTES
        if name in speech.columns and speech.get_column(name).drop_nulls().n_unique() > 1
    ]
    return [_AGES if name == "age" else name for name in found]


def in_words(predictions: pl.DataFrame) -> pl.DataFrame:
    """The predictions of systems that answered in words."""
    return predictions.filter(pl.col("response").is_not_null().any().over("system"))


def _parts(
    run: RunFolder,
) -> Iterable[tuple[str, pl.DataFrame, pl.DataFrame, CorpusDescription]]:
    """The corpora of a run: name, predictions, utterances, description."""
    predictions, utterances = run.predictions(), run.utterances()
    descriptions = read_descriptions(run)
    if predictions.is_empty() or not descriptions:
        raise InputError(
            "the run holds no predictions of a corpus that it describes",
            file=run.path,
            hint="name the --out of equivoice benchmark, finished",
        )
    for name, described in descriptions.items():
        own = utterances.filter(pl.col("corpus") == name)
        yield (
            name,
            predictions.join(own.select("utterance_id"), on="utterance_id", how="semi"),
            own,
            described,
        )


def _by_conventions(
    said: pl.DataFrame, speech: pl.DataFrame, described: CorpusDescription, settings: AuditSettings
) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """Ours with intervals and tests; the published ones average folds and runs, and have none."""
    space = described.label_space
    shared: dict[str, Any] = {"label_space": space, "group_by": groupings_of(speech)}
    ours = score(
        _read_again(said, described, OURS),
        speech,
        replicates=settings.replicates,
        permutations=settings.permutations,
        level=settings.level,
        seed=settings.seed,
        **shared,
    )
    frames = [ours.estimates]
    plain = said.filter(~pl.col("system").fill_null("").str.ends_with(_SUFFIXES[0]))
    for convention in CONVENTIONS[1:]:
        again = _read_again(plain, described, convention)
        scores = score(again, speech, convention=convention, replicates=0, **shared)
        frames.append(_short(scores.estimates))
    return pl.concat(frames, how="diagonal_relaxed"), ours.left_out


def _read_again(said: pl.DataFrame, described: CorpusDescription, convention: str) -> pl.DataFrame:
    read = reread(said, described.label_space, convention=convention)
    return said.with_columns(read.get_column("status"), read.get_column("emotion"))


def _short(estimates: pl.DataFrame) -> pl.DataFrame:
    """What the tables need of the published conventions."""
    return estimates.filter(pl.col("quantity").is_in(["score", "gap"]) & pl.col("class").is_null())


def _stored(run: RunFolder, corpus: str) -> pl.DataFrame:
    """Estimates that only the run holds: those of expected confusion tables."""
    estimates = run.estimates()
    if estimates.is_empty() or "system" not in estimates.columns:
        return estimates.clear()
    own = (pl.col("corpus") == corpus) & pl.col("system").str.ends_with(_SUFFIXES[1])
    return estimates.filter(own)


def _by_parsers(
    said: pl.DataFrame, speech: pl.DataFrame, described: CorpusDescription, settings: AuditSettings
) -> pl.DataFrame:
    """Macro-F1 and coverage of the same answers, read in every way, scored in two."""
    words = in_words(said)
    if words.is_empty():
        return pl.DataFrame()
    frames = []
    for parser in PARSERS:
        read = _read_again(words, described, parser)
        for convention in (OURS, "fairalm_code"):
            scores = score(
                read,
                speech,
                label_space=described.label_space,
                convention=convention,
                replicates=settings.replicates if convention == OURS else 0,
                level=settings.level,
                seed=settings.seed,
            )
            kept = scores.estimates.filter(
                pl.col("metric").is_in(["macro_f1", "coverage"])
                & (pl.col("quantity") == "score")
                & pl.col("class").is_null()
            )
            frames.append(kept.with_columns(parser=pl.lit(parser)))
    return pl.concat(frames, how="diagonal_relaxed")


def _models(run: RunFolder) -> Iterable[tuple[str, str]]:
    for system, described in run.record.generation.items():
        if described.get("model"):
            yield system, str(described["model"])


def _refuse_twice(runs: Sequence[RunFolder]) -> None:
    seen: dict[tuple[str, str], RunFolder] = {}
    for run in runs:
        systems = run.predictions().get_column("system").drop_nulls().unique().sort()
        for key in [(corpus, name) for corpus in read_descriptions(run) for name in systems]:
            if key in seen:
                raise InputError(
                    f"{key[1]} on {key[0]} stands in two runs: {seen[key].path} and {run.path}",
                    hint="name each run once, or give the systems different names",
                )
            seen[key] = run
