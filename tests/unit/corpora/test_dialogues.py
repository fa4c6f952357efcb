"""Lines of two tellings are joined where order and dialogue decide, and nowhere else."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

from equivoice.corpora.dialogues import align, join_dialogues, line_key


@cache
def longest(first: str, second: str) -> frozenset[tuple[tuple[int, int], ...]]:
    """All alignments of most pairs, by trying everything."""
    if not first or not second:
        return frozenset({()})
    found = set(longest(first[:-1], second)) | set(longest(first, second[:-1]))
    if first[-1] == second[-1]:
        last = (len(first) - 1, len(second) - 1)
        found |= {(*pairs, last) for pairs in longest(first[:-1], second[:-1])}
    most = max(map(len, found))
    return frozenset(pairs for pairs in found if len(pairs) == most)


def certain(first: str, second: str) -> tuple[tuple[int, int], ...]:
    """Pairs whose lines have one partner only in all best alignments."""
    pairs = {pair for one in longest(first, second) for pair in one}
    return tuple(
        sorted(
            (i, j)
            for i, j in pairs
            if sum(a == i for a, _ in pairs) == 1 and sum(b == j for _, b in pairs) == 1
        )
    )


@pytest.mark.parametrize("first", ["", *map("".join, product("ab", repeat=4)), "abcab", "acbb"])
def test_the_pairs_are_those_of_all_best_alignments(first: str) -> None:
    for second in ["", "a", "ba", "aab", *map("".join, product("abc", repeat=3)), "cabba"]:
        found = align(first, second)
        assert found.pairs == certain(first, second), second
        everybody = {i for one in longest(first, second) for i, _ in one}
        assert set(found.undecided) == everybody - {i for i, _ in found.pairs}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It’s 9!", "it\x92s 9"),
        ("Ameri–can", "american"),
        ("café", "caf"),
        ("", "..."),
    ],
)
def test_a_key_is_letters_and_digits(one: str, other: str) -> None:
    assert line_key("Joey", one) == line_key("Joey", other)
    assert line_key("Joey", one) != line_key("Ross", other)


def test_different_words_have_different_keys() -> None:
    assert line_key("Joey", "no") != line_key("Joey", "now")


class TestJoin:
    WHOLE = (["hey", "a", "b", "hey", "c"], ["hey", "d", "e"], ["hey", "x", "no", "no"])

    def test_a_repeated_line_goes_to_its_own_dialogue(self) -> None:
        found = join_dialogues([["hey", "d"]], self.WHOLE)
        assert found.pairs == {(0, 0): (1, 0), (0, 1): (1, 1)}
        assert (found.hits, found.lines, found.apart) == (2, 2, {})

    def test_a_dialogue_may_be_cut_in_two(self) -> None:
        found = join_dialogues([["hey", "a"], ["b", "hey", "c"]], self.WHOLE)
        assert found.pairs == {
            (0, 0): (0, 0), (0, 1): (0, 1), (1, 0): (0, 2), (1, 1): (0, 3), (1, 2): (0, 4),
        }  # fmt: skip

    def test_a_dialogue_may_reach_into_the_next(self) -> None:
        found = join_dialogues([["b", "c", "d"]], self.WHOLE)
        assert found.pairs == {(0, 0): (0, 2), (0, 1): (0, 4), (0, 2): (1, 1)}

    def test_no_line_has_two_partners(self) -> None:
        found = join_dialogues([["d", "e"], ["d", "e"]], self.WHOLE)
        assert sorted(found.pairs.values()) == [(1, 1), (1, 2)]
        assert found.apart == {"ambiguous: such a line stands in other dialogues only": 2}

    def test_an_unknown_line_is_counted(self) -> None:
        found = join_dialogues([["d", "never said", "e"]], self.WHOLE)
        assert found.hits == 2
        assert found.apart == {"no such line": 1}

    def test_a_lone_common_line_is_joined_with_none(self) -> None:
        found = join_dialogues([["hey"]], self.WHOLE)
        assert found.pairs == {}
        assert found.hits == 1
        assert found.apart == {"ambiguous: several dialogues fit equally": 1}

    def test_a_line_said_twice_in_a_dialogue_is_joined_with_neither(self) -> None:
        found = join_dialogues([["x", "no"]], self.WHOLE)
        assert found.pairs == {(0, 0): (2, 1)}
        assert found.apart == {"ambiguous: the dialogue holds the line more than once": 1}

    def test_a_far_dialogue_is_not_asked(self) -> None:
        found = join_dialogues([["b", "c", "x"]], [*self.WHOLE[:2], ["y"], self.WHOLE[2]])
        assert set(found.pairs.values()) == {(0, 2), (0, 4)}
        assert found.apart == {"ambiguous: such a line stands in other dialogues only": 1}

    def test_every_line_is_joined_or_counted(self) -> None:
        pieces = [["hey"], ["a", "z", "hey"], ["no"], ["d", "d"], [], ["b", "c", "x"]]
        found = join_dialogues(pieces, self.WHOLE)
        assert len(found.pairs) + sum(found.apart.values()) == found.lines == 10
        assert len(set(found.pairs.values())) == len(found.pairs)
        for (dialogue, line), (other, place) in found.pairs.items():
            assert pieces[dialogue][line] == self.WHOLE[other][place]
