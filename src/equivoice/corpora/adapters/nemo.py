"""nEMO: ``data.tsv`` through the road of plain tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from equivoice.corpora.rows import draft_of, find_table, read_rows
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError

__all__ = ["COLUMNS", "read_nemo"]

_TABLE = "data.tsv"
COLUMNS = {
    "audio": "file_id",
    "emotion": "emotion",
    "transcript": "raw_text",
    "speaker": "speaker_id",
    "gender": "gender",
    "age": "age",
}


def read_nemo(request: Request) -> Draft:
    """Read ``data.tsv``, which lies in the metadata folder or beside the sound.

    Raises:
        CorpusError: neither folder was given.
    """
    where: Path | None = request.metadata or request.audio
    if where is None:
        raise CorpusError("nemo needs the folder of data.tsv", hint="give it with --metadata")
    path = find_table(where, _TABLE)
    draft = draft_of(read_rows(path, {**COLUMNS, **request.columns}), request, file=path)
    return replace(draft, audio_root=path.parent if request.audio is None else None)
