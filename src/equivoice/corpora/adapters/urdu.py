"""URDU: ``S<M or F><speaker>_F<file>_<emotion><number>``."""

from __future__ import annotations

from dataclasses import replace

from equivoice.corpora.filenames import with_name_parts
from equivoice.corpora.source import Draft, Request

__all__ = ["complete"]

# Numbers are counted for women and men apart: SF1 and SM1 are two people.
_NAME = r"(?:^|/)(?P<speaker>S(?P<gender>[MF])\d+)_F\d+_[A-Z]\d+\."


def complete(draft: Draft, _request: Request) -> Draft:
    """Add speaker and gender."""
    codes = {"gender": {"F": "female", "M": "male"}}
    return replace(draft, utterances=with_name_parts(draft.utterances, _NAME, values=codes))
