"""What became of the faults that were planted in the teacher's reasons."""

from __future__ import annotations

import polars as pl

from equivoice.studies.chain.teacher import FAULTS

__all__ = ["planted_faults"]


def planted_faults(written: pl.DataFrame, rationales: pl.DataFrame) -> pl.DataFrame:
    """How many of each planted fault became what they must.

    Args:
        written: of :func:`~.teacher.teacher_texts`.
        rationales: what the filters made of it; utterances that were not asked about take
            no part.

    Returns:
        ``fault``, ``planted``, ``expected`` (the status that such a reason must have) and
        ``met`` (how many have it), in the order of :data:`~.teacher.FAULTS`.

    Example:
        >>> written = pl.DataFrame({"utterance_id": ["a", "b"], "fault": ["far too short"] * 2})
        >>> made = pl.DataFrame({"utterance_id": ["a", "b"], "status": ["too_short", "kept"]})
        >>> planted_faults(written, made).rows()
        [('far too short', 2, 'too_short', 1)]
    """
    joined = written.join(rationales.select("utterance_id", "status"), on="utterance_id")
    rows = []
    for fault, (expected, _) in FAULTS.items():
        own = joined.filter(fault=fault)
        if own.height:
            met = own.filter(status=expected).height
            rows.append((fault, own.height, expected, met))
    schema = {"fault": pl.String, "planted": pl.Int64, "expected": pl.String, "met": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
