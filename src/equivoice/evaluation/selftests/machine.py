"""What this machine offers: packages and what they enable, processor, memory, disk, cache."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

__all__ = ["Fact", "examine_machine"]

State = Literal["good", "missing", "limited"]

_EXTRAS = {
    "audio": (("soundfile", "soxr"), "sound files"),
    "baseline": (("scikit-learn", "joblib", "threadpoolctl"), "the acoustic baseline"),
    "praat": (("praat-parselmouth",), "acoustic measures, synthetic speech"),
    "datasets": (("datasets",), "corpora of Hugging Face"),
    "audformat": (("audformat",), "corpora in audformat"),
    "models": (
        ("torch", "transformers", "accelerate", "safetensors", "mistral-common"),
        "speech LLMs on this machine",
    ),
    "server": (("openai",), "speech LLMs at a server"),
    "ray": (("ray",), "several processes or machines"),
}
_MEMORY_FOR_7B = 17 * 2**30
_DISK_FOR_7B = 20 * 2**30
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True)
class Fact:
    """One thing about the machine.

    Args:
        name: what it is about.
        value: what was found.
        state: whether it is as one would wish.
        hint: what can be done, where it is not.
    """

    name: str
    value: str
    state: State = "good"
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The fact as JSON can hold it."""
        return asdict(self)


def examine_machine(cache: Path | None = None) -> list[Fact]:
    """What the machine offers to Equivoice.

    torch is asked for its devices where it is installed; nothing is downloaded and no
    address is looked up.

    Args:
        cache: the folder whose disk is looked at; that of the hub by default.

    Example:
        >>> [fact.name for fact in examine_machine()][:2]
        ['python', 'equivoice']
    """
    place = cache or _cache_folder()
    return [
        Fact("python", platform.python_version()),
        Fact("equivoice", _version("equivoice") or "not installed as a package"),
        *_extras(),
        *_torch(),
        Fact("cores", f"{_cores()} of {os.cpu_count()} usable"),
        _memory(),
        _disk(place),
        _cache(place),
        _offline(),
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _extras() -> Iterator[Fact]:
    for extra, (packages, use) in _EXTRAS.items():
        found = {package: _version(package) for package in packages}
        missing = [package for package, number in found.items() if number is None]
        if missing:
            hint = f'for {use}: pip install "equivoice[{extra}]"'
            yield Fact(extra, f"without {', '.join(missing)}", "missing", hint)
        else:
            versions = ", ".join(f"{name} {number}" for name, number in found.items())
            yield Fact(extra, f"{versions}: {use}")


def _torch() -> Iterator[Fact]:
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    yield Fact("torch build", f"{torch.__version__}, CUDA {torch.version.cuda or 'none'}")
    if not torch.cuda.is_available():
        hint = "models of 7 billion parameters take minutes an utterance on a CPU"
        yield Fact("GPU", "none that torch can use", "limited", hint)
        return
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        memory = properties.total_memory
        small = memory < _MEMORY_FOR_7B
        hint = "a model of 7 billion parameters in bfloat16 needs some 17 GiB" if small else ""
        yield Fact(
            f"GPU {number}",
            f"{properties.name}, {_gib(memory)}, bfloat16 "
            f"{'yes' if torch.cuda.is_bf16_supported() else 'no'}",
            "limited" if small else "good",
            hint,
        )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> Fact:
    """Memory, and what is free of it; a container's limit counts where it is lower."""
    if sys.platform != "linux":
        return Fact("memory", "not known on this system")
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    total = kib["MemTotal"] * 1024
    limit = _limit_of_container()
    shown = f"{_gib(total)}, {_gib(kib.get('MemAvailable', 0) * 1024)} free"
    if limit is not None and limit < total:
        shown += f"; this container may use {_gib(limit)}"
        total = limit
    if total >= _MEMORY_FOR_7B:
        return Fact("memory", shown)
    hint = "a model of 7 billion parameters in bfloat16 needs some 17 GiB"
    return Fact("memory", shown, "limited", hint)


def _limit_of_container() -> int | None:
    file = Path("/sys/fs/cgroup/memory.max")
    text = file.read_text(encoding="ascii").strip() if file.is_file() else "max"
    return int(text) if text.isdecimal() else None


def _disk(place: Path) -> Fact:
    there = next(each for each in (place, *place.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free >= _DISK_FOR_7B:
        return Fact("disk", f"{_gib(free)} free for {place}")
    hint = "a model of 7 billion parameters takes some 16 GB; HF_HOME names another place"
    return Fact("disk", f"{_gib(free)} free for {place}", "limited", hint)


def _cache_folder() -> Path:
    home = os.environ.get("HF_HOME")
    return Path(home) if home else Path.home() / ".cache" / "huggingface"


def _cache(place: Path) -> Fact:
    models = place / "hub"
    if not models.is_dir():
        return Fact("models in the cache", f"none in {models}")
    names = [each.name.removeprefix("models--") for each in models.glob("models--*")]
    listed = ", ".join(sorted(name.replace("--", "/") for name in names))
    return Fact("models in the cache", listed or f"none in {models}")


def _offline() -> Fact:
    named = [name for name in _OFFLINE if os.environ.get(name, "").lower() in ("1", "true", "yes")]
    if named:
        return Fact("hub", f"offline, as {' and '.join(named)} says: models come from the cache")
    return Fact("hub", "may be asked for models that are named by a hub id")


def _gib(size: int) -> str:
    return f"{size / 2**30:.0f} GiB"
