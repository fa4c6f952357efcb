"""``ensemble`` from Python: combine predictions, and keep the result as a run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from equivoice.corpora.card import Card
from equivoice.corpora.check import check
from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.described import (
    CorpusDescription,
    Texts,
    describe,
    read_descriptions,
    save_descriptions,
)
from equivoice.evaluation.ensemble.combining import (
    Combined,
    EnsembleSettings,
    combine,
    ensemble_settings,
)
from equivoice.evaluation.ensemble.members import Given, read_entry
from equivoice.records import EnsembleFindings, RunRecord
from equivoice.store import RunFolder
from equivoice.store.provenance import begun_record, hash_file, now

__all__ = ["FINDINGS", "VERB", "Ensemble", "ensemble", "read_findings"]

VERB = "ensemble"
FINDINGS = "ensemble.json"
_FOLDS = "Predictions are combined as they stand; the folds are those of the members."


@dataclass(frozen=True)
class Ensemble:
    """An ensemble and what it gains.

    Args:
        predictions: a PREDICTIONS table: the ensembles, then the members.
        estimates: an ESTIMATES table: scores of all of them; rows of quantity
            ``comparison`` are an ensemble minus a member, paired.
        findings: ties, agreement, oracle, subsets.
        left_out: what took no part, by reason.
        notes: what a reader must know.
        folder: where it was stored, where it was.
    """

    predictions: pl.DataFrame
    estimates: pl.DataFrame
    findings: EnsembleFindings
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    folder: RunFolder | None = None


def ensemble(
    members: Sequence[Given] | Mapping[str, Given],
    *,
    reference: str | Path | Corpus | pl.DataFrame | None = None,
    validation: Sequence[Given] | Mapping[str, Given] = (),
    out: str | Path | None = None,
    overwrite: bool = False,
    command: str = "",
    **settings: Any,
) -> Ensemble:
    """Combine the predictions of several systems, and say what that gains over each.

    Args:
        members: runs, trainings or tables of predictions, as paths (``RUN``,
            ``RUN#SYSTEM``, ``NAME=RUN#SYSTEM``) or objects; or a mapping from names to
            such. Every system of a run is a member unless one is named.
        reference: a corpus or a table with the labels; those of the runs by default.
        validation: predictions of the same members on other utterances, from which the
            order of preference, weights and stacking are learnt.
        out: where to store all of it as a run folder.
        overwrite: replace what stands in ``out``.
        command: the command line as typed, for the record.
        settings: ``method``: of ``majority`` (most votes), ``weighted`` (votes weigh by
            ``weights``, or by macro-F1 on validation), ``soft`` (mean probabilities) and
            ``stacking`` (a multinomial regression), one or several; ``tie``: one of
            :data:`~equivoice.evaluation.ensemble.voting.TIES`; ``breaker``: members that
            are asked first at a tie; ``weights``; ``learn_from``: ``validation`` or
            ``folds`` (stacking fitted to the other folds); ``utterances``: ``same``,
            ``common`` or ``any``; ``corpus``; ``balanced``: score an equal number of
            utterances of each emotion; ``group_by``; ``subsets``: whether each subset is
            scored; ``convention``, ``replicates``, ``permutations``, ``level``, ``seed``.

    Raises:
        ConfigError: unknown settings, members that answer different utterances, nothing
            to learn from.
        InputError: no predictions, no labels, no probabilities for a soft vote.
        StorageError: ``out`` cannot be written to.

    Example:
        >>> import polars as pl
        >>> ids = [f"demo/{i}" for i in range(6)]
        >>> truth = pl.DataFrame({"utterance_id": ids, "emotion": ["angry", "happy", "sad"] * 2})
        >>> said = lambda *labels: pl.DataFrame({"utterance_id": ids, "emotion": list(labels)})
        >>> found = ensemble(
        ...     {"a": said("angry", "happy", "sad", "angry", "sad", "angry"),
        ...      "b": said("angry", "happy", "angry", "happy", "happy", "sad"),
        ...      "c": said("sad", "sad", "sad", "angry", "happy", "sad")},
        ...     reference=truth, replicates=50, permutations=20)
        >>> found.predictions.filter(system="majority vote")["emotion"].to_list()
        ['angry', 'happy', 'sad', 'angry', 'happy', 'sad']
    """
    asked = ensemble_settings(settings)
    combined = combine(members, reference, validation, asked)
    if out is None:
        return _result(combined, None)
    record = _record(members, reference, validation, asked, combined, command)
    folder = _store(combined, record, Path(out), overwrite=overwrite)
    return _result(combined, folder)


def read_findings(run: Texts) -> EnsembleFindings | None:
    """What a run folder keeps of an ensemble; ``None`` where it holds none.

    Raises:
        InputError: the file is damaged.
    """
    text = run.read_text(FINDINGS)
    if text is None:
        return None
    try:
        return EnsembleFindings.model_validate_json(text)
    except ValidationError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"what was found of the ensemble cannot be read: {reason}", file=run.path / FINDINGS
        ) from error


def _result(combined: Combined, folder: RunFolder | None) -> Ensemble:
    return Ensemble(
        combined.predictions,
        combined.estimates,
        combined.findings,
        combined.left_out,
        combined.notes,
        folder,
    )


def _record(
    members: Sequence[Given] | Mapping[str, Given],
    reference: str | Path | Corpus | pl.DataFrame | None,
    validation: Sequence[Given] | Mapping[str, Given],
    asked: EnsembleSettings,
    combined: Combined,
    command: str,
) -> RunRecord:
    config = {name: getattr(asked, name) for name in EnsembleSettings.__dataclass_fields__}
    config |= {
        "members": [_shown(each) for each in _listed(members)],
        "validation": [_shown(each) for each in _listed(validation)],
        "reference": None if reference is None else _shown(reference),
    }
    return begun_record(
        VERB,
        json.loads(json.dumps(config, default=str)),
        command=command,
        inputs=_hashes([*_listed(members), *_listed(validation)]),
        seeds={"root": asked.seed},
        finished=now(),
        left_out=dict(combined.left_out),
    )


def _listed(given: Sequence[Given] | Mapping[str, Given]) -> list[Given]:
    return list(given.values()) if isinstance(given, Mapping) else list(given)


def _shown(given: object) -> str:
    if isinstance(given, RunFolder):
        return str(given.path)
    if isinstance(given, Corpus):
        return given.name
    return "a table in memory" if isinstance(given, pl.DataFrame) else str(given)


def _hashes(given: Sequence[Given]) -> dict[str, str]:
    found = {}
    for each in given:
        place = read_entry(each).place
        if isinstance(place, pl.DataFrame):
            continue
        table = place / "predictions.parquet" if place.is_dir() else place
        if table.is_file():
            found[f"predictions {table}"] = hash_file(table)
    return found


def _store(combined: Combined, record: RunRecord, out: Path, *, overwrite: bool) -> RunFolder:
    inside = {each.folder.path.resolve() for each in combined.sources if each.folder is not None}
    if out.resolve() in inside:
        raise ConfigError(f"{out} is one of the members", hint="give another --out")
    with RunFolder.open(out, overwrite=overwrite) as folder:
        if folder.has_record and folder.record.config != record.config:
            raise ConfigError(f"{out} holds another run", hint="give another --out, or --overwrite")
        folder.save_record(record)
        folder.write_predictions(combined.predictions)
        folder.write_utterances(combined.utterances)
        folder.write_estimates(combined.estimates)
        save_descriptions(folder, [_description(combined)])
        folder.write_text(FINDINGS, combined.findings.model_dump_json(indent=2) + "\n")
        folder.write_text("notes.json", json.dumps(combined.notes, ensure_ascii=False) + "\n")
    return RunFolder.read(out)


def _description(combined: Combined) -> CorpusDescription:
    """What is known of the corpus: from the corpus named, or from the first run that knows it."""
    held = combined.reference
    if held.given is not None:
        return describe(held.given, findings=check(held.given, audio=False), folds=_FOLDS)
    for source in combined.sources:
        known = {} if source.folder is None else read_descriptions(source.folder)
        if held.corpus is not None and held.corpus in known:
            return known[held.corpus]
    name = held.corpus or "reference"
    return CorpusDescription(
        name=name,
        label_space_id=held.labels.id,
        labels={label.name: label.synonyms for label in held.labels.labels},
        card=Card(name=name),
        folds=_FOLDS,
    )
