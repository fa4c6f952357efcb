"""How each label in an answer is meant: affirmed, negated, conceded, guessed, concluded.

One pass over the units, from left to right, with a few flags. A negation reaches
to the next label and, over "or" and "and", to those joined to it; a comma that is
no part of such a list, a stop or a contrast ends it. What was said before a
contrast ("but") weighs less than what follows, and a guess less than a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from equivoice.prompting.units import VERBS, Unit, signals

__all__ = ["Mention", "Mentions", "find_mentions"]

_PLAIN = 2  # the weight of a plain statement
_FARTHEST = 12  # a negation reaches over so many words at most
_PASSING = frozenset({"word", "article", "union", "more", "number", "subordination", "tentative"})


@dataclass
class Mention:
    """A label that stands in an answer.

    Args:
        place: the position of its unit.
        label: the label.
        text: the word that names it.
        weight: how much it counts against other mentions.
        negated: whether it is denied.
    """

    place: int
    label: str
    text: str
    weight: int = _PLAIN
    negated: bool = False


@dataclass
class Mentions:
    """What a pass over an answer found.

    Args:
        found: all labels, in order.
        refuses: whether a clause declines to answer.
        apologises: whether the answer excuses itself.
    """

    found: list[Mention] = field(default_factory=list)
    refuses: bool = False
    apologises: bool = False


def find_mentions(units: Sequence[Unit]) -> Mentions:
    """All labels in an answer, and how each is meant.

    Example:
        >>> from equivoice.prompting.units import make_lexicon, to_units
        >>> words = make_lexicon({"sad": "sad", "happy": "happy"})
        >>> [(m.label, m.negated) for m in find_mentions(to_units("not sad, happy", words)).found]
        [('sad', True), ('happy', False)]
    """
    scanner = _Scanner(units)
    scanner.run()
    return scanner.result


class _Scanner:
    """The flags of a pass, and what each kind of unit does to them."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = units
        self.result = Mentions()
        self.negates = self.refuses = self.concedes = self.guesses = self.stresses = False
        self.concludes = self.less = self.more = self.adds = self.lists = False
        self.distance = 0
        self.quote_ends = -1

    def run(self) -> None:
        # an answer in quotes is not a quotation
        quotes = [place for place, unit in enumerate(self.units) if unit.kind == "quote"]
        self.quotations = _quotations(self.units, quotes)
        for place, unit in enumerate(self.units):
            if unit.kind in _IN_PLACE:
                _IN_PLACE[unit.kind](self, place)
            elif unit.kind in _ANYWHERE:
                _ANYWHERE[unit.kind](self)
            elif self.negates:
                self.distance += 1
                self.negates = self.distance <= _FARTHEST

    def kind(self, place: int) -> str:
        return self.units[place].kind if 0 <= place < len(self.units) else "end"

    # ---- labels

    def label(self, place: int) -> None:
        unit = self.units[place]
        weight = _PLAIN - self.concedes - 2 * self.guesses + self.stresses + 3 * self.concludes
        if any(first < place < last for first, last in self.quotations):
            weight -= 2
        negated = self.negates or self.refuses
        self.result.found.append(Mention(place, unit.label, unit.text, weight, negated))
        self.lists = self.negates and self._list_goes_on(place)
        self.negates = self.lists
        self.distance = 0

    def _list_goes_on(self, place: int) -> bool:
        """Whether what follows joins more labels: "or sad", ", happy or sad"."""
        after = place + 1
        if self.kind(after) in {"alternative", "union"}:
            return self._label_at(after + 1)
        while self.kind(after) == "comma" and self._label_at(after + 1):
            after = self._next_label(after + 1) + 1
        if self.kind(after) == "comma":
            after += 1
        joined = self.kind(after) == "alternative" and self._label_at(after + 1)
        return joined and after > place + 1

    def _next_label(self, place: int) -> int:
        while self.kind(place) == "article":
            place += 1
        return place

    def _label_at(self, place: int) -> bool:
        return self.kind(self._next_label(place)) == "label"

    # ---- signals

    def negation(self, place: int) -> None:
        # "No, she is sad": an interjection
        if self.units[place].text in {"no", "non", "nie", "not"} and self.kind(place + 1) in {
            "comma",
            "stop",
            "colon",
            "dash",
            "end",
        }:
            return
        self.negates, self.distance = True, 0

    def negation_after(self, place: int) -> None:
        joined = True
        for mention in reversed(self.result.found):
            between = {self.kind(each) for each in range(mention.place + 1, place)}
            if not joined or between & {"comma", "stop", "contrast"}:
                return
            mention.negated = True
            joined = self.kind(mention.place - 1) in {"alternative", "union"}

    def inability(self, place: int) -> None:
        verbs = _verbs()
        for after in range(place + 1, min(place + 5, len(self.units))):
            if self.kind(after) not in _PASSING:
                break
            if self.units[after].text in verbs:
                self.refusal()
                return
        self.negation(place)

    def refusal(self) -> None:
        self.refuses = self.result.refuses = True

    def apology(self) -> None:
        self.result.apologises = True

    def addition(self) -> None:
        self.adds = True
        self.negates = self.refuses = False

    def contrast(self, place: int) -> None:
        between_labels = self.kind(place - 1) == "label" and self._label_at(place + 1)
        last = self.result.found[-1] if self.result.found else None
        if not (self.adds or (between_labels and last and not last.negated)):
            for mention in self.result.found:
                mention.weight -= 1
        self._end_clause()

    def concession(self) -> None:
        self._end_clause()
        self.concedes = True

    def tentative(self) -> None:
        self.guesses = True

    def chief(self) -> None:
        self.stresses = True

    def conclusion(self) -> None:
        self._end_clause()
        self.concludes = True

    def comparative(self) -> None:
        self.more = True

    def lesser(self) -> None:
        self.less = self.negates = True
        self.distance = 0

    def than(self) -> None:
        self.negates, self.distance = not self.less, 0

    def than_after_more(self) -> None:
        if self.more or self.less:
            self.than()

    def union(self, place: int) -> None:
        if self.negates and not self._label_at(place + 1) and self.distance > 0:
            self.negates = False

    # ---- punctuation

    def comma(self, place: int) -> None:
        following = self.kind(self._next_label(place + 1))
        goes_on = following in {"label", "alternative"} or (
            self.refuses and following == "subordination"
        )
        if not goes_on:
            self.refuses = self.guesses = self.stresses = False
            self.less = self.more = False
        self.negates = self.negates and self.lists
        self.concedes = False

    def colon(self) -> None:
        self.negates = self.refuses = self.guesses = self.concedes = self.less = False

    def stop(self) -> None:
        self._end_clause()
        self.concludes = self.adds = False

    def _end_clause(self) -> None:
        self.negates = self.refuses = self.concedes = self.guesses = self.stresses = False
        self.less = self.more = self.lists = False


@cache
def _verbs() -> frozenset[str]:
    return frozenset(signals()[VERBS])


def _quotations(units: Sequence[Unit], quotes: Sequence[int]) -> list[tuple[int, int]]:
    """Stretches of three words or more between quotation marks, with something outside."""
    stretches = zip(quotes[::2], quotes[1::2], strict=False)
    return [
        (first, last)
        for first, last in stretches
        if last - first > 3 and last - first + 2 < len(units)
    ]


_IN_PLACE: Mapping[str, Callable[[_Scanner, int], None]] = {
    "label": _Scanner.label,
    "negation": _Scanner.negation,
    "negation_after": _Scanner.negation_after,
    "inability": _Scanner.inability,
    "contrast": _Scanner.contrast,
    "union": _Scanner.union,
    "comma": _Scanner.comma,
}
"""What a unit does, where its place matters."""

_ANYWHERE: Mapping[str, Callable[[_Scanner], None]] = {
    "refusal": _Scanner.refusal,
    "apology": _Scanner.apology,
    "addition": _Scanner.addition,
    "concession": _Scanner.concession,
    "tentative": _Scanner.tentative,
    "chief": _Scanner.chief,
    "conclusion": _Scanner.conclusion,
    "more": _Scanner.comparative,
    "less": _Scanner.lesser,
    "than": _Scanner.than,
    "than_after_more": _Scanner.than_after_more,
    "colon": _Scanner.colon,
    "dash": _Scanner.colon,
    "open": _Scanner.colon,
    "close": _Scanner.colon,
    "stop": _Scanner.stop,
}
"""What a unit does, wherever it stands."""
