"""``kill -9`` while a teacher writes: the same command goes on, and no answer is lost or doubled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, save_corpus
from equivoice.store.rationale_folder import RationaleFolder
from tiny.corpus import make_corpus

REASON = "The words say that this is a take, and the voice is quick with a pitch that rises."
KILLED = -9

# a teacher that ends its process in its third batch, as the machine's memory guard does
PROGRAM = """
import os, signal, sys
from equivoice.models.scripted_writer import ScriptedWriter
from equivoice.rationales.generating import Teaching, generate_rationales

class Mortal(ScriptedWriter):
    batches = 0
    def answer(self, questions, draws, decoding):
        self.batches += 1
        if self.batches == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(questions, draws, decoding)

teacher = Mortal(otherwise=REASON)
generate_rationales(teacher, sys.argv[1], out=sys.argv[2], how=Teaching(batch_size=2))
print(len(teacher.asked))
""".replace("REASON", repr(REASON))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Corpus]:
    folder = tmp_path_factory.mktemp("teaching")
    made = make_corpus(folder / "sounds", languages=["en"], transcripts=True)
    return save_corpus(made, folder / "demo"), made


def teach(prepared: Path, out: Path, dies_in: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", PROGRAM, str(prepared), str(out), str(dies_in)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_killed_teacher_goes_on_where_it_was(
    prepared: tuple[Path, Corpus], tmp_path: Path
) -> None:
    place, corpus = prepared
    trained = corpus.folds.filter(split="train").height
    out = tmp_path / "out"
    assert teach(place, out, dies_in=3).returncode == KILLED
    stored = RationaleFolder.read(out).answers()
    assert stored.height == 4
    # a line that was being written is torn, and is no answer
    with (out / "answers.jsonl").open("a") as journal:
        journal.write('{"utterance_id": "demo/en-fem')
    again = teach(place, out, dies_in=0)
    assert again.returncode == 0, again.stderr
    assert int(again.stdout) == trained - 4
    whole = teach(place, tmp_path / "whole", dies_in=0)
    assert whole.returncode == 0, whole.stderr
    tables = [RationaleFolder.read(each).rationales() for each in (out, tmp_path / "whole")]
    assert tables[0].equals(tables[1])
    assert tables[0].height == trained
    assert tables[0].get_column("utterance_id").is_unique().all()
    bytes_of = [(each / "rationales.parquet").read_bytes() for each in (out, tmp_path / "whole")]
    assert bytes_of[0] == bytes_of[1]
    assert set(pl.read_parquet(out / "rationales.parquet")["status"]) == {"kept"}
