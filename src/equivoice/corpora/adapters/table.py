"""A plain table: CSV, TSV, JSON lines or Parquet with one row an utterance."""

from __future__ import annotations

from dataclasses import replace

from equivoice.corpora.rows import draft_of, find_table, read_rows
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError

__all__ = ["read_plain"]


def read_plain(request: Request) -> Draft:
    """Read a table, its columns renamed as ``request.columns`` says.

    Raises:
        CorpusError: no table, or columns that do not fit.
    """
    if request.metadata is None:
        raise CorpusError("the table is needed", hint="give it with --metadata")
    path = find_table(request.metadata, request.table)
    draft = draft_of(read_rows(path, request.columns), request, file=path)
    return replace(draft, audio_root=path.parent if request.audio is None else None)
