"""IEMOCAP: session and gender together name one of the ten speakers.

In ``Ses01F_impro04_M003`` the speaker is the man of session 1: the letter behind
the session number says who wore the markers, not who speaks.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from equivoice.corpora.filenames import fill_missing, with_name_parts
from equivoice.corpora.source import Draft, Request

__all__ = ["complete"]

_NAME = (
    r"(?:^|/)(?P<dialogue>(?P<session>Ses\d\d)[FM]_(?P<style>impro|script)\w*)"
    r"_(?P<letter>[FM])(?P<turn>\d+)\."
)


def complete(draft: Draft, _request: Request) -> Draft:
    """Add speaker, gender, session, style (impro or script), dialogue and turn."""
    named = with_name_parts(draft.utterances, _NAME)
    gender = named.get_column("letter").replace_strict({"F": "female", "M": "male"})
    named = fill_missing(named, gender.alias("gender")).with_columns(
        speaker=pl.col("session") + "_" + pl.col("letter"),
        # The turns of the two speakers are counted apart.
        turn=pl.col("turn").cast(pl.Int64),
    )
    return replace(draft, utterances=named.drop("letter"))
