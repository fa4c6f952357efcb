"""An unknown attribute to group by should suggest those of the reference table."""

from __future__ import annotations

import pytest

import equivoice
from equivoice.errors import InputError


def test_the_attributes_of_the_reference_are_among_the_choices_shown() -> None:
    with pytest.raises(InputError) as caught:
        equivoice.score(["sad"], ["sad"], groups={"gender": ["female"]}, group_by=["gendre"])
    assert "gender" in str(caught.value).partition("choices:")[2].split("…")[0]
