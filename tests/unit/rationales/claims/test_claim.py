"""A claim's kind follows from what it is about."""

from __future__ import annotations

import pytest

from equivoice.rationales.claims import Claim
from equivoice.records.rationales import CLAIM_KINDS, CLAIM_MEASURES


@pytest.mark.parametrize("measure", CLAIM_MEASURES)
def test_only_quotations_are_lexical(measure: str) -> None:
    claim = Claim(measure, "present", "words", 0, 5)
    assert claim.kind in CLAIM_KINDS
    assert (claim.kind == "lexical") == (measure == "quote")
    assert not claim.hedged
    assert not claim.negated
