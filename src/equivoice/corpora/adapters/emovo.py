"""EMOVO: ``<emotion>-<speaker>-<sentence>``, the speaker's first letter is the gender."""

from __future__ import annotations

from dataclasses import replace

from equivoice.corpora.filenames import GENDERS, with_name_parts
from equivoice.corpora.source import Draft, Request

__all__ = ["complete"]

_NAME = r"(?:^|/)[a-z]+-(?P<speaker>(?P<gender>[fm])\d)-(?P<sentence>\w+)\."


def complete(draft: Draft, _request: Request) -> Draft:
    """Add speaker, gender and sentence."""
    named = with_name_parts(draft.utterances, _NAME, values={"gender": GENDERS})
    return replace(draft, utterances=named)
