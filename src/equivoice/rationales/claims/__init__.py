"""What a reason claims about the sound and the words."""

from equivoice.rationales.claims.claim import Claim
from equivoice.rationales.claims.grammar import find_claims

__all__ = ["Claim", "find_claims"]
