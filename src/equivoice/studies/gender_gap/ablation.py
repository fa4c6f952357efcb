"""Runs that the user puts side by side: components, weights and powers of the penalty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from equivoice.errors import ConfigError, InputError
from equivoice.store import RunFolder
from equivoice.studies.gender_gap.measuring import CHANGE, Row, measure
from equivoice.studies.gender_gap.reading import BOTH, SPEECH, Answers, GapSettings, read_answers
from equivoice.studies.gender_gap.tables import Measured, Named
from equivoice.studies.published.gap_tables import BLOCKS, Block

__all__ = ["Entry", "compare_entries", "measure_entries", "read_entry"]


@dataclass(frozen=True)
class Entry:
    """A row of the ablation, as it is asked for.

    Args:
        block: components, weight or power.
        label: what the run is called; a key of the paper's Table 3 (``erm``, ``adaptive``,
            ``1``) puts it beside the printed row.
        run: the run folder.
        system: which of its systems; needed where it holds several.
    """

    block: Block
    label: str
    run: RunFolder
    system: str | None = None


def read_entry(block: Block, text: str) -> Entry:
    """An entry as it is typed: ``LABEL=RUN``, or ``LABEL=RUN#SYSTEM``.

    Raises:
        ConfigError: not of this form, or an unknown block.
        InputError: no run in the folder.
    """
    if block not in BLOCKS:
        raise ConfigError("unknown part of the ablation", value=block, choices=BLOCKS)
    label, equals, place = text.partition("=")
    if not (label.strip() and equals and place.strip()):
        raise ConfigError(
            f"a run of the ablation ({block}) is written LABEL=RUN",
            value=text,
            hint="such as erm=runs/erm, or erm=runs/all#finetuned",
        )
    folder, _, system = place.partition("#")
    return Entry(block, label.strip(), RunFolder.read(Path(folder)), system or None)


def measure_entries(
    entries: Sequence[Entry],
    settings: GapSettings,
    *,
    watch: Callable[[str], None] = lambda _: None,
) -> list[Named]:
    """The numbers of each entry; a run that stands in several is measured once.

    Raises:
        ConfigError: a label twice in one block.
        InputError: a run with several systems of which none is named, or without that one.
    """
    seen: set[tuple[str, str]] = set()
    known: dict[tuple[Path, str], Measured] = {}
    named = []
    for entry in entries:
        if (entry.block, entry.label) in seen:
            raise ConfigError(
                f"two runs of the ablation ({entry.block}) have the same label", value=entry.label
            )
        seen.add((entry.block, entry.label))
        answers = _chosen(entry, read_answers([entry.run], settings))
        key = (entry.run.path, answers.system)
        if key not in known:
            watch(f"{entry.block}: {entry.label}")
            known[key] = Measured(answers, measure(answers, settings))
        named.append(Named(entry.block, entry.label, known[key]))
    return named


def compare_entries(named: Sequence[Named], settings: GapSettings) -> list[Row]:
    """Each run of a block against the block's first: what changes, with paired intervals.

    The two runs take the place of the two modalities: a replicate draws speakers with all
    that both runs said of them, and the test swaps the runs speaker by speaker.

    Returns:
        rows as of :func:`~equivoice.studies.gender_gap.measuring.measure`, with the
        further columns ``block``, ``label`` and ``against``; ``value`` is the run minus
        the first.

    Raises:
        InputError: two runs of a block have no utterance in common, or other labels.
    """
    rows: list[Row] = []
    for block in BLOCKS:
        own = [one for one in named if one.block == block]
        for other in own[1:]:
            rows += _against(own[0], other, settings)
    return rows


def _against(first: Named, other: Named, settings: GapSettings) -> list[Row]:
    one, two = first.measured.answers, other.measured.answers
    if one.labels.names != two.labels.names:
        raise InputError(
            f"{first.label} and {other.label} were asked with different labels: "
            f"{', '.join(one.labels.names)} and {', '.join(two.labels.names)}"
        )
    rows: list[Row] = []
    for modality in (each for each in one.modalities if each in two.modalities):
        paired = _paired(one, two, modality)
        if paired.frame.is_empty():
            raise InputError(f"{first.label} and {other.label} have no utterance in common")
        head = {"block": other.block, "label": other.label, "against": first.label}
        rows += [
            head | row | {"system": two.system, "modality": modality}
            for row in measure(paired, settings)
            if row["modality"] == CHANGE
        ]
    return rows


def _paired(first: Answers, other: Answers, modality: str) -> Answers:
    """Both runs' answers in one modality, the first's in the place of speech alone."""
    frames = [
        each.frame.filter(pl.col("modality") == modality).with_columns(modality=pl.lit(place))
        for each, place in ((first, SPEECH), (other, BOTH))
    ]
    common = frames[0].join(frames[1], on="utterance_id", how="semi").select("utterance_id")
    frame = pl.concat(frames).join(common, on="utterance_id", how="semi", maintain_order="left")
    return replace(other, frame=frame)


def _chosen(entry: Entry, found: Sequence[Answers]) -> Answers:
    """The system that is meant: the named one, or the only one that answered in words."""
    names = [one.system for one in found]
    if entry.system is None:
        found = [one for one in found if "/" not in one.system]
    else:
        found = [one for one in found if one.system == entry.system]
    if len(found) != 1:
        what = "several systems or prompts" if found else "no such system"
        raise InputError(
            f"the run of the ablation holds {what}",
            file=entry.run.path,
            value=entry.system,
            choices=list(dict.fromkeys(names)),
            hint=f"name one: {entry.label}=RUN#SYSTEM",
        )
    return found[0]
