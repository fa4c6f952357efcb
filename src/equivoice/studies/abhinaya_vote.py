"""ABHINAYA's tables for whatever was run: systems, losses, emotions, every combination.

1. Take the members' predictions, or those of the same name that the paper has: S1, S2, T1,
   T2, ST1.
2. Let them vote, with ties by the paper's words and by ours.
3. Put losses side by side, and zero-shot models, paired over speakers.
4. Lay out Tables 1 to 4 and Figure 2 with intervals, the printed numbers beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equivoice.errors import ConfigError
from equivoice.records import replace_file
from equivoice.reports import render_page
from equivoice.studies.abhinaya.measuring import (
    AbhinayaSettings,
    References,
    Votes,
    compare_entries,
    vote,
)
from equivoice.studies.abhinaya.page import study_sections
from equivoice.studies.abhinaya.tables import ZERO_SHOT, AbhinayaTables, make_tables
from equivoice.studies.published.ensembles import PublishedEnsemble, load_published_ensemble

__all__ = ["AbhinayaStudy", "abhinaya_vote", "write_abhinaya"]


@dataclass(frozen=True)
class AbhinayaStudy:
    """What the study found.

    Args:
        votes: the vote by both readings of a tie; ``None`` without members.
        tables: the paper's tables.
        paper: what was printed.
        same: whether members and corpus bear the paper's names, so that printed numbers are
            of the same kind.
    """

    votes: Votes | None
    tables: AbhinayaTables
    paper: PublishedEnsemble
    same: bool


def abhinaya_vote(
    members: Mapping[str, Any] | Sequence[Any] = (),
    *,
    reference: References | None = None,
    losses: Sequence[tuple[str, str, Any]] = (),
    zero_shot: Sequence[tuple[str, Any]] = (),
    settings: AbhinayaSettings | None = None,
    watch: Callable[[str], None] = lambda _: None,
) -> AbhinayaStudy:
    """The paper's tables for predictions that are there.

    Args:
        members: as :func:`~equivoice.evaluation.ensemble` takes them; under the names S1,
            S2, T1, T2 and ST1 they stand beside the printed rows.
        reference: what they are held against; the runs' own labels by default.
        losses: system, loss (``wce``, ``wfl``, ``vs`` or another name), and predictions.
        zero_shot: model and predictions, for Figure 2.
        settings: how it is scored.
        watch: is told what is at work.

    Raises:
        ConfigError: nothing to show; members that answer different utterances.
        InputError: no predictions, or no labels.
    """
    asked = settings or AbhinayaSettings()
    if not (members or losses or zero_shot):
        raise ConfigError("there is nothing to show", hint="name members, losses or models")
    paper = load_published_ensemble()
    votes = vote(members, reference, asked, watch=watch) if members else None
    entries = [*losses, *((ZERO_SHOT, label, place) for label, place in zero_shot)]
    compared = compare_entries(entries, reference, asked, watch=watch)
    same = votes is not None and _same(votes, paper)
    return AbhinayaStudy(votes, make_tables(votes, compared, paper), paper, same)


def write_abhinaya(found: AbhinayaStudy, out: Path, *, command: str = "") -> Path:
    """Write the page and a CSV file for each table; returns the page's path."""
    sections = study_sections(
        found.votes, found.tables, found.paper, same=found.same, command=command
    )
    page = render_page("ABHINAYA's tables for these systems", sections)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in found.tables.named.items():
        replace_file(out / f"{name}.csv", table.write_csv)
    return replace_file(out / "abhinaya.html", lambda place: _write(place, page))


def _same(votes: Votes, paper: PublishedEnsemble) -> bool:
    corpora = votes.paper.estimates.get_column("corpus").unique().to_list()
    return corpora == [paper.corpus] and set(votes.paper.findings.members) <= set(paper.systems)


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
