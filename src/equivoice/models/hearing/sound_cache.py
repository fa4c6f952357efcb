"""What a frozen encoder makes of a clip, computed once and kept on disk.

Where nothing in an encoder is trained, it says the same of a clip in every epoch. Kept
are its outputs before the projector, which may be trained: one file a clip, read
through the memory map of the operating system. The name of a file is a hash of

- the bytes of the sound file, and where the clip starts and ends;
- the encoder's weights, its dtype, the kind of device, and how it is run.

So a changed sound or encoder is another file, and several runs may share a folder. A
file appears whole or not at all; one that cannot be read is made again.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.errors import StorageError
from equivoice.models.language import Clip

if TYPE_CHECKING:
    import torch

__all__ = ["EncoderIdentity", "SoundCache"]

_NAME = "heard"
_BLOCK = 2**24


class SoundCache:
    """A folder of what encoders heard.

    Args:
        folder: made where it is not there; may be shared by runs and processes.

    Raises:
        StorageError: the folder cannot be made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     SoundCache(place).describe()["read"]
        0
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.read = 0
        """How many clips were found so far."""
        self.written = 0
        """How many were not, and were written."""
        self._contents: dict[tuple[str, int, int], str] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_written(self.folder, error) from error

    def key(self, clip: Clip, encoder: str) -> str | None:
        """The name under which a clip is kept; ``None`` where its file cannot be read.

        Args:
            clip: the clip.
            encoder: which encoder, and all that shapes what it makes of the clip.
        """
        try:
            content = self._content(clip.path)
        except OSError:
            return None
        told = json.dumps([content, clip.start, clip.end, encoder])
        return hashlib.sha256(told.encode()).hexdigest()

    def get(self, key: str) -> torch.Tensor | None:
        """What is kept under a name: (tokens, width), on the CPU; ``None``: nothing whole."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            found = load_file(self._file(key))[_NAME]
        except (OSError, SafetensorError, KeyError):
            return None
        self.read += 1
        return found

    def put(self, key: str, heard: torch.Tensor) -> None:
        """Keep (tokens, width) under a name.

        Raises:
            StorageError: the disk is full, the folder unwritable, and the like.
        """
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        file = self._file(key)
        partial = file.with_name(f".{uuid.uuid4().hex}.partial")
        try:
            file.parent.mkdir(exist_ok=True)
            save_file({_NAME: heard.detach().cpu().contiguous()}, partial)
            partial.replace(file)
        except (OSError, SafetensorError) as error:
            partial.unlink(missing_ok=True)
            raise _not_written(self.folder, error) from error
        self.written += 1

    def describe(self) -> dict[str, Any]:
        """The folder, and how often it was of use."""
        return {"folder": str(self.folder), "read": self.read, "written": self.written}

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"

    def _content(self, path: str) -> str:
        """A hash of a file, computed again only when the file changes."""
        state = Path(path).stat()
        known = (path, state.st_size, state.st_mtime_ns)
        if known not in self._contents:
            with Path(path).open("rb") as file:
                self._contents[known] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._contents[known]


class EncoderIdentity:
    """A hash of an encoder's weights, computed again only when they change.

    Args:
        tower: the encoder.
    """

    def __init__(self, tower: torch.nn.Module) -> None:
        self._tower = tower
        self._state: tuple[Any, ...] = ()
        self._hash = ""

    def __call__(self, settings: Mapping[str, Any]) -> str:
        """The encoder and the settings that shape its outputs, as one text."""
        tensors = dict(self._tower.state_dict(keep_vars=True))
        state = tuple((each.data_ptr(), each._version) for each in tensors.values())  # noqa: SLF001
        if state != self._state:
            self._hash = _hash(tensors)
            self._state = state
        return json.dumps([self._hash, dict(settings)], sort_keys=True)


def _hash(tensors: Mapping[str, torch.Tensor]) -> str:
    import torch

    digest = hashlib.sha256()
    for name, each in tensors.items():
        digest.update(f"{name} {each.dtype} {tuple(each.shape)} {each.device.type}\n".encode())
        flat = each.detach().contiguous().reshape(-1).view(torch.uint8)
        for low in range(0, len(flat), _BLOCK):
            digest.update(flat[low : low + _BLOCK].cpu().numpy().tobytes())
    return digest.hexdigest()


def _not_written(folder: Path, error: Exception) -> StorageError:
    said = getattr(error, "strerror", None) or str(error)
    return StorageError(
        f"the cache of sounds cannot be written into {folder}: {said}; "
        "free some space, give another folder, or train without it"
    )
