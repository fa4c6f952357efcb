"""ASED: ``<emotion><folder>-<sentence>-<repetition>-<gender>-<speaker>``."""

from __future__ import annotations

from dataclasses import replace

from equivoice.corpora.filenames import with_name_parts
from equivoice.corpora.source import Draft, Request

__all__ = ["complete"]

_NAME = (
    r"(?:^|/)[A-Za-z]\d+-(?P<sentence>\d+)-(?P<repetition>\d+)-(?P<gender>\d+)-(?P<speaker>\d+)\."
)


def complete(draft: Draft, _request: Request) -> Draft:
    """Add speaker, gender, sentence and repetition."""
    codes = {"gender": {"01": "female", "02": "male"}}
    return replace(draft, utterances=with_name_parts(draft.utterances, _NAME, values=codes))
