"""How often the 95 % intervals of gaps hold the true gap, by simulation.

    python benchmarks/coverage.py                    # about 15 minutes on 2 cores
    python benchmarks/coverage.py --data-sets 200    # a quick look
    python benchmarks/coverage.py --out benchmarks/results/coverage.md

The populations and the counting stand in ``tests/slow/simulation.py``, which
the test of the same claim uses. Two tables: the design that the tests hold
(equal groups, 6 to 91 speakers, true gaps 0, .03 and .1), and harder ones.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch
from zlib import crc32

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one process a core is faster
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from equivoice.evaluation import rows  # noqa: E402
from slow.simulation import Coverage, Design, coverage, spread_design  # noqa: E402

COLUMNS = (
    ("signed", "accuracy"),
    ("signed", "macro_f1"),
    *(
        (kind, metric)
        for metric in ("accuracy", "macro_f1", "equal_opportunity")
        for kind in ("mean", "rms", "max", "max_to_overall")
    ),
)
_SHORT = {"accuracy": "acc", "macro_f1": "F1", "equal_opportunity": "EO"}
_SIX = (1 / 6,) * 6
_SKEWED = (0.35, 0.25, 0.15, 0.1, 0.1, 0.05)


@dataclass(frozen=True)
class Cell:
    """One population: its name in the table, and from how few speakers intervals are forced."""

    name: str
    design: Design
    fewest: int | None = None


def main_cells() -> Iterator[Cell]:
    """The design of the tests."""
    for groups in (2, 4):
        for speakers in (6, 24, 40, 91):
            for gap in (0.0, 0.03, 0.1):
                name = f"{groups} groups, {speakers} speakers, gap {gap:g}"
                yield Cell(name, spread_design(groups, speakers, gap))


def hard_cells() -> Iterator[Cell]:
    """Few speakers, unequal groups, unequal labels, accuracy near 1."""
    for gap in (0.0, 0.1):
        plain = spread_design(2, 24, gap)
        for each in (3, 4, 5, 6, 8):
            yield Cell(f"{each} v {each}, gap {gap:g}", replace(plain, speakers=(each,) * 2), 2)
        yield Cell(f"4 × 5, gap {gap:g}", spread_design(4, 20, gap))
        unequal = replace(plain, concentration=(5.0, 80.0))
        yield Cell(f"12 v 12, sd .20 v .05, gap {gap:g}", unequal)
        few = replace(plain, speakers=(5, 19))
        yield Cell(f"5 v 19, gap {gap:g}", few)
        yield Cell(f"5 v 19, sd .20 v .05, gap {gap:g}", replace(few, concentration=(5.0, 80.0)))
        yield Cell(f"5 v 19, sd .05 v .20, gap {gap:g}", replace(few, concentration=(80.0, 5.0)))
        labels = (_SKEWED, tuple(reversed(_SKEWED)))
        yield Cell(f"12 v 12, labels unlike, gap {gap:g}", replace(plain, labels=labels))
        yield Cell(f"12 v 12, 3–60 utterances, gap {gap:g}", replace(plain, utterances=(3, 60)))
        yield Cell(f"12 v 12, skill by class, gap {gap:g}", replace(plain, by_class=True))
    for each in (5, 8, 24):
        shared = replace(spread_design(2, 2 * each, 0.0), concentration=(5.0, 5.0))
        yield Cell(f"{each} speakers in both groups", replace(shared, arrangement="shared"))
    scattered = replace(spread_design(4, 24, 0.0), utterances=(6, 6), arrangement="scattered")
    yield Cell("24 speakers, 6 utterances each in any of 4 groups", scattered)
    uneven = replace(spread_design(2, 91, 0.1), pattern=(3.0, *(0.6,) * 5))
    yield Cell("46 v 45, gap .3 in one class, .06 in five", uneven)
    for gap in (0.0, 0.03):
        high = replace(spread_design(2, 24, 0.0), skills=(0.95 + gap / 2, 0.95 - gap / 2))
        yield Cell(f"12 v 12, accuracy .95, gap {gap:g}", high)
        many = replace(high, speakers=(46, 45))
        yield Cell(f"46 v 45, accuracy .95, gap {gap:g}", many)


def _counted(task: tuple[Cell, int, int]) -> dict[tuple[str, str], Coverage]:
    cell, data_sets, replicates = task
    fewest = rows.FEWEST_UNITS if cell.fewest is None else cell.fewest
    with patch.object(rows, "FEWEST_UNITS", fewest):
        return coverage(
            cell.design, data_sets=data_sets, replicates=replicates, seed=crc32(cell.name.encode())
        )


def table(cells: Iterable[Cell], *, data_sets: int, replicates: int) -> list[str]:
    """Lines of a Markdown table: per cent of the intervals that hold the truth."""
    cells = list(cells)
    head = ["population", *(f"{kind} {_SHORT[metric]}" for kind, metric in COLUMNS)]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    tasks = [(cell, data_sets, replicates) for cell in cells]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for cell, found in zip(cells, pool.map(_counted, tasks), strict=True):
            lines.append(" | ".join([cell.name, *(_shown(found[key]) for key in COLUMNS)]))
            print(lines[-1], flush=True)
    return [f"| {line} |" for line in lines]


def _shown(found: Coverage) -> str:
    return "refused" if found.refused == 1.0 else f"{100 * found.covered:.1f}"


def report(data_sets: int, replicates: int) -> str:
    """Both tables, with the command and the revision that made them."""
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    lines = [
        "# Coverage of nominal 95 % intervals of gaps",
        "",
        (
            f"`python benchmarks/coverage.py --data-sets {data_sets} --replicates {replicates}` "
            f"at revision {revision}."
        ),
        "",
        (
            f"Per cent of {data_sets:,} simulated data sets whose interval holds the true gap "
            f"(Monte Carlo standard error {100 * (0.95 * 0.05 / data_sets) ** 0.5:.1f} points). "
            "Speakers differ: the standard deviation of their skill is .12 unless said otherwise; "
            "6 classes, 24 utterances each. *signed* is the difference of the first two groups; "
            "mean, rms, max and max_to_overall are unsigned gaps by test inversion (with two groups "
            "the first three are the folded gap); EO is equal opportunity, the mean over classes of "
            "the recall gap. *refused*: fewer than 5 speakers in a group, no interval is given."
        ),
        "",
        "## Equal groups",
        "",
        *table(main_cells(), data_sets=data_sets, replicates=replicates),
        "",
        "## Harder populations",
        "",
        "With 3 and 4 speakers a group the refusal was switched off to see what it spares us.",
        "",
        *table(hard_cells(), data_sets=data_sets, replicates=replicates),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-sets", type=int, default=2000)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = report(options.data_sets, options.replicates)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)
