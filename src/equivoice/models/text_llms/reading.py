"""Transcripts as rows of tokens, padded behind, cut where they are too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError
from equivoice.models.decoding.marks import as_text, control_marks

if TYPE_CHECKING:
    import torch

__all__ = ["PLACE", "TranscriptReader"]

PLACE = "{transcript}"
"""Where a prompt holds what was said."""


class TranscriptReader:
    """Fills transcripts into a prompt and makes tokens of them.

    What a transcript says is text: a control token of the model in it is parted and read
    as letters. The tokenizer adds its own token of beginning, where it has one; a text of
    no tokens at all is read as the token that ends texts.

    Args:
        tokenizer: of transformers.
        prompt: with :data:`PLACE` in it.
        most: the most tokens of a text; the rest is cut off behind.

    Raises:
        ConfigError: the prompt has no place for a transcript, ``most`` is below 1, or the
            tokenizer has no token for an empty text.
    """

    def __init__(self, tokenizer: Any, *, prompt: str = PLACE, most: int = 256) -> None:
        problems = []
        if PLACE not in prompt:
            problems.append(f"prompt: {prompt!r} has no place for the {PLACE}")
        if most < 1:
            problems.append(f"max_tokens: {most} is below 1")
        self._nothing = next(
            (each for each in (tokenizer.eos_token_id, tokenizer.pad_token_id) if each is not None),
            None,
        )
        if self._nothing is None:
            problems.append("tokenizer: it has no token that ends a text")
        if problems:
            raise ConfigError.from_problems(problems)
        self.tokenizer = tokenizer
        self.prompt = prompt
        self.most = most
        self.cut: dict[str, int] = {}
        """The texts that were cut, by name, each with its full length in tokens."""
        self._marks = control_marks(tokenizer)

    def tokens(self, name: str, transcript: str) -> list[int]:
        """The token ids of a transcript in its prompt, one at least.

        Args:
            name: of the utterance.
            transcript: what was said in it.
        """
        text = self.prompt.replace(PLACE, as_text(transcript, self._marks))
        ids: list[int] = self.tokenizer(text, add_special_tokens=True)["input_ids"]
        if len(ids) > self.most:
            self.cut[name] = len(ids)
        return ids[: self.most] or [int(self._nothing or 0)]

    def batch(self, texts: Sequence[tuple[str, str]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Several transcripts as one batch.

        Args:
            texts: n names and transcripts.

        Returns:
            (n, T) token ids, filled up behind; and (n, T) bool, true where there is one.
        """
        import torch

        rows = [self.tokens(name, said) for name, said in texts]
        ids = torch.full((len(rows), max(map(len, rows))), int(self._nothing or 0))
        mask = torch.zeros(ids.shape, dtype=torch.bool)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
            mask[number, : len(row)] = True
        return ids, mask

    def cuts(self) -> Mapping[str, int]:
        """What was cut so far, as :class:`~equivoice.models.protocols.Cuts` tells it."""
        return {f"end of a text longer than {self.most} tokens": len(self.cut)} if self.cut else {}

    def describe(self) -> Mapping[str, Any]:
        """The prompt, the limit, and how many texts were cut so far."""
        return {"prompt": self.prompt, "max_tokens": self.most, "texts_cut": len(self.cut)}
