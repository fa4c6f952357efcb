"""The long studies, one after the other; their tables go to ``benchmarks/results``.

Run by hand (``make evidence``), about half an hour on two idle cores;
``compact_encoder`` and ``ensemble`` an hour or two each, ``fair_training`` some hours::

    python benchmarks/evidence.py                 # all of them
    python benchmarks/evidence.py scoring         # one of them

``EQUIVOICE_DATA`` names the folder with real speech (``../shared/data`` where it
is not set). Each table states its command, commit and machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from equivoice.store.provenance import git_revision, machine

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DATA = os.environ.get("EQUIVOICE_DATA", "../shared/data")
STUDIES = {
    "acoustic_baseline": [
        "acoustic_baseline.py",
        "--data",
        DATA,
        "ravdess",
        "emovo",
        "nemo",
        "urdu",
    ],
    "compact_encoder": ["compact_encoder.py", "--data", DATA],
    "coverage": ["coverage.py", "--out", str(RESULTS / "coverage.md")],
    "encoders": ["encoders.py", "--data", DATA],
    "ensemble": ["ensemble.py", "--data", DATA],
    "grounding": ["grounding.py", "--data", DATA],
    "listeners": ["listeners.py", "--data", DATA],
    "meld_targets": ["meld_targets.py", "--data", DATA],
    "rationale_chain": ["rationale_chain.py", "--data", DATA],
    "scoring": ["scoring.py"],
    "small_model": ["small_model.py", "--data", DATA],
    "training_overhead": ["training.py"],
    "fair_training": ["fair_training.py", "--data", DATA],
}


def main() -> None:
    """Run the studies named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", choices=[*STUDIES, []], help="default: all")
    for name in parser.parse_args().studies or STUDIES:
        script, *options = STUDIES[name]
        command = [sys.executable, str(HERE / script), *options]
        print(f"== {name}: {' '.join(command)}", flush=True)
        if name == "scoring":
            write_scoring(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout
            )
        else:
            subprocess.run(command, check=True)


def write_scoring(output: str) -> None:
    """The JSON lines of the scoring benchmark as a table."""
    lines = [json.loads(line) for line in output.splitlines()]
    host = ", ".join(machine().values())
    text = (
        f"# Speed of scoring\n\n`python benchmarks/scoring.py`, commit {git_revision()}, {host}\n"
    )
    for line in lines:
        text += f"\n## {line.pop('benchmark')}\n\n| what | measured |\n| --- | --- |\n"
        text += "".join(f"| {key.replace('_', ' ')} | {value} |\n" for key, value in line.items())
    (RESULTS / "scoring.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
