"""The speakers of the series Friends, which EmotionLines, MELD and MELD-ST share.

None of the three publishes who is a woman and who is a man. ``friends_speakers.csv``
says it of the six who say most of the lines; a table of the same form says it of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from equivoice.corpora.filenames import gender_of
from equivoice.errors import CorpusError
from equivoice.records import read_frame

__all__ = ["gender_table", "main_cast"]

_COLUMNS = ("speaker", "gender")


@cache
def main_cast() -> Mapping[str, str]:
    """The gender of the six speakers of the main cast.

    Example:
        >>> main_cast()["Phoebe"], len(main_cast())
        ('female', 6)
    """
    inside = resources.files("equivoice.corpora").joinpath("friends_speakers.csv")
    with resources.as_file(inside) as path:
        return MappingProxyType(gender_table(path))


def gender_table(path: Path) -> dict[str, str]:
    """From a speaker to a gender, as a table with these two columns says.

    A speaker without a gender in the table has none.

    Args:
        path: a CSV, TSV, JSON lines or Parquet file with ``speaker`` and ``gender``.

    Raises:
        CorpusError: another table, or a speaker with two genders; names row and value.
        InputError: the file cannot be read.
    """
    frame = read_frame(path, text=_COLUMNS)
    missing = [name for name in _COLUMNS if name not in frame.columns]
    if missing:
        raise CorpusError(
            "not a table of speakers and their gender",
            file=path,
            column=missing[0],
            choices=frame.columns,
            hint="the columns are speaker and gender",
        )
    genders: dict[str, str] = {}
    for row, (name, given) in enumerate(frame.select(_COLUMNS).iter_rows(), start=1):
        speaker, gender = str(name or "").strip(), gender_of(given)
        if gender is None:
            continue
        if genders.setdefault(speaker, gender) != gender:
            raise CorpusError(
                f"{speaker!r} stands twice, with different genders",
                file=path,
                row=row,
                column="gender",
                value=gender,
                hint="a speaker has one row",
            )
    return genders
