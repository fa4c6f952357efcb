"""What a claim is: something that a reason says of the sound or of the words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Claim"]


@dataclass(frozen=True)
class Claim:
    """One claim of a reason.

    Args:
        measure: what it is about, one of ``records.CLAIM_MEASURES``.
        direction: what it says of that, one of ``records.CLAIM_DIRECTIONS``.
        text: the claim as it is written; for a quotation what stands within the marks.
        start: where the text starts in the reason, in characters.
        end: where it ends.
        hedged: whether the reason only says that it may be so.
        negated: whether the reason says that it is not so.
    """

    measure: str
    direction: str
    text: str
    start: int
    end: int
    hedged: bool = False
    negated: bool = False

    @property
    def kind(self) -> str:
        """``lexical`` for a quotation, else ``acoustic``."""
        return "lexical" if self.measure == "quote" else "acoustic"
