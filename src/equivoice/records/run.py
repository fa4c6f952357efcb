"""The run record: all that is needed to say what was done, and to do it again."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RunRecord"]


class RunRecord(BaseModel):
    """What was run, with what, on what, and where.

    ``equivoice rerun RUN`` repeats a run from its record.

    Args:
        verb: the verb that made the run, such as ``benchmark``.
        config: the resolved configuration of that verb.
        command: the command line as typed, for people; empty from Python.
        versions: of Python, Equivoice and the packages that matter.
        git_revision: of the working directory's repository, where there is one.
        inputs: from each input file or table to its SHA-256.
        seeds: the root seed and those derived from it by name.
        host: machine, operating system, cores.
        started: ISO 8601, UTC.
        finished: ISO 8601, UTC; ``None`` while the run goes on.
        generation: the models' effective generation settings, by system.
        selection: every choice that was made from data: what, among which
            candidates, on which split and which speakers. It proves that test
            data chose nothing.
        left_out: what was left out, and how many, by reason.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    verb: str
    config: dict[str, Any]
    command: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    git_revision: str | None = None
    inputs: dict[str, str] = Field(default_factory=dict)
    seeds: dict[str, int] = Field(default_factory=dict)
    host: dict[str, str] = Field(default_factory=dict)
    started: str | None = None
    finished: str | None = None
    generation: dict[str, dict[str, Any]] = Field(default_factory=dict)
    selection: list[dict[str, Any]] = Field(default_factory=list)
    left_out: dict[str, int] = Field(default_factory=dict)
