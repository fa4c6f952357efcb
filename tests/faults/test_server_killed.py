"""``kill -9`` while a server is being asked: run again, the tables are those of a whole run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run as run_cli
from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from faults.model_server import Body, ModelServer, identity, question_of, serving

pytestmark = pytest.mark.slow

Start = Callable[..., "subprocess.Popen[str]"]

LABELS = ("angry", "happy", "sad")
TABLES = ("predictions.parquet", "estimates.parquet", "utterances.parquet")
SECRET = "sk-test-0123456789abcdef"  # noqa: S105 - opens nothing
UTTERANCES, TEMPERATURES, RUNS = 24, (0.0, 0.7, 1.2), 3
REQUESTS = UTTERANCES * (1 + 2 * RUNS)  # at temperature 0 all runs are one answer


def emotion_said(body: Body) -> str:
    """An answer that hangs on question and seed alone."""
    place = sum(map(ord, question_of(body))) + int(body["seed"]) % 101
    return f"I think it is {LABELS[place % 3]}."


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
            "transcript": f"utterance {number} of speaker {speaker}",
        }
        for speaker in range(4)
        for number in range(6)
    ]
    corpus = Corpus("demo", label_space(LABELS), pl.DataFrame(rows))
    return save_corpus(corpus, tmp_path / "corpora" / "demo")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(answer=emotion_said, key=SECRET) as running:
        yield running


@pytest.fixture
def words(spoken: Path, server: ModelServer) -> Callable[[Path], list[str]]:
    def made(out: Path) -> list[str]:
        return [
            "benchmark",
            "--system=openai-text",
            f"--corpus={spoken}",
            f"--out={out}",
            "--prompt=user_labels",
            "--modality=transcript",
            *(f"--temperature={each}" for each in TEMPERATURES),
            f"--runs={RUNS}",
            "--replicates=50",
            "--permutations=20",
            "--batch-size=4",
            "options.openai-text.model=tiny",
            f"options.openai-text.base_url={server.base_url}",
            "options.openai-text.api_key_env=TEST_MODEL_KEY",
            "options.openai-text.concurrency=3",
        ]

    return made


def tables(folder: Path) -> Mapping[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def expect_success(process: subprocess.Popen[str]) -> None:
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert SECRET not in out + errors


def killed_at(server: ModelServer, request: int, start: Start, words: list[str]) -> None:
    """Start the command and kill it while this request, counted from 1, is being answered."""
    before = server.asked.total()
    process: list[subprocess.Popen[str]] = []
    undisturbed = server.answer

    def answer(body: Body) -> str | None:
        if server.asked.total() - before >= request and process and process[0].poll() is None:
            os.kill(process[0].pid, signal.SIGKILL)
            process[0].wait()
        return undisturbed(body)

    server.answer = answer
    process.append(start(*words, TEST_MODEL_KEY=SECRET))
    process[0].communicate(timeout=300)
    server.answer = undisturbed
    assert process[0].returncode == -signal.SIGKILL


def test_killed_twice_and_disturbed_it_ends_with_the_same_tables(
    words: Callable[[Path], list[str]],
    server: ModelServer,
    tmp_path: Path,
    start: Start,
) -> None:
    expect_success(start(*words(tmp_path / "whole"), TEST_MODEL_KEY=SECRET))
    undisturbed = Counter(server.asked)
    assert undisturbed.total() == REQUESTS
    assert set(undisturbed.values()) == {1}

    out = tmp_path / "run"
    killed_at(server, 40, start, words(out))
    killed_at(server, 60, start, words(out))
    stored = [path.name for path in out.rglob("*") if path.is_file()]
    assert "estimates.parquet" not in stored
    kinds = ("cut", "status 500", "no_json", "busy 0")
    for number, name in enumerate(sorted(undisturbed)):
        server.faults[name] = [kinds[number % 4]] * (number % 3 == 0)
    expect_success(start(*words(out), TEST_MODEL_KEY=SECRET))

    assert tables(out) == tables(tmp_path / "whole")
    found = RunFolder.read(out).predictions()
    key = ["utterance_id", "temperature", "run"]
    assert found.height == UTTERANCES * len(TEMPERATURES) * RUNS == found.unique(key).height
    assert found["status"].unique().to_list() == ["parsed"]
    # The answers are those that the server gives to just that question and seed.
    asked = found.filter((pl.col("temperature") > 0) | (pl.col("run") == 0))
    assert asked.height == REQUESTS
    heard = {identity(body): emotion_said(body) for body in server.bodies}
    by_seed = {int(name.rpartition(" / ")[2]): text for name, text in heard.items()}
    assert all(by_seed[seed] == text for seed, text in asked.select("seed", "response").iter_rows())
    assert SECRET.encode() not in b"".join(
        path.read_bytes() for path in out.rglob("*") if path.is_file()
    )


def test_a_server_that_goes_down_midway_leaves_no_failed_rows(
    words: Callable[[Path], list[str]], server: ModelServer, tmp_path: Path, start: Start
) -> None:
    """The run ends with an error, keeps what is done, and goes on when the server is back."""
    expect_success(start(*words(tmp_path / "whole"), TEST_MODEL_KEY=SECRET))
    before = server.asked.total()
    undisturbed = server.answer

    def down_after_50(body: Body) -> str | None:
        if server.asked.total() - before > 50:
            with server.lock:
                server.faults["*"] = ["status 503"] * 10_000
        return undisturbed(body)

    server.answer = down_after_50
    patience = ["options.openai-text.tries=2", "options.openai-text.give_up_after=4"]
    process = start(*words(tmp_path / "run"), *patience, TEST_MODEL_KEY=SECRET)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "requests in a row without an answer" in errors
    assert "goes on where it stopped" in " ".join(errors.split())

    server.answer, server.faults["*"] = undisturbed, []
    expect_success(start(*words(tmp_path / "run"), *patience, TEST_MODEL_KEY=SECRET))
    found = RunFolder.read(tmp_path / "run").predictions()
    whole = RunFolder.read(tmp_path / "whole").predictions()
    assert found.equals(whole)


def test_the_record_says_what_was_sent_where(
    words: Callable[[Path], list[str]],
    server: ModelServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", SECRET)
    out = tmp_path / "run"
    assert run_cli(words(out)) == 0
    record = RunRecord.model_validate_json((out / "run.json").read_text("utf-8"))
    kept = json.dumps(record.model_dump(mode="json"))
    assert "prompts are sent to 127.0.0.1, which is this machine" in kept
    assert '"kind": "vllm"' in kept
    assert "TEST_MODEL_KEY" in kept
    assert SECRET not in kept
