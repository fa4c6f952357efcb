"""What people score: CREMA-D's and EmotionLines' listeners, from published files to report.

Run by hand (``make evidence``)::

    python benchmarks/listeners.py --data ../shared/data

Writes ``benchmarks/results/listeners.md``. Each corpus goes through the command line as a user
would type it; the time is that of both commands together, on a cold start.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from equivoice.store import RunFolder
from equivoice.store.provenance import git_revision, machine

RESULTS = Path(__file__).parent / "results" / "listeners.md"
CREMAD_GROUPS = ("gender", "race", "ethnicity", "age")
FRIENDS_GROUPS = ("gender",)


def main() -> None:
    """Run both corpora and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cremad = ("cremad", data / "emobox" / "cremad", data / "votes" / "crema_d", CREMAD_GROUPS)
        friends = (
            "emotionlines",
            data / "votes" / "emotionlines_friends",
            data / "meld",
            FRIENDS_GROUPS,
        )
        pages = [page(*corpus, folder) for corpus in (cremad, friends)]
    head = (
        f"# Listeners\n\n`python {' '.join(sys.argv)}`, commit {git_revision()}, "
        f"{', '.join(machine().values())}\n\nIntervals are over speakers (95 %) and do not contain "
        "the sampling of listeners.\n"
    )
    RESULTS.write_text(head + "".join(pages), encoding="utf-8")


def page(name: str, metadata: Path, extra: Path, groups: Sequence[str], folder: Path) -> str:
    """One corpus: prepared, scored, and its main numbers as tables."""
    prepared, scored = folder / name, folder / f"{name}-scores"
    begun = time.perf_counter()
    equivoice(
        *("corpora", "prepare", name, "--no-audio", "--metadata", metadata),
        *("--extra", extra, "--out", prepared),
    )
    grouped = [word for group in groups for word in ("--group", group)]
    equivoice("score", "--reference", prepared, *grouped, "--rule", "majority", "-o", scored)
    seconds = time.perf_counter() - begun
    found = RunFolder.read(scored).estimates()
    tables = ["", *overall(found), "", *gaps(found), "", *agreement(found), ""]
    return (
        f"\n## {name}\n\nFrom published files to report: {seconds:.1f} s, "
        f"{found.height:,} estimates, groupings {', '.join(groups)}.\n" + "\n".join(tables)
    )


def equivoice(*words: object) -> None:
    """Run a command of the package."""
    command = [sys.executable, "-m", "equivoice.cli", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def overall(found: pl.DataFrame) -> Iterator[str]:
    """What people score, and what each rule keeps."""
    rows = found.filter(
        pl.col("quantity") == "score",
        pl.col("class").is_null(),
        pl.col("metric").is_in(["accuracy", "unweighted_accuracy", "macro_f1", "kept"]),
    )
    yield "| who | held against | metric | % | interval | utterances | speakers |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for row in rows.sort("system", "reference", "metric", nulls_last=True).to_dicts():
        yield (
            f"| {row['system'] or ''} | {row['reference']} | {row['metric']} | "
            f"{percent(row['value'])} | {interval(row)} | {row['n']:,} | {row['clusters']} |"
        )


def gaps(found: pl.DataFrame) -> Iterator[str]:
    """Differences between groups of speakers in how often people are right."""
    rows = found.filter(
        pl.col("quantity") == "pair_gap",
        pl.col("class").is_null(),
        pl.col("metric").is_in(["accuracy", "krippendorff_alpha", "kept"]),
        pl.col("group_by").is_in(["gender", "race", "ethnicity"]),
    )
    yield "| who | held against | metric | groups | points | interval | p |"
    yield "|---|---|---|---|---:|---:|---:|"
    for row in rows.sort("metric", "system", "reference", "groups", nulls_last=True).to_dicts():
        p = "" if row["p_value"] is None else f"{row['p_value']:.4f}"
        yield (
            f"| {row['system'] or ''} | {row['reference']} | {row['metric']} | {row['groups']} | "
            f"{percent(row['value'])} | {interval(row)} | {p} |"
        )


def agreement(found: pl.DataFrame) -> Iterator[str]:
    """How far people agree: over everybody, by class, and by gender."""
    names = ["krippendorff_alpha", "class_alpha", "vote_entropy", "top_share"]
    rows = found.filter(
        pl.col("quantity").is_in(["score", "group_score"]),
        pl.col("metric").is_in(names),
        pl.col("group_by").is_null() | (pl.col("group_by") == "gender"),
        ~((pl.col("quantity") == "group_score") & pl.col("class").is_not_null()),
    )
    yield "| who | metric | class | group | value | interval | utterances |"
    yield "|---|---|---|---|---:|---:|---:|"
    for row in rows.sort("metric", "system", "class", "groups", nulls_last=False).to_dicts():
        value = "undefined" if row["value"] is None else f"{row['value']:.3f}"
        ends = row["undefined"] if row["low"] is None else f"{row['low']:.3f}, {row['high']:.3f}"
        yield (
            f"| {row['system']} | {row['metric']} | {row['class'] or ''} | {row['groups'] or ''} | "
            f"{value} | {ends} | {row['n']:,} |"
        )


def percent(value: float | None) -> str:
    """A share in per cent."""
    return "undefined" if value is None else f"{100 * value:.1f}"


def interval(row: dict[str, float]) -> str:
    """The interval in per cent, or why there is none."""
    if row["low"] is None:
        return str(row["undefined"])
    return f"{percent(row['low'])}, {percent(row['high'])}"


if __name__ == "__main__":
    main()
