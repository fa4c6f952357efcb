"""``compare``: two systems on the same utterances, paired, with speakers as the unit.

Differences are taken utterance by utterance, so what is hard for both systems
cancels. That only holds where both were asked about the same utterances;
different test sets are refused unless the caller asks for their common part.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.described import (
    CorpusDescription,
    read_descriptions,
    save_descriptions,
    utterances_of,
)
from equivoice.evaluation.paired import compare_predictions
from equivoice.evaluation.run_votes import GIVEN, HeldAgainst, held_against, reference_of
from equivoice.inference import seed_for
from equivoice.store import RunFolder
from equivoice.store.provenance import begun_record, hash_file, now

__all__ = ["Comparison", "References", "Tests", "compare"]

Tests = Literal["same", "common"]
References = Literal["same", "given", "first"]
_TABLES = ("predictions.parquet", "utterances.parquet", "votes.parquet")


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Args:
        estimates: an ESTIMATES table with rows of quantity ``comparison``; ``system``
            is ``A − B`` and ``value`` is A's metric minus B's.
        left_out: how many utterances took no part, by reason.
        notes: what a reader must know.
        folder: where it was stored, where it was.
    """

    estimates: pl.DataFrame
    left_out: dict[str, int]
    notes: tuple[str, ...]
    folder: RunFolder | None = None


@dataclass(frozen=True)
class _Side:
    """One system of one run: what it is called, and its predictions."""

    name: str
    predictions: pl.DataFrame
    run: RunFolder


def compare(
    run_a: str | Path,
    run_b: str | Path | None = None,
    *,
    out: str | Path | None = None,
    tests: Tests = "same",
    references: References = "same",
    group_by: Sequence[str] = (),
    convention: str = "equivoice",
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
    overwrite: bool = False,
    command: str = "",
) -> Comparison:
    """Compare the systems of two runs, or the systems of one run with each other.

    Each system of the first run is compared with each of the second, corpus by
    corpus, by paired tests over speakers.

    Args:
        run_a: a finished run folder.
        run_b: another one; where it is ``None``, the systems of ``run_a`` are
            compared with each other.
        out: where to store the comparison as a run folder of its own.
        tests: ``same`` refuses runs that were tested on different utterances;
            ``common`` compares on those that both have and counts the others.
        references: ``same`` refuses runs that were scored against different references
            (labels as given, or labels by a rule on the votes of a channel); ``given``
            compares both against the labels given, ``first`` against those of the first run.
        group_by: groupings within which the systems are compared as well.
        convention: the rules that scores follow.
        replicates: bootstrap replicates.
        permutations: arrangements of the permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.
        overwrite: replace what stands in ``out``.
        command: the command line as typed, for the record.

    Raises:
        InputError: no run in a folder, an unfinished run, different reference
            labels or label spaces, no utterance or no pair of systems to compare.
        ConfigError: different test sets, and ``tests`` is ``same``; different
            references, and ``references`` is ``same``.
        StorageError: ``out`` cannot be written to.
    """
    runs = [_finished_run(Path(run)) for run in (run_a, run_b) if run is not None]
    _refuse_own_folder(runs, out)
    settings: dict[str, Any] = {
        "group_by": list(group_by),
        "convention": convention,
        "replicates": replicates,
        "permutations": permutations,
        "level": level,
    }
    left_out: dict[str, int] = {}
    tables = []
    held = _common_reference(runs, references)
    for left, right in _pairs(runs):
        for corpus in _common_corpora(left.run, right.run):
            labels = _references(left.run, right.run, corpus, held, references)
            left_out |= _without_label(left.run, labels[0], corpus.name, held)
            a, b, reference = _paired(left, right, labels, corpus.name, tests, left_out)
            part_seed = seed_for(seed, "compare", left.name, right.name, corpus.name)
            table = compare_predictions(
                a,
                b,
                reference,
                names=(left.name, right.name),
                label_space=corpus.label_space,
                held_against=held.rule,
                seed=part_seed,
                **settings,
            )
            tables.append(table)
    notes = _notes(runs)
    if references != "same":
        notes = (*notes, f"By --references {references} both are held against {held}.")
    comparison = Comparison(pl.concat(tables), left_out, notes)
    if out is None:
        return comparison
    config = {
        "runs": [str(run.path.absolute()) for run in runs],
        "tests": tests,
        "references": references,
    }
    config |= settings
    return _stored(comparison, runs, Path(out), config, seed, overwrite=overwrite, command=command)


def _refuse_own_folder(runs: Sequence[RunFolder], out: str | Path | None) -> None:
    if out is not None and Path(out).resolve() in {run.path.resolve() for run in runs}:
        raise ConfigError(f"{out} is one of the runs to compare", hint="give another --out")


def _finished_run(path: Path) -> RunFolder:
    run = RunFolder.read(path)
    nobody = run.predictions().is_empty()
    if nobody and run.record.finished is not None and not run.votes().is_empty():
        raise InputError(
            "the run holds listeners and no system", file=path, hint="score predictions as well"
        )
    if nobody or run.record.finished is None:
        raise InputError(
            "the run is not finished", file=path, hint="run its benchmark again: it goes on"
        )
    return run


def _pairs(runs: Sequence[RunFolder]) -> list[tuple[_Side, _Side]]:
    sides = [_sides(run) for run in runs]
    pairs = list(
        itertools.combinations(sides[0], 2) if len(runs) == 1 else itertools.product(*sides)
    )
    if not pairs:
        raise InputError(
            "the run holds one system, and a comparison needs two",
            file=runs[0].path,
            hint="name a second run",
        )
    return [(_named(a, b), _named(b, a)) for a, b in pairs]


def _sides(run: RunFolder) -> list[_Side]:
    predictions = run.predictions()
    names = predictions.get_column("system").unique().sort().to_list()
    return [_Side(name, predictions.filter(pl.col("system") == name), run) for name in names]


def _named(side: _Side, other: _Side) -> _Side:
    """A system with the name it has in the comparison: its run's too, where both are called alike."""
    if side.name != other.name:
        return side
    name = f"{side.name} ({side.run.path.absolute().name})"
    if side.run.path.absolute().name == other.run.path.absolute().name:
        name = f"{side.name} ({side.run.path})"
    return _Side(name, side.predictions, side.run)


def _common_corpora(run_a: RunFolder, run_b: RunFolder) -> Iterator[CorpusDescription]:
    known_a, known_b = read_descriptions(run_a), read_descriptions(run_b)
    common = [name for name in known_a if name in known_b]
    if not common:
        raise InputError(
            f"{run_a.path} and {run_b.path} have no corpus in common: "
            f"{', '.join(known_a) or 'none'} in the first, {', '.join(known_b) or 'none'} in the second"
        )
    for name in common:
        a, b = known_a[name].label_space, known_b[name].label_space
        if a.names != b.names:
            raise InputError(
                f"the runs score {name} with different labels: "
                f"{', '.join(a.names)} and {', '.join(b.names)}"
            )
        yield known_a[name]


def _common_reference(runs: Sequence[RunFolder], references: References) -> HeldAgainst:
    """What both runs are held against."""
    if references == "given":
        return GIVEN
    held = [held_against(run) for run in runs]
    if references == "same" and held[0] != held[-1]:
        raise ConfigError(
            f"the runs were scored against different references: {held[0]} in {runs[0].path}, "
            f"{held[-1]} in {runs[-1].path}",
            hint="--references given compares both against the labels given, "
            "--references first against those of the first run",
        )
    return held[0]


def _references(
    first: RunFolder,
    second: RunFolder,
    corpus: CorpusDescription,
    held: HeldAgainst,
    references: References,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The labels that the predictions of either run are held against."""
    own = reference_of(first, corpus, held)
    if references != "first":
        return own, reference_of(second, corpus, held)
    return own, own.join(second.utterances(), on="utterance_id", how="semi")


def _without_label(
    run: RunFolder, labels: pl.DataFrame, corpus: str, held: HeldAgainst
) -> dict[str, int]:
    """How many utterances take no part because the rule gives them no label."""
    asked = utterances_of(run, corpus).height
    lost = asked - labels.height if held != GIVEN else 0
    return {f"{corpus}: no label by {held.rule}": lost} if lost else {}


def _paired(
    left: _Side,
    right: _Side,
    labels: tuple[pl.DataFrame, pl.DataFrame],
    corpus: str,
    tests: Tests,
    left_out: dict[str, int],
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Both systems' predictions on the utterances that both were asked about."""
    reference_a, reference_b = labels
    a = left.predictions.join(reference_a, on="utterance_id", how="semi")
    b = right.predictions.join(reference_b, on="utterance_id", how="semi")
    ids_a, ids_b = (set(table.get_column("utterance_id")) for table in (a, b))
    if tests == "same":
        _refuse_different_tests(ids_a, ids_b, corpus)
    common = ids_a & ids_b
    if not common:
        raise InputError(f"no utterance of {corpus} was tested in both runs")
    for side, ids in ((left, ids_a), (right, ids_b)):
        if ids - common:
            left_out[f"{corpus}: tested for {side.name} only"] = len(ids - common)
    reference = reference_a.filter(pl.col("utterance_id").is_in(sorted(common)))
    _refuse_different_labels(reference, reference_b, corpus)
    keep = reference.select("utterance_id")
    return (
        a.join(keep, on="utterance_id", how="semi"),
        b.join(keep, on="utterance_id", how="semi"),
        reference,
    )


def _refuse_different_tests(ids_a: set[str], ids_b: set[str], corpus: str) -> None:
    if ids_a == ids_b:
        return
    raise ConfigError(
        f"the runs were tested on different utterances of {corpus}: {len(ids_a & ids_b)} in "
        f"common, {len(ids_a - ids_b)} only in the first, {len(ids_b - ids_a)} only in the second",
        hint="--tests common compares them on the utterances in common",
    )


def _refuse_different_labels(a: pl.DataFrame, b: pl.DataFrame, corpus: str) -> None:
    both = a.select("utterance_id", "emotion").join(
        b.select("utterance_id", other="emotion"), on="utterance_id", how="inner"
    )
    unequal = both.filter(pl.col("emotion").ne_missing(pl.col("other")))
    if unequal.height:
        utterance, one, other = unequal.row(0)
        raise InputError(
            f"the runs have different reference labels for {unequal.height} utterances of {corpus}, "
            f"such as {utterance}: {one!r} and {other!r}",
            hint="score both against the same reference first",
        )


def _notes(runs: Sequence[RunFolder]) -> tuple[str, ...]:
    hashes = [run.record.inputs for run in runs]
    if len(hashes) == 2:
        changed = sorted(
            key for key in hashes[0].keys() & hashes[1].keys() if hashes[0][key] != hashes[1][key]
        )
        if changed:
            return (f"The runs' inputs differ: {', '.join(changed)}.",)
    return ()


def _stored(
    comparison: Comparison,
    runs: Sequence[RunFolder],
    out: Path,
    config: dict[str, Any],
    seed: int,
    *,
    overwrite: bool,
    command: str,
) -> Comparison:
    record = begun_record(
        "compare",
        {**config, "seed": seed},
        command=command,
        inputs={
            f"{run.path.absolute().name}/{table}": hash_file(run.path / table)
            for run in runs
            for table in _TABLES
            if (run.path / table).is_file()
        },
        seeds={"root": seed},
        finished=now(),
        left_out=comparison.left_out,
    )
    with RunFolder.open(out, overwrite=overwrite) as folder:
        if folder.has_record and folder.record.config != record.config:
            raise ConfigError(f"{out} holds another run", hint="give another --out, or --overwrite")
        folder.save_record(record)
        save_descriptions(folder, list(read_descriptions(runs[0]).values()))
        folder.write_estimates(comparison.estimates)
        folder.write_text("notes.json", json.dumps(comparison.notes, ensure_ascii=False) + "\n")
    stored = RunFolder.read(out)
    return Comparison(comparison.estimates, comparison.left_out, comparison.notes, stored)
