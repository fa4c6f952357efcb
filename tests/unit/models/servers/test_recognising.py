"""What a server says of itself: its models, and what kind of server it is."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from equivoice.errors import RunError
from equivoice.models.servers.asking import Asker
from equivoice.models.servers.recognising import Listing, list_models, told_dialect
from equivoice.models.servers.retrying import Failure, Patience
from equivoice.models.servers.transport import Address

BASE = "http://127.0.0.1:8000/v1"
MODELS = f"{BASE}/models"
OPENAPI = "http://127.0.0.1:8000/openapi.json"
PATHS = ["/load_model", "/reset", "/v1/chat/completions", "/v1/models"]


class Pages:
    """Stands in for an Asker: pages by address, a 404 where there is none."""

    def __init__(self, base: str = BASE, /, **pages: bytes | Failure) -> None:
        self.address = Address(base)
        self.pages: dict[str, bytes | Failure] = {
            {"models": MODELS, "openapi": OPENAPI}[name]: page for name, page in pages.items()
        }
        self.asked: list[tuple[str, int]] = []

    def get(self, url: str, *, patience: Patience) -> bytes | Failure:
        self.asked.append((url, patience.tries))
        return self.pages.get(url, Failure("denied", "HTTP 404", status=404))


def asker(**pages: bytes | Failure) -> Asker:
    return cast("Asker", Pages(**pages))


def listed(*models: dict[str, Any]) -> bytes:
    return json.dumps({"object": "list", "data": models}).encode()


def test_models_are_listed_by_name_with_what_is_said_of_them() -> None:
    page = listed({"id": "a", "owned_by": "vllm", "created": 5}, {"id": "b", "max_model_len": 9})
    listing = list_models(asker(models=page))
    assert listing.names == ["a", "b"]
    assert listing.entry("a") == {"id": "a", "owned_by": "vllm"}
    assert listing.entry("b") == {"id": "b", "max_model_len": 9}
    assert listing.entry("c") is None


def test_an_entry_is_a_copy() -> None:
    listing = Listing(({"id": "a"},))
    entry = listing.entry("a")
    assert entry is not None
    entry["id"] = "changed"
    assert listing.names == ["a"]


@pytest.mark.parametrize(
    "page",
    [
        b"<html>",
        b"{}",
        b'{"data": 5}',
        b'{"data": ["a"]}',
        Failure("denied", "HTTP 404", status=404),
        Failure("busy", "HTTP 500", status=500),
    ],
)
def test_a_server_without_such_a_list_can_be_asked_all_the_same(page: bytes | Failure) -> None:
    listing = list_models(asker(models=page))
    assert listing == Listing(None)
    assert listing.names == []
    assert listing.entry("a") is None


def test_a_server_that_is_not_there_is_told_with_its_address_and_the_next_step() -> None:
    with pytest.raises(RunError) as caught:
        list_models(asker(models=Failure("unreachable", "no connection (refused)")))
    message = str(caught.value)
    assert f"the server at {BASE} cannot be reached: no connection (refused)" in message
    assert "next: start the server" in message


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_told_with_the_next_step(status: int) -> None:
    with pytest.raises(RunError, match="refuses the key: HTTP") as caught:
        list_models(asker(models=Failure("denied", f"HTTP {status}", status=status)))
    assert "api_key_env" in str(caught.value)


@pytest.mark.parametrize(
    ("owner", "kind"),
    [
        ("vllm", "vllm"),
        ("llamacpp", "llama.cpp"),
        ("openai", "openai"),
        ("system", "openai"),
    ],
)
def test_a_server_is_known_by_whom_its_models_belong_to(owner: str, kind: str) -> None:
    pages = Pages()
    dialect = told_dialect(cast("Asker", pages), Listing(({"id": "m", "owned_by": owner},)))
    assert dialect is not None
    assert dialect.name == kind
    assert pages.asked == []  # nothing more needs to be asked


def test_transformers_is_known_by_its_paths() -> None:
    page = json.dumps({"paths": {path: {} for path in PATHS}}).encode()
    pages = Pages(openapi=page)
    dialect = told_dialect(cast("Asker", pages), Listing(({"id": "m", "owned_by": "Qwen"},)))
    assert dialect is not None
    assert dialect.name == "transformers"
    assert pages.asked == [(OPENAPI, 1)]


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/"])
def test_its_paths_are_found_wherever_the_address_ends(base: str) -> None:
    page = json.dumps({"paths": {path: {} for path in PATHS}}).encode()
    pages = Pages(base, openapi=page)
    assert told_dialect(cast("Asker", pages), Listing(None)) is not None


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"paths": ["/load_model", "/reset", "/v1/chat/completions"]}',
        json.dumps({"paths": {path: {} for path in PATHS[1:]}}).encode(),
        Failure("cut", "no whole reply"),
    ],
)
def test_a_server_that_does_not_say_is_not_guessed(page: bytes | Failure) -> None:
    assert told_dialect(asker(openapi=page), Listing(None)) is None
