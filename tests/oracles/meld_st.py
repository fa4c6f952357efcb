"""MELD-ST's tables in small, as ku-nlp/MELD-ST has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = {"ENG_JPN": ("Japanese", "jpn"), "ENG_DEU": ("German", "deu")}
LINES = (
    # dia, utt, season, episode, speaker, emotion, English
    (0, 0, 4, 7, "Phoebe", "sadness", "Oh my God, he's lost it."),
    (0, 1, 4, 7, "Monica", "surprise", "What?"),
    (1, 0, 2, 9, "Joey", "joy", "How you doin'?"),
    (1, 1, 2, 9, "Gunther", "anger", ""),
    (1, 2, 2, 9, "Ross and Rachel", "neutral", "We know."),
)


def write_pair(
    root: Path, pair: str, lines: Mapping[str, Iterable[Sequence[Any]]] | None = None
) -> None:
    """The three tables of a pair, as ku-nlp/MELD-ST has them."""
    language, prefix = COLUMNS[pair]
    (root / pair).mkdir(parents=True, exist_ok=True)
    header = (
        f"id,dia_id,utt_id,emotion,sentiment,English,{language},season,episode,speaker,"
        f"English_begin_time,English_end_time,{language}_begin_time,{language}_end_time"
    )
    for part in ("train", "valid", "test"):
        rows = [
            f'{number},{dia},{utt},{emotion},neutral,"{text}","{language}: {text}",{season},{episode},'
            f'{speaker},"00:20:57,256","00:21:00,049","00:20:57,300","00:21:00,100"'
            for number, (dia, utt, season, episode, speaker, emotion, text) in enumerate(
                (lines or {}).get(part, LINES)
            )
        ]
        (root / pair / f"{prefix}_{part}.csv").write_text("\n".join([header, *rows]) + "\n")
