"""EmoV-DB: the folder names the speaker, the README says who is a woman."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from equivoice.corpora.filenames import fill_missing, with_name_parts
from equivoice.corpora.source import Draft, Request

__all__ = ["complete"]

_NAME = r"(?:^|/)(?P<speaker>bea|jenie|josh|sam)_[A-Za-z]+/[^/]*_(?P<sentence>\d{4})\."
# https://github.com/numediart/EmoV-DB, README.md
_GENDER = {"bea": "female", "jenie": "female", "josh": "male", "sam": "male"}


def complete(draft: Draft, _request: Request) -> Draft:
    """Add speaker, gender and sentence (the number in CMU Arctic)."""
    named = with_name_parts(draft.utterances, _NAME)
    gender = named.get_column("speaker").replace_strict(_GENDER, return_dtype=pl.String)
    return replace(draft, utterances=fill_missing(named, gender.alias("gender")))
