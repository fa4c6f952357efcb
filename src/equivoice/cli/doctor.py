"""``equivoice doctor``: what this machine offers, and whether systems do what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from pydantic import Field
from rich.markup import escape
from rich.table import Table

from equivoice.cli.config import VerbConfig, configured, option, verb_app
from equivoice.cli.console import note, progress, say
from equivoice.corpora import load_corpus
from equivoice.errors import ConfigError
from equivoice.evaluation.selftests import (
    Contact,
    Fact,
    Gate,
    contacts,
    examine,
    examine_machine,
    make_probes,
)
from equivoice.models import LanguageBackend
from equivoice.models.registry import load_model

app = verb_app()

FAILED = 1
_TESTS = 10
_STYLES = {"passed": "green", "failed": "bold red", "undefined": "yellow", "not applicable": "dim"}
_STATES = {"good": "green", "missing": "dim", "limited": "yellow"}


class DoctorConfig(VerbConfig):
    """Options of ``doctor``."""

    system: tuple[str, ...] = option("a system to test on synthetic speech", default=())
    corpus: tuple[str, ...] = option(
        "a corpus: its name, or its folder; says which systems were trained on it", default=()
    )
    options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options of systems, by the system's name"
    )
    keep: Path | None = option("a folder that keeps the synthetic speech", default=None)
    as_json: bool = option("print the results as JSON", default=False, flag="json")


@app.command()
@configured(DoctorConfig)
def doctor(config: DoctorConfig) -> None:
    """Look at the machine; or, for systems, test whether they do what they say.

    The self-tests run on speech that is made here; no recording is needed. A test
    that fails ends with exit code 1. An optimisation whose test fails is switched
    off for that system, and the line below the table says how to keep it off.
    Options of a system are given as options.SYSTEM.NAME=VALUE.

    Example:
      equivoice doctor
      equivoice doctor --system acoustic
      equivoice doctor --system qwen2-audio options.qwen2-audio.model=Qwen/Qwen2-Audio-7B-Instruct
    """
    _check_options(config)
    facts = examine_machine()
    if not config.system and not config.as_json:
        say(_machine_table(facts))
    results: dict[str, list[Gate]] = {}
    models: dict[str, str] = {}
    for name in config.system:
        results[name], models[name] = _tested(name, config)
        if not config.as_json:
            say("", _gate_table(name, results[name]), *_switched_off(name, results[name]))
    notes = list(_contacts(config, models))
    if config.as_json:
        print(_as_json(facts, results, notes))
    elif notes:
        say("", "Trained on what it is tested on?", *(_contact(each) for each in notes))
    failed = [gate for gates in results.values() for gate in gates if gate.outcome == "failed"]
    if failed:
        raise typer.Exit(FAILED)


def _check_options(config: DoctorConfig) -> None:
    unknown = sorted(set(config.options) - set(config.system))
    if unknown:
        raise ConfigError(
            "options for a system that is not tested", value=unknown[0], choices=config.system
        )


def _tested(name: str, config: DoctorConfig) -> tuple[list[Gate], str]:
    """The self-tests of a system, and the model that it is by its own record."""
    system = load_model(name, **config.options.get(name, {}))
    with TemporaryDirectory() as temporary, progress(f"testing {name}") as report:
        folder = config.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report("making speech", 0, _TESTS)
        probes = make_probes(folder)
        gates: list[Gate] = []
        for gate in examine(system, probes):
            gates.append(gate)
            report(gate.name, len(gates), max(_TESTS, len(gates)))
    note(f"{name}: tested on {probes.made_by}")
    described = system.describe() if isinstance(system, LanguageBackend) else {}
    return gates, str(described.get("model") or name)


def _machine_table(facts: list[Fact]) -> Table:
    table = Table("machine", "", "what can be done", box=None, pad_edge=False)
    for fact in facts:
        style = _STATES[fact.state]
        table.add_row(
            escape(fact.name), f"[{style}]{escape(fact.value)}[/]", f"[dim]{escape(fact.hint)}[/]"
        )
    return table


def _gate_table(name: str, gates: list[Gate]) -> Table:
    table = Table(
        "test", "outcome", "what was seen", "measured", "allowed", box=None, pad_edge=False
    )
    table.title = escape(name)
    table.title_justify = "left"
    for gate in gates:
        style = _STYLES[gate.outcome]
        table.add_row(
            escape(gate.name),
            f"[{style}]{gate.outcome}[/]",
            escape(gate.why),
            _number(gate.measured),
            _number(gate.threshold),
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _switched_off(name: str, gates: list[Gate]) -> Iterator[str]:
    for gate in gates:
        if gate.switches_off is not None:
            yield (
                f"{name}: the test of {gate.switches_off} failed, so it is switched off here; "
                f"run this model with options.{name}.{gate.switches_off}=off"
            )


def _contacts(config: DoctorConfig, models: Mapping[str, str]) -> Iterator[Contact]:
    for given in config.corpus:
        corpus = load_corpus(Path(given)).name if Path(given).is_dir() else given
        for name in config.system:
            yield from contacts(models[name], corpus)


def _contact(contact: Contact) -> str:
    source = f" (source: {contact.source})" if contact.source else ""
    return f"  {contact.model} on {contact.corpus}: {contact.kind}. {contact.what}{source}"


def _as_json(facts: list[Fact], results: Mapping[str, list[Gate]], notes: list[Contact]) -> str:
    content = {
        "machine": [fact.as_dict() for fact in facts],
        "systems": {name: [gate.as_dict() for gate in gates] for name, gates in results.items()},
        "contamination": [contact.as_dict() for contact in notes],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)
