"""From a table of reasons and prepared corpora to claims, estimates and measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from equivoice.corpora.card import Card
from equivoice.corpora.corpus import Corpus
from equivoice.errors import InputError
from equivoice.rationales.grounding import ground_reasons, make_ground, reasons_of
from equivoice.rationales.measurements import measure_utterances
from equivoice.rationales.precision import PrecisionSettings, claim_precision
from equivoice.rationales.refiltering import read_rationales
from equivoice.rationales.verdicts import GroundingRules
from equivoice.records import CLAIMS, ESTIMATES, read_frame, write_table
from equivoice.store.cache import ArrayCache
from equivoice.store.run_folder import RunFolder
from equivoice.store.writing import storing

__all__ = ["Grounded", "ground_corpora", "read_reasons", "write_grounded"]

_TEXTS = ("utterance_id", "system", "teacher", "reason", "prompt", "run", "fold")


@dataclass(frozen=True)
class Grounded:
    """What became of the claims of some reasons.

    Args:
        reasons: the reasons that were looked at.
        claims: a table of ``records.CLAIMS``.
        estimates: precision, a table of ``records.ESTIMATES``.
        measured: the measurements of all utterances of the corpora.
        utterances: the utterances of the corpora.
        cards: corpus cards by corpus.
        left_out: how many reasons were left out, by why.
    """

    reasons: pl.DataFrame
    claims: pl.DataFrame
    estimates: pl.DataFrame
    measured: pl.DataFrame
    utterances: pl.DataFrame
    cards: dict[str, Card]
    left_out: dict[str, int] = field(default_factory=dict)


def read_reasons(place: str | Path, *, every: bool = False) -> pl.DataFrame:
    """The reasons of a folder of ``rationales generate``, a run, or a table.

    Args:
        place: a folder, or a table of predictions or rationales.
        every: also reasons that a filter dropped.

    Raises:
        InputError: it is none of these, or no reason is in it.
    """
    path = Path(place)
    if not path.is_dir():
        table = read_frame(path, text=_TEXTS)
    elif (path / "answers.jsonl").is_file() or (path / "rationales.parquet").is_file():
        table = read_rationales(path)
    else:
        table = RunFolder.read(path).predictions()
    reasons = reasons_of(table, every=every)
    if reasons.is_empty():
        raise InputError(
            "there is no reason in it",
            file=path,
            hint="models give reasons where they are asked for them; see 'equivoice rationales'",
        )
    return reasons


def ground_corpora(
    reasons: pl.DataFrame,
    corpora: Sequence[Corpus],
    *,
    rules: GroundingRules | None = None,
    settings: PrecisionSettings | None = None,
    cache: ArrayCache | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Grounded:
    """Hold reasons against the recordings and transcripts of corpora.

    Every utterance of the corpora is measured, also those without a reason: a
    claim is relative to how the speaker sounds otherwise.

    Args:
        reasons: of :func:`read_reasons`.
        corpora: prepared corpora that hold the utterances.
        rules: where the lines are drawn.
        settings: how precision is estimated.
        cache: where measurements are kept.
        workers: processes that measure.
        progress: is told (done, all).

    Raises:
        InputError: two corpora hold the same utterance, or no reason is about any of them.
    """
    utterances = pl.concat([corpus.utterances for corpus in corpora], how="diagonal_relaxed")
    known = reasons.join(utterances.select("utterance_id"), on="utterance_id", how="semi")
    if known.is_empty():
        raise InputError(
            "no reason is about an utterance of the corpus",
            column="utterance_id",
            value=reasons.item(0, "utterance_id"),
            hint="name the corpus that the reasons were written for",
        )
    measured = measure_utterances(utterances, cache=cache, workers=workers, progress=progress)
    ground = make_ground(measured, utterances, rules)
    claims = ground_reasons(known, ground)
    estimates = claim_precision(claims, utterances, ground, settings)
    cards = {corpus.name: corpus.card for corpus in corpora}
    left_out = {"utterance is not in the corpus": reasons.height - known.height}
    return Grounded(known, claims, estimates, measured, utterances, cards, left_out)


def write_grounded(found: Grounded, out: str | Path) -> dict[str, Path]:
    """Write claims, estimates and measurements into a folder.

    Returns:
        the files by name.

    Raises:
        StorageError: the folder cannot be written.
    """
    folder = Path(out)
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        found.measured.write_parquet(folder / "measurements.parquet")
    return {
        "claims": write_table(found.claims, folder / "claims.parquet", CLAIMS),
        "estimates": write_table(found.estimates, folder / "estimates.parquet", ESTIMATES),
        "measurements": folder / "measurements.parquet",
    }
