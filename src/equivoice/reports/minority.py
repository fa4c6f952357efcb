"""Utterances on which a system sides with a minority that people hold.

The answer differs from the most frequent vote, yet somebody who listened gave it.
Such an answer counts as wrong against one label and may be as good as any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from equivoice.reports.document import Block, Clip, Clips, Text
from equivoice.reports.formatting import count
from equivoice.reports.hardest import MOST_CLIPS, Players, file_name, sound_of

__all__ = ["minority_blocks"]

Row = Mapping[str, Any]


def minority_blocks(
    rows: pl.DataFrame | None, cards: Mapping[str, Any], *, players: Players
) -> Iterator[Block]:
    """For each system how many such utterances there are, and the first of them.

    Args:
        rows: as :class:`~equivoice.reports.inputs.ReportInputs` has them; ``None`` or no
            rows give nothing.
        cards: from a corpus name to its card, which says whether sound may be embedded.
        players: whether utterances can be heard.
    """
    if rows is None or rows.is_empty():
        return
    yield Text(
        "The answer differs from what most listeners said, but at least one of them said the "
        "same. Against a single label it counts as wrong. The list shows examples, those with "
        "most votes for the answer first: nothing follows from them about groups."
    )
    systems = rows.get_column("system").n_unique()
    most = max(1, MOST_CLIPS // systems)
    for (system,), own in rows.group_by("system", maintain_order=True):
        shown = own.head(most)
        name = "the predictions" if system is None else str(system)
        rest = "" if own.height == shown.height else f"; {count(shown.height)} of them are shown"
        yield Text(f"{name}: {count(own.height, 'utterance')}{rest}.")
        yield Clips(tuple(_clip(row, cards, players) for row in shown.iter_rows(named=True)))


def _clip(row: Row, cards: Mapping[str, Any], players: Players) -> Clip:
    corpus = row.get("corpus") or str(row["utterance_id"]).partition("/")[0]
    audio, silent = sound_of(row, cards.get(corpus), players)
    facts = [
        ("system said", str(row["said"])),
        ("votes for it", f"{count(row['votes_for_it'])} of {count(row['votes'])}"),
        ("the crowd said", str(row["crowd_says"])),
    ]
    for name in ("speaker", "gender", "transcript"):
        if row.get(name) is not None:
            facts.append((name, str(row[name])))
    if audio is None and row.get("audio") is not None:
        facts.append(("file", file_name(row["audio"])))
    return Clip(str(row["utterance_id"]), tuple(facts), audio, silent)
