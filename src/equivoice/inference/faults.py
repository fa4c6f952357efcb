"""Faults of an utterance, which cost one answer, and faults of the machine, which end a run."""

from __future__ import annotations

import errno

from equivoice.errors import InputError, MissingDependencyError, StorageError

__all__ = ["FAULTS", "raise_if_hopeless", "reason_of"]

# What a faulty recording or a numerical accident raises. Mistakes in a program
# (TypeError, AttributeError, NameError) are not among them: they would fail on
# every utterance and must be seen. Neither is RunError, by which a backend says
# that nothing is to be had from going on.
FAULTS = (InputError, ArithmeticError, EOFError, LookupError, OSError, RuntimeError, ValueError)
"""Errors after which the other utterances of a batch are asked for alone."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_LONGEST_REASON = 300


def raise_if_hopeless(error: Exception) -> None:
    """Raise a fault of the machine, which would hit every utterance.

    Raises:
        MissingDependencyError: a package is missing.
        StorageError: there is no room to write.
    """
    if isinstance(error, MissingDependencyError):
        raise error
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        raise StorageError(f"cannot write while predicting: {error}") from error


def reason_of(error: Exception) -> str:
    r"""Why an utterance failed, in one line.

    Example:
        >>> reason_of(ValueError("no  sound\nat all"))
        'ValueError: no sound at all'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, InputError):
        text = f"{type(error).__name__}: {text}"
    return text[:_LONGEST_REASON]
