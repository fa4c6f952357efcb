"""The answers of runs, sorted by system, language and modality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from equivoice.errors import InputError
from equivoice.evaluation.described import CorpusDescription, read_descriptions, utterances_of
from equivoice.evaluation.matching import match
from equivoice.records import LabelSpace
from equivoice.store import RunFolder

__all__ = ["BOTH", "MODALITIES", "SPEECH", "Answers", "GapSettings", "read_answers"]

SPEECH: Final = "speech"
BOTH: Final = "speech+transcript"
MODALITIES: Final = (SPEECH, BOTH)
"""The two that are compared, the one without the transcript first."""


@dataclass(frozen=True)
class GapSettings:
    """How the study measures.

    Args:
        attribute: the column whose values are the groups.
        cells: whether gaps are measured in each ``language`` or in each ``corpus``.
        labels: ``same`` refuses corpora with different labels; ``shared`` measures over
            those that all of them have, and counts the utterances of the others. An answer
            that is none of them is wrong.
        replicates: bootstrap replicates.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.
        temperature: the one whose answers count; ``None`` for a system's lowest.
    """

    attribute: str = "gender"
    cells: Literal["language", "corpus"] = "language"
    labels: Literal["same", "shared"] = "same"
    replicates: int = 2_000
    permutations: int = 1_000
    level: float = 0.95
    seed: int = 0
    temperature: float | None = None


@dataclass(frozen=True)
class Answers:
    """What one system answered, by one prompt.

    Args:
        system: its name.
        prompt: the prompt's name; ``None`` for a system that is not asked in words.
        model: the model that the run's record names.
        temperature: the temperature of these answers.
        labels: the labels that answers are read over.
        frame: a row an answer: ``utterance_id``, ``corpus``, ``speaker``, ``cell``,
            ``modality``, ``group``, ``reference`` and ``predicted``.
        left_out: how many answers were left out, by reason.
    """

    system: str
    prompt: str | None
    model: str | None
    temperature: float | None
    labels: LabelSpace
    frame: pl.DataFrame
    left_out: Mapping[str, int]

    @property
    def cells(self) -> tuple[str, ...]:
        """The languages or corpora, in alphabetical order."""
        return tuple(self.frame.get_column("cell").unique().sort())

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, in alphabetical order."""
        return tuple(self.frame.get_column("group").unique().sort())

    @property
    def modalities(self) -> tuple[str, ...]:
        """Which of the two modalities it was asked in."""
        known = set(self.frame.get_column("modality"))
        return tuple(name for name in MODALITIES if name in known)

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora, in alphabetical order."""
        return tuple(self.frame.get_column("corpus").unique().sort())


@dataclass(frozen=True)
class _Part:
    """The answers of one run to one corpus."""

    run: RunFolder
    corpus: CorpusDescription
    said: pl.DataFrame


def read_answers(runs: Sequence[RunFolder], settings: GapSettings) -> list[Answers]:
    """What each system answered by each prompt, over all runs.

    Where a system was asked in both modalities, only utterances with an answer in
    both count, so that the two stand on the same speech.

    Raises:
        InputError: a run without predictions, a system twice on one corpus and modality,
            corpora with different labels, no groups or languages to compare.
    """
    parts = [part for run in runs for part in _parts(run)]
    _refuse_twice(parts)
    labels = _label_space(parts, settings)
    found: dict[tuple[str, str | None], list[_Part]] = {}
    for part in parts:
        keys = part.said.select("system", "prompt").unique(maintain_order=True)
        for key in keys.iter_rows():
            own = part.said.filter(_same("system", key[0]) & _same("prompt", key[1]))
            found.setdefault(key, []).append(_Part(part.run, part.corpus, own))
    return [_answers(key, own, labels, settings) for key, own in found.items()]


def _parts(run: RunFolder) -> Iterator[_Part]:
    predictions, descriptions = run.predictions(), read_descriptions(run)
    if predictions.is_empty() or not descriptions:
        raise InputError(
            "the run holds no predictions of a corpus that it describes",
            file=run.path,
            hint="name the --out of equivoice benchmark, finished",
        )
    asked = predictions.with_columns(
        pl.col("modality").fill_null(SPEECH), system=pl.col("system").fill_null("predictions")
    ).filter(pl.col("modality").is_in(MODALITIES))
    for name, described in descriptions.items():
        known = utterances_of(run, name).select("utterance_id")
        own = asked.join(known, on="utterance_id", how="semi")
        if not own.is_empty():
            yield _Part(run, described, own)


def _refuse_twice(parts: Sequence[_Part]) -> None:
    seen: dict[tuple[str, ...], RunFolder] = {}
    for part in parts:
        asked = part.said.select("system", "prompt", "modality").unique(maintain_order=True)
        for key in [(part.corpus.name, *map(str, row)) for row in asked.iter_rows()]:
            if key in seen:
                raise InputError(
                    f"{key[1]} on {key[0]}, {key[3]}, stands in two runs: {seen[key].path} "
                    f"and {part.run.path}",
                    hint="name each run once, or give the systems different names",
                )
            seen[key] = part.run


def _label_space(parts: Sequence[_Part], settings: GapSettings) -> LabelSpace:
    """The labels of all corpora, or those that all of them share."""
    if not parts:
        raise InputError(
            "no run was asked from speech, alone or with its transcript", hint=_HOW_TO_ASK
        )
    spaces = {part.corpus.name: part.corpus.label_space for part in parts}
    (name, first), *others = spaces.items()
    if settings.labels == "shared":
        common = set(first.names).intersection(*(space.names for _, space in others))
        if len(common) < 2:
            raise InputError(
                f"{', '.join(spaces)} share fewer than two labels", value=sorted(common)
            )
        return LabelSpace("shared", tuple(one for one in first.labels if one.name in common))
    for other, space in others:
        if space.names != first.names:
            raise InputError(
                f"{name} and {other} have different labels: "
                f"{', '.join(first.names)} and {', '.join(space.names)}",
                hint="gaps over other classes are other gaps: --labels shared measures over the "
                "labels that all of them have",
            )
    return first


_NOT_SHARED = "label that not all corpora have"
_HOW_TO_ASK = "equivoice benchmark --modality speech --modality speech+transcript"


def _answers(
    key: tuple[str, str | None], parts: Sequence[_Part], labels: LabelSpace, settings: GapSettings
) -> Answers:
    system, prompt = key
    temperature = _temperature([part.said for part in parts], settings.temperature)
    lost: dict[str, int] = {}
    frames = []
    for part in parts:
        said = part.said.filter(_same("temperature", temperature))
        if said.is_empty():
            continue
        speech = utterances_of(part.run, part.corpus.name)
        matched = match(said, speech, part.corpus.label_space)
        _add(lost, matched.left_out)
        known = matched.frame.filter(pl.col("reference").is_in(labels.names))
        _add(lost, {_NOT_SHARED: matched.frame.height - known.height})
        known = known.with_columns(corpus=pl.lit(part.corpus.name))
        frames.append(_sorted_by(known, settings, part))
    whole = pl.concat(frames, how="vertical_relaxed")
    for column, why in (("group", settings.attribute), ("cell", settings.cells)):
        kept = whole.filter(pl.col(column).is_not_null())
        _add(lost, {f"{why} unknown": whole.height - kept.height})
        whole = kept
    paired = _answered_in_both(whole)
    _add(lost, {"utterance without an answer in both modalities": whole.height - paired.height})
    models = {part.run.record.generation.get(system, {}).get("model") for part in parts} - {None}
    model = str(models.pop()) if len(models) == 1 else None
    made = Answers(system, prompt, model, temperature, labels, paired, lost)
    _check_comparable(made, settings)
    return made


def _sorted_by(frame: pl.DataFrame, settings: GapSettings, part: _Part) -> pl.DataFrame:
    if settings.attribute not in frame.columns:
        known = [name for name in frame.columns if frame.get_column(name).dtype == pl.String]
        raise InputError(
            "the utterances have no such attribute",
            file=part.run.path,
            value=settings.attribute,
            choices=known,
        )
    return frame.select(
        *("utterance_id", "corpus", "speaker", "modality", "reference", "predicted"),
        group=pl.col(settings.attribute).cast(pl.String),
        cell=pl.col(settings.cells).cast(pl.String),
    )


def _answered_in_both(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of utterances that were answered in every modality that there is."""
    wanted = frame.get_column("modality").n_unique()
    return frame.filter(pl.col("modality").n_unique().over("utterance_id") == wanted)


def _check_comparable(made: Answers, settings: GapSettings) -> None:
    where = f"{made.system}: "
    if made.frame.is_empty():
        raise InputError(
            f"{where}no answer can be compared: "
            + ", ".join(f"{count} {why}" for why, count in made.left_out.items() if count),
            hint="the corpora need the language, and the gender of speakers",
        )
    if len(made.groups) < 2:
        raise InputError(
            f"{where}only one group",
            column=settings.attribute,
            value=made.groups[0],
            hint="a gap needs two",
        )


def _temperature(frames: Sequence[pl.DataFrame], wanted: float | None) -> float | None:
    """The lowest, or the nearest to the one that is asked for; ``None`` where there is none."""
    given = pl.concat([frame.get_column("temperature") for frame in frames]).drop_nulls()
    if given.is_empty():
        return None
    known = [float(each) for each in given.unique()]
    return min(known) if wanted is None else min(known, key=lambda each: abs(each - wanted))


def _same(column: str, value: object) -> pl.Expr:
    return pl.col(column).eq_missing(pl.lit(value))


def _add(counts: dict[str, int], further: Mapping[str, int]) -> None:
    for why, number in further.items():
        if number:
            counts[why] = counts.get(why, 0) + number
