"""Numbers as text: percentages, points, intervals, p-values, counts.

Values come as fractions of 1 and are shown times 100. A missing value is never
shown as 0 or as a blank; :func:`missing` says why it is missing.
"""

from __future__ import annotations

import re
import sys

from equivoice.reports.rows import Estimate

__all__ = [
    "MINUS",
    "capital",
    "count",
    "interval",
    "level",
    "missing",
    "p_floor",
    "p_value",
    "percent",
    "points",
    "signed",
    "why",
    "why_briefly",
]

MINUS = "−"
_SMALLEST_P_SHOWN = 0.001
_SMALLEST_FLOOR_SHOWN = 0.0001
_NO_REASON = "no reason was recorded"
_FEW = re.compile(r"(too few \w+): (.+) (\(at least .+\))")
_MOST_COUNTS = 4
_COUNTS_SHOWN = 3
_SAYS_NOTHING = ", so their spread says nothing"


def percent(value: float, digits: int = 1) -> str:
    """A fraction of 1 as percentage, without the sign of per cent.

    Example:
        >>> percent(0.5423), percent(-0.0401), percent(-0.0001)
        ('54.2', '−4.0', '0.0')
    """
    text = f"{value * 100:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float, digits: int = 1) -> str:
    """A signed fraction of 1 as percentage points, with its sign.

    Example:
        >>> signed(0.041), signed(-0.041), signed(0.0)
        ('+4.1', '−4.1', '0.0')
    """
    text = percent(value, digits)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def points(value: float, digits: int = 1) -> str:
    """The size of a difference in words.

    Example:
        >>> points(-0.041), points(0.01)
        ('4.1 points', '1.0 points')
    """
    return f"{percent(abs(value), digits)} points"


def interval(low: float, high: float, *, sign: bool = False) -> str:
    """An interval of fractions of 1, as percentages in brackets.

    Example:
        >>> interval(0.498, 0.586), interval(-0.01, 0.02, sign=True)
        ('[49.8, 58.6]', '[−1.0, +2.0]')
    """
    shown = signed if sign else percent
    return f"[{shown(low)}, {shown(high)}]"


def level(estimate: Estimate) -> str:
    """The nominal coverage of an interval.

    Example:
        >>> level(Estimate("score", "accuracy", level=0.95))
        '95%'
    """
    return "unstated level" if estimate.level is None else f"{estimate.level * 100:g}%"


def p_value(value: float) -> str:
    """A p-value with as many digits as it bears.

    Example:
        >>> p_value(0.04321), p_value(0.0004)
        ('0.043', '< 0.001')
    """
    return f"< {_SMALLEST_P_SHOWN}" if value < _SMALLEST_P_SHOWN else f"{value:.3f}"


def p_floor(value: float) -> str:
    """The smallest p that a test can give, to one digit.

    Example:
        >>> p_floor(0.1), p_floor(0.000499), p_floor(1e-9)
        ('0.1', '0.0005', '< 0.0001')
    """
    return f"< {_SMALLEST_FLOOR_SHOWN}" if value < _SMALLEST_FLOOR_SHOWN else f"{value:.1g}"


def count(number: int | None, noun: str = "", plural: str | None = None) -> str:
    """A count with thousands separated, and its noun.

    Example:
        >>> count(1440), count(1, "speaker"), count(24, "speaker"), count(None, "speaker")
        ('1,440', '1 speaker', '24 speakers', 'an unknown number of speakers')
    """
    many = plural or f"{noun}s"
    if number is None:
        return f"an unknown number of {many}" if noun else "unknown"
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else many}"


def missing(estimate: Estimate) -> str:
    """Why a value or an interval is missing.

    Example:
        >>> missing(Estimate("score", "recall", undefined="class without support"))
        'not defined: class without support'
        >>> missing(Estimate("score", "recall"))
        'not defined: no reason was recorded'
    """
    return f"not defined: {estimate.undefined or _NO_REASON}"


def why(reason: str | None) -> str:
    """The reason why a value or an interval is missing, as a part of a sentence.

    Of many groups that are too small for an interval, the smallest are named.

    Example:
        >>> why("interval: too few speakers: female: 3, male: 3 (at least 5 each are needed)")
        'too few speakers: female: 3, male: 3 (at least 5 each are needed)'
        >>> why("too few speakers: a: 9, b x c: 2, d: 4, e: 3, f: 4 (at least 5 each are needed)")
        'too few speakers: b × c: 2, e: 3, d: 4 and 2 more groups (at least 5 each are needed)'
    """
    told = _told(reason)
    found = _FEW.fullmatch(told)
    counts = found[2].split(", ") if found else []
    if found is None or len(counts) <= _MOST_COUNTS:
        return told
    smallest = sorted(counts, key=_last_number)[:_COUNTS_SHOWN]
    more = count(len(counts) - len(smallest), "more group")
    return f"{found[1]}: {', '.join(smallest)} and {more} {found[3]}"


def why_briefly(reason: str | None) -> str:
    """The same in few words, for the note below a table that shows the counts itself.

    Example:
        >>> why_briefly("interval: too few speakers: female: 3 (at least 5 each are needed)")
        'too few speakers (at least 5 each are needed)'
        >>> why_briefly("interval: all resamples gave the same value, so their spread says nothing")
        'all resamples gave the same value'
    """
    told = _told(reason)
    found = _FEW.fullmatch(told)
    return f"{found[1]} {found[3]}" if found else told.removesuffix(_SAYS_NOTHING)


def _told(reason: str | None) -> str:
    text = (reason or _NO_REASON).removeprefix("interval: ").rstrip(".")
    return " × ".join(text.split(" x "))


def _last_number(text: str) -> int:
    """The count at the end of ``group: count``; a text without one comes last."""
    _, _, number = text.rpartition(": ")
    return int(number) if number.isdecimal() else sys.maxsize


def capital(text: str) -> str:
    """The text with its first letter in upper case.

    Example:
        >>> capital("macro-F1")
        'Macro-F1'
    """
    return text[:1].upper() + text[1:]
