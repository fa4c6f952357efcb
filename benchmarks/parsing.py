"""How rightly and how fast answers are read.

Run it by hand; it prints a table and writes it to ``benchmarks/results/parsing.md``::

    python benchmarks/parsing.py
    python benchmarks/parsing.py --answers 10000 --dry-run   # smaller, and nothing is written

The tables of hand-labelled answers stand in ``tests/unit/prompting``. Times are the best
of several rounds, so that what else the machine does counts little.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from equivoice.corpora.labels import label_space  # noqa: E402
from equivoice.prompting import (  # noqa: E402
    CONVENTIONS,
    Options,
    make_options,
    parse,
    parse_responses,
)
from equivoice.store.provenance import git_revision, machine  # noqa: E402
from unit.prompting.table import Answer, read_answers  # noqa: E402 - a path of this checkout

NAMES = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
EXACT = ("Happy", "happy.", "**Sad**", " Angry\n", "Anger", "SURPRISE!")
LONG = ("not ", "{", "<answer>", "happy, sad ", "\n", "answer: ", "A. ")
MEGABYTE = 1_000_000


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000, help="mixed answers to read")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    given = parser.parse_args()
    options = make_options(label_space(NAMES))
    lines = [
        *accuracy(),
        "",
        *exact(options),
        "",
        *mixed(options, given.answers),
        "",
        *long(options),
    ]
    print("\n".join(lines))
    if not given.dry_run:
        host = ", ".join(machine().values())
        head = f"# Reading answers\n\n`python benchmarks/parsing.py`, commit {git_revision()}, {host}\n"
        text = "\n".join([head, *lines, ""])
        (HERE / "results" / "parsing.md").write_text(text, encoding="utf-8")


def accuracy() -> list[str]:
    """Of the hand-labelled answers, how many each convention reads as a careful reader does."""
    tables = {
        "before the parser": read_answers("answers"),
        "after it": read_answers("later_answers"),
    }
    lines = [f"| written | answers | {' | '.join(CONVENTIONS)} |", "| --- " * 6 + "|"]
    for name, answers in tables.items():
        shares = [
            f"{sum(map(_right(convention), answers)) / len(answers):.1%}"
            for convention in CONVENTIONS
        ]
        lines.append(f"| {name} | {len(answers)} | {' | '.join(shares)} |")
    note = (
        "At their first reading, before anything was mended, 202 of the 218 later answers (92.7 %)"
    )
    return [*lines, "", f"{note} were read rightly: the estimate for answers never seen."]


def _right(convention: str) -> Callable[[Answer], bool]:
    def right(answer: Answer) -> bool:
        read = parse(answer.response, answer.options, convention=convention)
        return read[:2] == (answer.status, answer.label)

    return right


def exact(options: Options) -> list[str]:
    """Microseconds an exact answer, the slowest of several spellings."""
    lines = ["| exact answers | microseconds each, slowest spelling |", "| --- | --- |"]
    for convention in CONVENTIONS:
        slowest = max(best(lambda a=each, c=convention: repeat(a, options, c)) for each in EXACT)
        lines.append(f"| {convention} | {slowest * 1e6 / 2_000:.1f} |")
    return lines


def repeat(answer: str, options: Options, convention: str) -> None:
    for _ in range(2_000):
        parse(answer, options, convention=convention)


def mixed(options: Options, count: int) -> list[str]:
    """Seconds for many different answers, half of them made different by a number."""
    rng = random.Random(0)  # noqa: S311 - no secret
    table = [answer.response for answer in read_answers("answers")]
    answers = [rng.choice(table) + (f" {i}" if i % 2 else "") for i in range(count)]
    distinct = len(set(answers))
    lines = [f"| {count} mixed answers, {distinct} of them different | seconds |", "| --- | --- |"]
    for convention in CONVENTIONS:
        start = time.perf_counter()
        parse_responses(answers, options, convention=convention)
        lines.append(f"| {convention} | {time.perf_counter() - start:.2f} |")
    return lines


def long(options: Options) -> list[str]:
    """Seconds for an answer of a megabyte, the slowest of several."""
    lettered = Options(options.space, options.labels, options.shown, lettered=True)
    lines = ["| answers of a megabyte | seconds each, slowest |", "| --- | --- |"]
    for convention in CONVENTIONS:
        times = [
            best(
                lambda p=piece, o=offered, c=convention: parse(
                    p * (MEGABYTE // len(p)), o, convention=c
                )
            )
            for piece in LONG
            for offered in (options, lettered)
        ]
        lines.append(f"| {convention} | {max(times):.3f} |")
    return lines


def best(work: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of the quickest of several rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
