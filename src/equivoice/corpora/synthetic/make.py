"""Make the synthetic corpus: plan, render each speaker in a process of its own, save."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from equivoice.corpora.corpus import Corpus, load_corpus, save_corpus
from equivoice.corpora.labels import label_space
from equivoice.corpora.synthetic import render
from equivoice.corpora.synthetic.biases import Biases
from equivoice.corpora.synthetic.cast import cast_speakers
from equivoice.corpora.synthetic.plan import CORPUS, Take, plan_takes
from equivoice.corpora.synthetic.raters import cast_votes
from equivoice.corpora.synthetic.recipe import EMOTIONS, RECIPE_VERSION
from equivoice.corpora.synthetic.render import RECEIPT, job_hash
from equivoice.corpora.synthetic.tables import (
    card_of,
    folds_table,
    provenance_of,
    utterance_table,
)
from equivoice.errors import CorpusError, MissingDependencyError, RunError, StorageError

__all__ = ["make_synthetic"]

Progress = Callable[[int, int], None]

_OWN = {"audio", "corpus.json", "utterances.parquet", "folds.parquet", "votes.parquet"}


def make_synthetic(
    out: str | Path,
    *,
    seed: int = 0,
    speakers: int = 24,
    per_speaker: int = 18,
    biases: Biases | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Make the synthetic corpus in a folder, or finish it where it was begun.

    Equal arguments give equal bytes on one machine, however many work on it. What
    was rendered whole stays and is not rendered again; ``corpus.json`` comes last.

    Args:
        out: a folder: new, empty, or one that this function made.
        seed: decides everything that is drawn.
        speakers: how many, even; 24 makes four folds with every language and gender.
        per_speaker: utterances of each speaker; 18 is three of each emotion.
        biases: what is planted; by default noise and a rating shift, see :class:`Biases`.
        workers: processes at a time; by default one a core.
        progress: is called with the number of speakers done and in all.

    Returns:
        the corpus, as :func:`~equivoice.corpora.corpus.load_corpus` reads it.

    Raises:
        ConfigError: a number or a strength that cannot be.
        CorpusError: the folder holds something else.
        MissingDependencyError: praat-parselmouth is not installed.
        RunError: a speaker could not be rendered.
        StorageError: the folder cannot be written.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "tiny"
        >>> corpus = make_synthetic(folder, speakers=2, per_speaker=1)
        >>> corpus.utterances["speaker"].to_list()
        ['en-f1', 'en-m1']
    """
    out = Path(out)
    planted = Biases() if biases is None else biases
    cast = cast_speakers(speakers, seed)
    takes = plan_takes(cast, per_speaker=per_speaker, biases=planted, seed=seed)
    if find_spec("parselmouth") is None:
        raise MissingDependencyError(
            "praat-parselmouth", extra="praat", purpose="the synthetic corpus"
        )
    jobs = _jobs(out, takes)
    _make_room(out, jobs)
    _render(jobs, workers=workers or _cores(), progress=progress)
    corpus = Corpus(
        name=CORPUS,
        label_space=label_space(EMOTIONS, id=CORPUS),
        utterances=utterance_table(takes, _durations(jobs)),
        folds=folds_table(takes),
        votes=cast_votes(takes, planted, seed),
        card=card_of(cast, takes, planted),
        provenance=provenance_of(cast, seed=seed, per_speaker=per_speaker, biases=planted),
    )
    return load_corpus(save_corpus(corpus, out))


def _jobs(out: Path, takes: Sequence[Take]) -> list[dict[str, Any]]:
    return [
        {
            "recipe_version": RECIPE_VERSION,
            "folder": str(out.absolute() / "audio" / speaker.name),
            "voice": asdict(speaker.voice),
            "takes": [take.as_job() for take in own],
        }
        for speaker, own in groupby(takes, key=lambda take: take.speaker)
    ]


def _make_room(out: Path, jobs: Sequence[dict[str, Any]]) -> None:
    """Refuse a folder that holds something else; remove speakers that no longer belong."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        foreign = sorted({path.name for path in out.iterdir()} - _OWN)
        if foreign:
            raise CorpusError(
                "the folder is not empty and holds something else",
                file=out,
                value=foreign[0],
                hint="choose a new folder",
            )
        (out / "corpus.json").unlink(missing_ok=True)
        wanted = {Path(job["folder"]).name for job in jobs}
        audio = out / "audio"
        audio.mkdir(exist_ok=True)
        for folder in audio.iterdir():
            if folder.name not in wanted and (folder / RECEIPT).is_file():
                shutil.rmtree(folder)
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror or error}") from error


def _render(jobs: Sequence[dict[str, Any]], *, workers: int, progress: Progress | None) -> None:
    missing = [job for job in jobs if not _is_rendered(job)]
    done = len(jobs) - len(missing)
    with ThreadPoolExecutor(max(1, min(workers, len(jobs)))) as pool:
        for _ in pool.map(_render_in_process, missing):
            done += 1
            if progress:
                progress(done, len(jobs))


def _is_rendered(job: dict[str, Any]) -> bool:
    """Whether a speaker's folder holds the answer to this very job, unharmed."""
    folder = Path(job["folder"])
    try:
        receipt = json.loads((folder / RECEIPT).read_text("utf-8"))
        return receipt["job"] == job_hash(job) and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == content
            for name, content in receipt["files"].items()
        )
    except (OSError, ValueError, KeyError):
        return False


def _render_in_process(job: dict[str, Any]) -> None:
    # The renderer is run by its path, as -m would import the tables' packages for nothing;
    # -P keeps its neighbours here from shadowing modules of the same name.
    finished = subprocess.run(  # noqa: S603 - our own interpreter and our own file
        [sys.executable, "-P", render.__file__],
        input=json.dumps(job),
        encoding="utf-8",
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
    )
    if finished.returncode != 0:
        lines = finished.stderr.strip().splitlines() or [f"exit code {finished.returncode}"]
        raise RunError(f"{Path(job['folder']).name} could not be rendered: {lines[-1]}")


def _durations(jobs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """From key to length in seconds, read from the recordings' headers."""
    durations = {}
    for job in jobs:
        for take in job["takes"]:
            with wave.open(str(Path(job["folder"]) / f"{take['key']}.wav"), "rb") as sound:
                durations[take["key"]] = sound.getnframes() / sound.getframerate()
    return durations


def _cores() -> int:
    return os.cpu_count() or 1
