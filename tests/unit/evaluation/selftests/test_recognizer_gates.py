"""Self-tests of systems that predict probabilities, on sound and on broken ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.evaluation.selftests import Probes, examine, make_probes
from equivoice.models.registry import load_model
from equivoice.records import Label, LabelSpace


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Probes:
    return make_probes(tmp_path_factory.mktemp("probes"))


class Hearer:
    """Probabilities by the content of the file; ``flaw`` breaks it."""

    name = "hearer"
    label_space = LabelSpace("two", (Label("happy"), Label("sad")))

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.calls = 0

    def predict(self, utterances: pl.DataFrame) -> np.ndarray:
        self.calls += 1
        rows = []
        for path in utterances["audio"]:
            content = b"" if self.flaw == "deaf" else Path(path).read_bytes()
            content += str(utterances.height).encode() if self.flaw == "leaks" else b""
            content += str(self.calls).encode() if self.flaw == "forgets" else b""
            # not one byte of it: two sounds would have the same one too often
            share = int.from_bytes(hashlib.sha256(content).digest()[:6], "big") / 2**48
            rows.append([share, 1 - share])
        table = np.array(rows)
        return np.full_like(table, np.nan) if self.flaw == "mute" else table


@pytest.mark.parametrize(
    ("flaw", "wanted"),
    [
        ("", {"hears": "passed", "batch": "passed", "repeat": "passed"}),
        ("deaf", {"hears": "failed", "batch": "passed", "repeat": "passed"}),
        ("leaks", {"hears": "passed", "batch": "failed", "repeat": "passed"}),
        ("forgets", {"hears": "passed", "batch": "failed", "repeat": "failed"}),
        ("mute", {"hears": "undefined", "batch": "undefined", "repeat": "undefined"}),
    ],
)
def test_each_flaw_is_found(probes: Probes, flaw: str, wanted: dict[str, str]) -> None:
    assert {gate.name: gate.outcome for gate in examine(Hearer(flaw), probes)} == wanted


def test_the_prior_is_found_not_to_listen(probes: Probes) -> None:
    found = {gate.name: gate.outcome for gate in examine(load_model("prior"), probes)}
    assert found == {"hears": "failed", "batch": "passed", "repeat": "passed"}


@pytest.mark.slow
def test_the_acoustic_baseline_listens(probes: Probes) -> None:
    found = {gate.name: gate for gate in examine(load_model("acoustic"), probes)}
    assert found["hears"].outcome == "passed", found["hears"].why
    assert found["repeat"].outcome == "passed"
