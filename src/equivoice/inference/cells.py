"""Running a cell: predict batch by batch, store, go on where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from equivoice.errors import RunError
from equivoice.inference.asking import Asking, ask_cell
from equivoice.inference.faults import FAULTS, raise_if_hopeless, reason_of
from equivoice.inference.plan import Batch, Cell, Plan
from equivoice.inference.progress import Progress, Silence
from equivoice.models import (
    LABEL_COLUMNS,
    EmotionRecognizer,
    FloatArray,
    LanguageBackend,
    Prepares,
)
from equivoice.records import PREDICTIONS, LabelSpace
from equivoice.store.run_folder import RunFolder

__all__ = ["Answer", "predict_rows", "run_cell"]

_SUM_TOLERANCE = 1e-6
_COLUMNS = (
    "utterance_id",
    "system",
    "fold",
    "label_space",
    "response",
    "status",
    "emotion",
    "probabilities",
    "outside",
    "reason",
)


@dataclass(frozen=True)
class Answer:
    """What a system said about one utterance.

    Args:
        utterance_id: the utterance.
        probabilities: over the system's labels; ``None`` where it failed.
        reason: why it failed; ``None`` where it did not.
    """

    utterance_id: str
    probabilities: FloatArray | None
    reason: str | None = None


def run_cell(
    recognizer: EmotionRecognizer | LanguageBackend,
    utterances: pl.DataFrame,
    cell: Cell,
    *,
    plan: Plan,
    run: RunFolder,
    label_space: LabelSpace,
    progress: Progress | None = None,
    asking: Asking | None = None,
) -> int:
    """Predict all utterances of a cell and store the answers; go on where it stopped.

    Batches that are stored whole are not predicted again. An utterance whose
    prediction fails is stored with status ``failed`` and the reason; it does
    not take its batch with it. A language system is asked in words, at every
    temperature and as often as ``asking`` says.

    Args:
        recognizer: the system, fitted.
        utterances: the test set; labels in it are not shown to the system.
        cell: what is run.
        plan: what the cell is part of; it forms the batches.
        run: where the answers go; open for writing.
        label_space: the labels of the corpus, in which the answers are stored.
        progress: is told how far the work is.
        asking: how a language system is asked; needed for one.

    Returns:
        how many utterances were predicted now and not by an earlier run.

    Raises:
        RunError: the system breaks its protocol, or every utterance of the
            first batch fails, so that nothing is to be had from going on.
        StorageError: the answers cannot be written.
    """
    progress = progress or Silence()
    hidden = utterances.drop(*LABEL_COLUMNS, strict=False)
    if isinstance(recognizer, LanguageBackend):
        if asking is None:
            raise RunError(f"nothing says how the language system {cell.system!r} is asked")
        done = ask_cell(recognizer, hidden, cell, asking, plan=plan, run=run, progress=progress)
    else:
        done = _predict_cell(recognizer, hidden, cell, plan, run, label_space, progress)
    run.finish_cell(cell.name)
    return done


def _predict_cell(
    recognizer: EmotionRecognizer,
    hidden: pl.DataFrame,
    cell: Cell,
    plan: Plan,
    run: RunFolder,
    label_space: LabelSpace,
    progress: Progress,
) -> int:
    batches = plan.batches(hidden.get_column("utterance_id").to_list())
    stored = set(run.cell_predictions(cell.name).get_column("utterance_id"))
    open_batches = [batch for batch in batches if not stored.issuperset(batch.utterance_ids)]
    progress.predicting(cell, hidden.height)
    progress.found(cell, hidden.height - _size(open_batches))
    if open_batches and isinstance(recognizer, Prepares):
        recognizer.prepare(hidden.sort("utterance_id"))
    for batch in open_batches:
        answers = _answers(recognizer, _rows_of(hidden, batch))
        _refuse_total_failure(answers, batch, cell)
        rows = predict_rows(answers, cell, recognizer.label_space, label_space)
        run.append_predictions(cell.name, rows.filter(~pl.col("utterance_id").is_in(stored)))
        progress.advanced(cell, len(answers))
    return _size(open_batches)


def predict_rows(
    answers: Sequence[Answer], cell: Cell, given: LabelSpace, wanted: LabelSpace
) -> pl.DataFrame:
    """Answers as a predictions table over the labels of the corpus.

    Where a system has other labels than the corpus, its probability of labels
    that the corpus lacks becomes ``outside``; if it prefers such a label, the
    status is ``unparsed`` and the label stands in ``response``. Equal
    probabilities are decided by the order of the system's labels.

    Args:
        answers: of the system, over ``given``.
        cell: whose answers they are.
        given: the labels of the system.
        wanted: the labels of the corpus.
    """
    rows = [_row(answer, given, wanted) for answer in answers]
    fixed = {"system": cell.system, "fold": cell.fold, "label_space": wanted.id}
    types = {name: PREDICTIONS.column(name).dtype for name in _COLUMNS}
    table = pl.DataFrame([row | fixed for row in rows], schema=types)
    return table.with_columns(modality=pl.lit(cell.modality or "speech"))


def _row(answer: Answer, given: LabelSpace, wanted: LabelSpace) -> dict[str, object]:
    row: dict[str, object] = {
        "utterance_id": answer.utterance_id,
        "response": None,
        "status": "failed",
        "emotion": None,
        "probabilities": None,
        "outside": None,
        "reason": answer.reason,
    }
    if answer.probabilities is None:
        return row
    by_label = dict(zip(given.names, answer.probabilities.tolist(), strict=True))
    chosen = given.names[int(np.argmax(answer.probabilities))]
    row["probabilities"] = [by_label.get(name, 0.0) for name in wanted.names]
    if given.names != wanted.names:
        lost = sum(share for name, share in by_label.items() if name not in wanted.names)
        row["outside"] = min(1.0, lost)
    if chosen in wanted.names:
        return row | {"status": "parsed", "emotion": chosen}
    return row | {"status": "unparsed", "response": chosen}


def _answers(recognizer: EmotionRecognizer, utterances: pl.DataFrame) -> list[Answer]:
    """One answer an utterance; after a failure each utterance is asked for alone."""
    names = utterances.get_column("utterance_id").to_list()
    try:
        table = recognizer.predict(utterances)
    except FAULTS as error:
        raise_if_hopeless(error)
        if len(names) == 1:
            return [Answer(names[0], None, reason_of(error))]
        alone = [_answers(recognizer, utterances.slice(row, 1)) for row in range(len(names))]
        return [answer for answers in alone for answer in answers]
    _check_shape(recognizer, table, len(names))
    return [_checked(name, row) for name, row in zip(names, table, strict=True)]


def _checked(utterance: str, row: FloatArray) -> Answer:
    if np.isnan(row).all():
        return Answer(utterance, None, "the system gave no answer")
    if not np.isfinite(row).all() or row.min() < 0 or abs(row.sum() - 1) > _SUM_TOLERANCE:
        return Answer(utterance, None, "the answer is no probability distribution")
    return Answer(utterance, row)


def _check_shape(recognizer: EmotionRecognizer, table: FloatArray, rows: int) -> None:
    wanted = (rows, len(recognizer.label_space.names))
    if table.shape != wanted:
        raise RunError(
            f"the system {recognizer.name!r} broke its protocol: "
            f"it returned an array of shape {table.shape} where {wanted} was due"
        )


def _refuse_total_failure(answers: Sequence[Answer], batch: Batch, cell: Cell) -> None:
    failed = [answer for answer in answers if answer.probabilities is None]
    if batch.number > 0 or len(answers) < 2 or len(failed) < len(answers):
        return
    raise RunError(
        f"{cell.system} failed on each of the first {len(answers)} utterances of "
        f"{cell.corpus}, fold {cell.fold}; the first failure: {failed[0].reason}"
    )


def _rows_of(utterances: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    wanted = pl.DataFrame({"utterance_id": list(batch.utterance_ids)})
    return wanted.join(utterances, on="utterance_id", how="left", maintain_order="left")


def _size(batches: Sequence[Batch]) -> int:
    return sum(len(batch.utterance_ids) for batch in batches)
