"""The words of the study: languages, arrows and aggregators."""

from __future__ import annotations

from equivoice.reports.formatting import percent
from equivoice.studies.published.gap_tables import ALL

__all__ = ["AGGREGATED", "arrow", "language", "reason"]

AGGREGATED = {"mean": "mean", "rms": "root mean square", "max": "largest"}
"""How the gaps of several languages become one, in words."""

_LANGUAGES = {"de": "German", "en": "English", "ja": "Japanese", "it": "Italian", "pl": "Polish"}


def language(cell: str) -> str:
    """The name of a cell.

    Example:
        >>> language("de"), language("all"), language("ravdess")
        ('German', 'All languages', 'ravdess')
    """
    return "All languages" if cell == ALL else _LANGUAGES.get(cell, cell)


def arrow(change: float, digits: int = 1) -> str:
    """A change in points with the arrow of the paper's tables.

    Example:
        >>> arrow(-0.0107), arrow(0.0299, 2), arrow(0.0001)
        ('↓1.1', '↑2.99', '0.0')
    """
    text = percent(abs(change), digits)
    return text if float(text) == 0 else f"{'↓' if change < 0 else '↑'}{text}"


def reason(undefined: str | None) -> str:
    """Why a number has no interval.

    Example:
        >>> reason("interval: too few speakers"), reason(None)
        ('too few speakers', 'no reason was recorded')
    """
    return (undefined or "no reason was recorded").removeprefix("interval: ")
