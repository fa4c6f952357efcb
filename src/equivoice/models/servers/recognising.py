"""Which models a server has, and what kind of server it is, by its own account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equivoice.errors import RunError
from equivoice.models.servers.asking import Asker
from equivoice.models.servers.dialects import DIALECTS, Dialect
from equivoice.models.servers.replies import MalformedError, read_models
from equivoice.models.servers.retrying import Failure, Patience

__all__ = ["Listing", "list_models", "told_dialect"]

_QUICK = Patience(tries=3, seconds=30.0)
# Paths that 'transformers serve' has and no other server; its list of models says nothing.
_TRANSFORMERS_PATHS = frozenset({"/load_model", "/reset", "/v1/chat/completions"})


@dataclass(frozen=True)
class Listing:
    """What ``/v1/models`` says.

    Args:
        models: one entry a model; ``None`` where the server has no such list.
    """

    models: tuple[Mapping[str, Any], ...] | None

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return [str(model.get("id")) for model in self.models or ()]

    def entry(self, model: str) -> dict[str, Any] | None:
        """What is said of one model."""
        return next((dict(one) for one in self.models or () if one.get("id") == model), None)


def list_models(asker: Asker, patience: Patience = _QUICK) -> Listing:
    """Ask a server for its models.

    Raises:
        RunError: the server cannot be reached, or the key is refused.
    """
    address = asker.address
    body = asker.get(address.url("models"), patience=patience)
    if not isinstance(body, Failure):
        try:
            return Listing(read_models(body))
        except MalformedError:
            return Listing(None)
    if body.status is None:
        raise RunError(
            f"the server at {address.base_url} cannot be reached: {body.reason}\n"
            "  next: start the server, or check base_url"
        )
    if body.status in (401, 403):
        raise RunError(
            f"the server at {address.base_url} refuses the key: {body.reason}\n"
            "  next: export the key as a variable and name it with api_key_env"
        )
    return Listing(None)


def told_dialect(asker: Asker, listing: Listing) -> Dialect | None:
    """The kind of a server by what it says of itself; ``None`` where it does not say."""
    owners = {str(model.get("owned_by", "")) for model in listing.models or ()}
    for dialect in DIALECTS.values():
        if owners & set(dialect.owners):
            return dialect
    return DIALECTS["transformers"] if _has_transformers_paths(asker) else None


def _has_transformers_paths(asker: Asker) -> bool:
    root = asker.address.base_url.rstrip("/").removesuffix("/v1")
    body = asker.get(f"{root}/openapi.json", patience=Patience(tries=1, seconds=10.0))
    if isinstance(body, Failure):
        return False
    try:
        paths = json.loads(body).get("paths")
    except (ValueError, AttributeError, RecursionError):
        return False
    return isinstance(paths, Mapping) and set(paths) >= _TRANSFORMERS_PATHS
