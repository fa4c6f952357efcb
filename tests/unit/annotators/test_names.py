"""Names of people as systems."""

from __future__ import annotations

import itertools

import pytest

from equivoice.annotators.names import (
    AGREEMENT,
    HALF,
    HUMAN_SYSTEMS,
    LEFT_OUT,
    LISTENER,
    PLURALITY,
    agreement_system,
    human_system,
    is_agreement,
    is_human,
)
from equivoice.errors import ConfigError
from equivoice.records import CHANNELS

EVERYWHERE = (None, *CHANNELS)


def test_names_as_they_stand_in_reports() -> None:
    assert human_system(LISTENER, "voice") == "one listener (voice)"
    assert human_system(LEFT_OUT, "both") == "one listener, left out (both)"
    assert human_system(PLURALITY, "face") == "the crowd's plurality (face)"
    assert human_system(HALF, "text") == "half the crowd (text)"
    assert human_system(HALF) == "half the crowd"
    assert agreement_system("voice") == "listeners (voice)"
    assert agreement_system() == "listeners"


@pytest.mark.parametrize(("kind", "channel"), list(itertools.product(HUMAN_SYSTEMS, EVERYWHERE)))
def test_every_human_name_is_known_as_one(kind: str, channel: str | None) -> None:
    name = human_system(kind, channel)
    assert is_human(name)
    assert not is_agreement(name)


def test_names_of_people_differ() -> None:
    names = [human_system(*each) for each in itertools.product(HUMAN_SYSTEMS, EVERYWHERE)]
    names += [agreement_system(channel) for channel in EVERYWHERE]
    assert len(set(names)) == len(names) == 25


@pytest.mark.parametrize("channel", EVERYWHERE)
def test_rows_of_agreement_are_nobodys_answers(channel: str | None) -> None:
    name = agreement_system(channel)
    assert is_agreement(name)
    assert not is_human(name)


@pytest.mark.parametrize(
    "system",
    [
        None,
        "",
        "acoustic",
        "one listener (smell)",
        "one listener (voice) 2",
        "one listener (voice) − acoustic",
        "One listener",
        "a one listener",
        "half the crowd(voice)",
        "listeners (voice) (face)",
        "one listener\n",
    ],
)
def test_other_systems_are_no_people(system: str | None) -> None:
    assert not is_human(system)
    assert not is_agreement(system)


def test_an_unknown_kind_of_people() -> None:
    with pytest.raises(ConfigError, match="no such human system") as caught:
        human_system("two listeners")
    assert caught.value.choices == HUMAN_SYSTEMS
    with pytest.raises(ConfigError, match="no such human system"):
        human_system(AGREEMENT)


def test_an_unknown_channel() -> None:
    with pytest.raises(ConfigError, match="no such channel: 'smell'") as caught:
        agreement_system("smell")
    assert caught.value.choices == CHANNELS
