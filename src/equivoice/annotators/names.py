"""Names of people as systems: one listener, the crowd, half of it.

A report has rows of people beside the rows of systems. Their names say who
answers and what they perceived: ``one listener (voice)``.
"""

from __future__ import annotations

import re

from equivoice.errors import ConfigError
from equivoice.records import CHANNELS

__all__ = [
    "AGREEMENT",
    "HALF",
    "HUMAN_SYSTEMS",
    "LEFT_OUT",
    "LISTENER",
    "PLURALITY",
    "agreement_system",
    "human_system",
    "is_agreement",
    "is_human",
]

LISTENER = "one listener"
"""The answers of one listener drawn at random, held against a given reference."""

LEFT_OUT = "one listener, left out"
"""One listener drawn at random, held against the others."""

PLURALITY = "the crowd's plurality"
"""What most listeners say."""

HALF = "half the crowd"
"""One random half of the listeners, held against the other half."""

HUMAN_SYSTEMS = (LISTENER, LEFT_OUT, PLURALITY, HALF)

AGREEMENT = "listeners"
"""Stands in the place of the system where a number is about how far listeners agree."""

_NAMED = re.compile(rf"(?P<kind>.+?)(?: \((?:{'|'.join(CHANNELS)})\))?")


def human_system(kind: str, channel: str | None = None) -> str:
    """The name of people as a system.

    Args:
        kind: one of :data:`HUMAN_SYSTEMS`.
        channel: what they perceived; ``None`` where it is not stated.

    Raises:
        ConfigError: not one of the kinds.

    Example:
        >>> human_system(LISTENER, "voice"), human_system(PLURALITY)
        ('one listener (voice)', "the crowd's plurality")
    """
    if kind not in HUMAN_SYSTEMS:
        raise ConfigError("no such human system", value=kind, choices=HUMAN_SYSTEMS)
    return _with_channel(kind, channel)


def agreement_system(channel: str | None = None) -> str:
    """What stands in the place of the system in rows of agreement.

    Example:
        >>> agreement_system("face")
        'listeners (face)'
    """
    return _with_channel(AGREEMENT, channel)


def is_human(system: str | None) -> bool:
    """Whether a system's name is one that :func:`human_system` gives.

    Example:
        >>> is_human("half the crowd (both)"), is_human("listeners (both)"), is_human(None)
        (True, False, False)
    """
    return _kind(system) in HUMAN_SYSTEMS


def is_agreement(system: str | None) -> bool:
    """Whether a system's name is one that :func:`agreement_system` gives.

    Example:
        >>> is_agreement("listeners (both)"), is_agreement("one listener (both)")
        (True, False)
    """
    return _kind(system) == AGREEMENT


def _with_channel(kind: str, channel: str | None) -> str:
    if channel is not None and channel not in CHANNELS:
        raise ConfigError("no such channel", value=channel, choices=CHANNELS)
    return kind if channel is None else f"{kind} ({channel})"


def _kind(system: str | None) -> str | None:
    found = None if system is None else _NAMED.fullmatch(system)
    return None if found is None else found["kind"]
