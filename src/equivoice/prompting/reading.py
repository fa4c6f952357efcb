"""Decide what running text says: one label, several, none, or that it will not say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from equivoice.prompting.mentions import Mention, Mentions, find_mentions
from equivoice.prompting.outcome import Parsed
from equivoice.prompting.units import Unit, to_units
from equivoice.prompting.vocabulary import Vocabulary

__all__ = ["read_text", "read_units"]

_HEADING = 2  # how much more a label counts that opens the answer, before a rationale
_BETWEEN_ECHOED = frozenset(
    {"comma", "slash", "stop", "alternative", "union", "number", "close", "open", "dash"}
)
_BEFORE_HEADING = frozenset({"open", "close", "quote", "dash", "stop", "colon", "article"})
_BEFORE_NUMBER = frozenset({"colon", "slash", "open", "close", "dash"})
_DEGREES = {"none": 0.0, "low": 1.0, "medium": 2.0, "moderate": 2.0, "high": 3.0}


def read_text(text: str, vocabulary: Vocabulary) -> Parsed:
    """Read running text.

    Example:
        >>> from equivoice.prompting.vocabulary import vocabulary_of
        >>> read_text("Not angry but happy.", vocabulary_of(["angry", "happy"])).label
        'happy'
    """
    return read_units(to_units(text, vocabulary.lexicon), vocabulary)


def read_units(units: Sequence[Unit], vocabulary: Vocabulary) -> Parsed:
    """Read running text that is cut into units."""
    mentions = find_mentions(units)
    affirmed = [mention for mention in mentions.found if not mention.negated]
    if not affirmed:
        return _without_label(mentions, units, vocabulary)
    if len({mention.label for mention in affirmed}) == 1:
        return _named(affirmed[0], "stands in the answer", mentions)
    weighed = _by_number(affirmed, units)
    if weighed is not None:
        return weighed
    echoed = _echoed(affirmed, units, len(vocabulary.labels))
    rest = [mention for mention in affirmed if mention.place not in echoed]
    if not rest:
        return Parsed("ambiguous", None, "the answer repeats the options and does not choose")
    _stress_heading(rest, units)
    most = max(mention.weight for mention in rest)
    decisive = [mention for mention in rest if mention.weight == most]
    labels = list(dict.fromkeys(mention.label for mention in decisive))
    if len(labels) == 1:
        return _named(decisive[0], "decides among the labels in the answer", mentions)
    return Parsed("ambiguous", None, f"several labels stand in the answer: {', '.join(labels)}")


def _named(mention: Mention, how: str, mentions: Mentions) -> Parsed:
    denied = dict.fromkeys(each.text for each in mentions.found if each.negated)
    but = f"; negated: {', '.join(map(repr, denied))}" if denied else ""
    return Parsed("parsed", mention.label, f"the word {mention.text!r} {how}{but}")


def _without_label(mentions: Mentions, units: Sequence[Unit], vocabulary: Vocabulary) -> Parsed:
    neutral = vocabulary.words.get("no emotion")
    if neutral is not None and _denies_emotion(units):
        return Parsed("parsed", neutral, "the answer says that there is no emotion")
    if mentions.refuses or (mentions.apologises and not mentions.found):
        return Parsed("refused", None, "the answer declines to name an emotion")
    if mentions.found:
        denied = dict.fromkeys(mention.text for mention in mentions.found)
        return Parsed(
            "unparsed", None, f"the answer only denies labels: {', '.join(map(repr, denied))}"
        )
    return Parsed("unparsed", None, "no label stands in the answer")


def _denies_emotion(units: Sequence[Unit]) -> bool:
    """Whether "emotion" stands within a few words after a negation that is about it."""
    for place, unit in enumerate(units):
        if unit.text not in {"emotion", "emotions", "feeling", "feelings"}:
            continue
        before = units[max(0, place - 4) : place]
        kinds = [each.kind for each in before]
        if {"refusal", "inability", "stop", "comma"} & set(kinds) or "negation" not in kinds:
            continue
        negation = before[kinds.index("negation")].text
        # "the emotion is not": what is negated stands behind
        if negation != "not" or any(each.text == "any" for each in before):
            return True
    return False


# --------------------------------------------------------------------------- numbers


def _by_number(affirmed: Sequence[Mention], units: Sequence[Unit]) -> Parsed | None:
    """The label with the largest number, where every label has one."""
    numbers: dict[str, float] = {}
    for mention in affirmed:
        number = _number_after(mention.place, units)
        if number is None:
            return None
        numbers[mention.label] = max(number, numbers.get(mention.label, number))
    most = max(numbers.values())
    first = [label for label, number in numbers.items() if number == most]
    if len(first) > 1:
        return Parsed("ambiguous", None, f"equal numbers for {', '.join(first)}")
    return Parsed("parsed", first[0], f"{first[0]!r} has the largest number, {most:g}")


def _number_after(place: int, units: Sequence[Unit]) -> float | None:
    after = place + 1
    opened = False
    while after < len(units) and units[after].kind in _BEFORE_NUMBER:
        opened = True
        after += 1
    if after >= len(units) or units[after].kind != "number":
        degree = units[after].text if opened and after < len(units) else ""
        return _DEGREES.get(degree)
    numbers_a_list = after + 1 < len(units) and units[after + 1].text in {".", ")"}
    if numbers_a_list and not opened:
        return None
    return float(units[after].text.replace(",", "."))


# --------------------------------------------------------------------------- echoes


def _echoed(affirmed: Sequence[Mention], units: Sequence[Unit], n_options: int) -> set[int]:
    """Places of labels that stand in a list of the options.

    A list has three options or more (both, where there are two), each once, with
    nothing but commas, bullets, letters and conjunctions between.
    """
    enough = min(3, n_options)
    echoed: set[int] = set()
    run: list[Mention] = []
    for mention in affirmed:
        labels = {each.label for each in run}
        if run and (
            mention.label in labels or not _listed(units[run[-1].place + 1 : mention.place])
        ):
            echoed |= _places(run, enough)
            run = []
        run.append(mention)
    return echoed | _places(run, enough)


def _listed(between: Iterable[Unit]) -> bool:
    return all(unit.kind in _BETWEEN_ECHOED or len(unit.text) == 1 for unit in between)


def _places(run: Sequence[Mention], enough: int) -> set[int]:
    labels = {mention.label for mention in run}
    return {mention.place for mention in run} if len(labels) >= enough else set()


# --------------------------------------------------------------------------- headings


def _stress_heading(mentions: Sequence[Mention], units: Sequence[Unit]) -> None:
    """Add weight to a label that opens the answer and is followed by a rationale."""
    first = mentions[0]
    if any(unit.kind not in _BEFORE_HEADING for unit in units[: first.place]):
        return
    after = first.place + 1
    marks = []
    while after < len(units) and units[after].kind in {"stop", "colon", "dash", "comma", "open"}:
        marks.append(units[after].kind)
        after += 1
    while after < len(units) and units[after].kind == "article":
        after += 1
    if not marks or after >= len(units) or units[after].kind in {"label", "contrast"}:
        return
    first.weight += 1 if marks == ["comma"] else _HEADING
