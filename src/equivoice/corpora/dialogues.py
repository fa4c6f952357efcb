"""Two tellings of the same dialogues, joined line by line.

Short lines repeat ("Hey."), so equal words alone do not say which line is which.
The dialogue does, and the order within it, most of the time; where they do not,
lines stay apart and are counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Alignment", "DialogueJoin", "align", "join_dialogues", "line_key"]

Place = tuple[int, int]

NO_SUCH_LINE = "no such line"
DIALOGUE_OPEN = "ambiguous: several dialogues fit equally"
ORDER_OPEN = "ambiguous: the dialogue holds the line more than once"
OTHER_DIALOGUE = "ambiguous: such a line stands in other dialogues only"


def line_key(speaker: str, text: str) -> tuple[str, str]:
    r"""What two tellings of a line have in common: speaker, letters and digits.

    Only a to z and 0 to 9 of the lower-cased text count, so that quotation marks,
    accents and damaged characters do not matter.

    Example:
        >>> line_key("Ross", "It's 9 o'clock!") == line_key("Ross", "it\x92s 9 o clock")
        True
    """
    kept = (letter for letter in text.lower() if letter.isascii() and letter.isalnum())
    return speaker, "".join(kept)


@dataclass(frozen=True)
class Alignment:
    """Which lines of two dialogues belong together.

    Args:
        pairs: (place in the first, place in the second), in order; each pair stands
            in every best alignment.
        undecided: places in the first whose partner differs between best alignments.
    """

    pairs: tuple[tuple[int, int], ...]
    undecided: tuple[int, ...]


def align(first: Sequence[Hashable], second: Sequence[Hashable]) -> Alignment:
    """Pair equal lines in order, as many as possible (longest common subsequence).

    A pair is certain where each of its two lines has one partner only in all of the
    longest alignments. O(n·m) in time and memory.

    Args:
        first: keys of the lines of one telling.
        second: keys of the lines of the other.

    Example:
        >>> align(["hey", "what", "no"], ["hey", "no"]).pairs
        ((0, 0), (2, 1))
        >>> align(["hey"], ["hey", "hey"])
        Alignment(pairs=(), undecided=(0,))
    """
    if not first or not second:
        return Alignment((), ())
    equal = np.array([[one == other for other in second] for one in first], dtype=np.bool_)
    before = _longest(equal)
    after = _longest(equal[::-1, ::-1])[::-1, ::-1]
    on_best = equal & (before[:-1, :-1] + 1 + after[1:, 1:] == before[-1, -1])
    certain = on_best & (on_best.sum(axis=1) == 1)[:, None] & (on_best.sum(axis=0) == 1)
    pairs = tuple((int(i), int(j)) for i, j in zip(*np.nonzero(certain), strict=True))
    undecided = np.flatnonzero(on_best.any(axis=1) & ~certain.any(axis=1))
    return Alignment(pairs, tuple(int(i) for i in undecided))


def _longest(equal: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The longest common subsequence of the first i and j lines: (n + 1, m + 1)."""
    n, m = equal.shape
    table = [[0] * (m + 1) for _ in range(n + 1)]
    for i, row in enumerate(equal.tolist()):
        above, below = table[i], table[i + 1]
        for j, same in enumerate(row):
            below[j + 1] = above[j] + 1 if same else max(above[j + 1], below[j])
    return np.array(table, dtype=np.int64)


@dataclass(frozen=True)
class DialogueJoin:
    """Which lines of two sets of dialogues belong together.

    Args:
        pairs: from (dialogue, line) of the first to (dialogue, line) of the second;
            no line stands in two pairs.
        hits: lines of the first whose key occurs in the second at all.
        lines: lines of the first.
        apart: lines of the first without a partner, by reason.
    """

    pairs: Mapping[Place, Place]
    hits: int
    lines: int
    apart: Mapping[str, int]


def join_dialogues(
    first: Sequence[Sequence[Hashable]], second: Sequence[Sequence[Hashable]]
) -> DialogueJoin:
    """Join lines by key, dialogue and order.

    A dialogue of the first is looked for in the dialogue of the second in which most
    of its lines stand, a line counting the less the more dialogues hold it, and then
    in the two next to that one, as the two tellings may be cut at different places.
    Within a dialogue lines are joined in order (:func:`align`).

    Args:
        first: for each dialogue the keys of its lines; here the one that may be cut finer.
        second: the same for the other telling.

    Example:
        >>> join_dialogues([["a", "hey"]], [["hey", "b"], ["a", "hey"]]).pairs
        {(0, 0): (1, 0), (0, 1): (1, 1)}
    """
    places: dict[Hashable, set[int]] = defaultdict(set)
    for number, lines in enumerate(second):
        for key in lines:
            places[key].add(number)
    found = [[turn for turn, key in enumerate(lines) if key in places] for lines in first]
    hits, total = sum(map(len, found)), sum(map(len, first))
    apart = Counter({NO_SUCH_LINE: total - hits})
    free = [dict(enumerate(lines)) for lines in second]
    pairs: dict[Place, Place] = {}
    for number, home in _homes(first, found, places, apart):
        keys = {turn: first[number][turn] for turn in found[number]}
        for other in (home, home - 1, home + 1):
            if keys and 0 <= other < len(free):
                _pair(keys, free[other], (number, other), pairs, apart)
        apart[OTHER_DIALOGUE] += len(keys)
    return DialogueJoin(dict(sorted(pairs.items())), hits, total, +apart)


def _homes(
    first: Sequence[Sequence[Hashable]],
    found: Sequence[Sequence[int]],
    places: Mapping[Hashable, set[int]],
    apart: Counter[str],
) -> Iterator[tuple[int, int]]:
    """Each dialogue of the first with its dialogue of the second, the surest first."""
    claims = []
    for number, turns in enumerate(found):
        weights: dict[int, float] = defaultdict(float)
        for turn in turns:
            holders = places[first[number][turn]]
            for holder in holders:
                weights[holder] += 1 / len(holders)
        best = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:2]
        if len(best) == 2 and best[0][1] - best[1][1] < 1e-9:
            apart[DIALOGUE_OPEN] += len(turns)
        elif best:
            claims.append((-best[0][1], number, best[0][0]))
    return ((number, home) for _, number, home in sorted(claims))


def _pair(
    keys: dict[int, Hashable],
    free: dict[int, Hashable],
    dialogues: tuple[int, int],
    pairs: dict[Place, Place],
    apart: Counter[str],
) -> None:
    """Join what can be joined of two dialogues; joined and undecided lines leave ``keys``."""
    ours, theirs = list(keys), list(free)
    aligned = align(list(keys.values()), list(free.values()))
    for i, j in aligned.pairs:
        pairs[dialogues[0], ours[i]] = (dialogues[1], theirs[j])
        del keys[ours[i]], free[theirs[j]]
    for i in aligned.undecided:
        del keys[ours[i]]
    apart[ORDER_OPEN] += len(aligned.undecided)
