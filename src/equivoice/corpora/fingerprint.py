"""What corpora hold, as hashes: so that a run can say what it was made from."""

from __future__ import annotations

from collections.abc import Mapping

from equivoice.corpora.corpus import Corpus
from equivoice.store.provenance import hash_audio, hash_file, hash_frame

__all__ = ["input_hashes"]

_PREPARED = ("corpus.json", "utterances.parquet", "folds.parquet", "votes.parquet")


def input_hashes(corpora: Mapping[str, Corpus]) -> dict[str, str]:
    """The SHA-256 of each file of some corpora, and of their recordings.

    Args:
        corpora: by name. One that was given in memory is known by its tables' rows.
    """
    hashes: dict[str, str] = {}
    for name, corpus in corpora.items():
        root = corpus.root
        if root is not None and (root / "corpus.json").is_file():
            files = [root / file for file in _PREPARED if (root / file).is_file()]
            hashes |= {f"{name}/{file.name}": hash_file(file) for file in files}
        else:
            hashes[f"{name}/utterances"] = hash_frame(corpus.utterances.drop("audio", strict=False))
            hashes[f"{name}/folds"] = hash_frame(corpus.folds)
        audio = hash_audio(corpus.utterances)
        if audio is not None:
            hashes[f"{name}/audio"] = audio
    return hashes
