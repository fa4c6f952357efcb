"""Sound files in: what a file holds, its samples, and a hash of its content.

Whatever cannot be used is an :class:`~equivoice.errors.AudioError` that names
the file: a missing path, a folder, no permission, no bytes, no samples, text
under an audio name, samples that are not numbers, a file shorter than its
header says, a file longer than the limit (refused from the header alone).

soundfile and soxr (extra ``audio``) are imported late.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import AudioError, MissingDependencyError

if TYPE_CHECKING:
    import soundfile

__all__ = ["AudioInfo", "Channels", "content_hash", "decode", "probe"]

Channels = Literal["mean", "first"]
"""What becomes of several channels: their plain mean, or the first alone."""

_BLOCK_FRAMES = 65_536
# An "end" may lie this far behind the last sample: annotations are rounded.
_END_TOLERANCE_S = 0.1
# The header of a lossy file only estimates its length.
_LOSSY = {"MP3", "OGG", "MPEG"}
_LOSSY_TOLERANCE_S = 0.1
# Sizes that a stream of unknown length writes into its header.
_UNKNOWN_SIZES = {0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000}
_MOST_FRAMES = 1 << 62


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a sound file says.

    Args:
        frames: samples per channel.
        rate: samples per second and channel, in Hz.
        channels: number of channels.
        duration: length in seconds.
        format: container and coding, such as ``FLAC/PCM_16``.
    """

    frames: int
    rate: int
    channels: int
    duration: float
    format: str


def probe(path: str | Path) -> AudioInfo:
    """What a sound file holds, from its header; nothing is decoded.

    Raises:
        AudioError: the file is missing, a folder, unreadable, empty, cut off,
            without samples, or no sound file.
        MissingDependencyError: soundfile is not installed.

    Example:
        >>> import tempfile, numpy, soundfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "silence.wav"
        ...     soundfile.write(path, numpy.zeros(8000), 16000)
        ...     info = probe(path)
        >>> info.frames, info.rate, info.channels, info.duration
        (8000, 16000, 1, 0.5)
    """
    path = Path(path)
    with _opened(path) as sound:
        return _info(sound, path)


def decode(
    path: str | Path,
    *,
    start: float | None = None,
    end: float | None = None,
    rate: int = 16_000,
    longest: float = 600.0,
    channels: Channels = "mean",
) -> NDArray[np.float32]:
    """The samples of a sound file, or of a piece of it, as mono at one rate.

    Channels are made one, then the sound is resampled by soxr at its "HQ"
    quality. Nothing is normalised or clipped.

    Args:
        path: the sound file.
        start: where the piece begins, in seconds; ``None`` for the beginning.
        end: where it ends, in seconds; ``None`` for the end of the file.
        rate: the wanted rate in Hz.
        longest: the longest piece, in seconds, that is decoded; anything
            longer is refused before it is read.
        channels: ``mean`` of all of them, or the ``first``.

    Returns:
        Float32 of shape (n,); full scale is ±1.

    Raises:
        AudioError: as :func:`probe`, and for a piece outside the file, a piece
            that is too long, samples that are not finite, or a file that ends
            before its header says.
        MissingDependencyError: soundfile or soxr is not installed.

    Example:
        >>> import tempfile, numpy, soundfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "stereo.wav"
        ...     soundfile.write(path, numpy.zeros((48000, 2)), 48000)
        ...     decode(path, end=0.5).shape
        (8000,)
    """
    path = Path(path)
    with _opened(path) as sound:
        info = _info(sound, path)
        first, last = _piece(info, start, end, path)
        seconds = (last - first) / info.rate
        if seconds > longest:
            raise AudioError(
                f"too long to decode ({seconds:.1f} s; the limit is {longest:g} s)",
                file=path,
                hint="cut it into utterances, or give start and end",
            )
        mono = np.empty(last - first, dtype=np.float32)
        filled = 0
        for block in _blocks(sound, first, last, path):
            one = block[:, 0] if channels == "first" else block.mean(axis=1)
            mono[filled : filled + len(block)] = one
            filled += len(block)
    return _resampled(mono[:filled], info.rate, rate, path)


def content_hash(path: str | Path) -> str:
    """SHA-256 of what a file sounds like: rate, channels and decoded samples.

    A FLAC and a WAV file with the same samples have the same hash, whatever
    their names and tags. The file is read in blocks, so a long one needs no
    more memory than a short one.

    Raises:
        AudioError: as :func:`decode`.
        MissingDependencyError: soundfile is not installed.

    Example:
        >>> import tempfile, numpy, soundfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     wav, flac = Path(folder) / "a.wav", Path(folder) / "b.flac"
        ...     for path in (wav, flac):
        ...         soundfile.write(path, numpy.zeros(16), 16000, subtype="PCM_16")
        ...     content_hash(wav) == content_hash(flac)
        True
    """
    path = Path(path)
    with _opened(path) as sound:
        info = _info(sound, path)
        digest = hashlib.sha256(f"{info.rate} Hz, {info.channels} channels\n".encode())
        for block in _blocks(sound, 0, info.frames, path):
            digest.update(np.ascontiguousarray(block, dtype="<f4").data)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """The open sound file; every failure to open it becomes an AudioError."""
    try:
        import soundfile
    except ImportError:
        raise MissingDependencyError(
            "soundfile", extra="audio", purpose="reading sound files"
        ) from None
    _check_file(path)
    try:
        sound = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"not a sound file that can be read ({error.error_string.strip()})",
            file=path,
            hint="convert it to WAV or FLAC, or fetch it again",
        ) from error
    with sound:
        yield sound


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise AudioError("this is a folder, not a sound file", file=path)
    try:
        with path.open("rb") as file:
            _check_riff(file, path)
    except FileNotFoundError:
        raise AudioError("there is no such sound file", file=path, hint="check the path") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise AudioError(f"the sound file cannot be opened ({reason})", file=path) from error


def _check_riff(file: BinaryIO, path: Path) -> None:
    """Refuse an empty file, and a WAV whose data end before its header says.

    libsndfile quietly takes what is left of a WAV that was cut off.
    """
    head = file.read(12)
    if not head:
        raise AudioError("the sound file is empty (0 bytes)", file=path, hint="fetch it again")
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return
    size = path.stat().st_size
    while len(chunk := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", chunk)
        if name == b"data":
            there = size - file.tell()
            if length not in _UNKNOWN_SIZES and there < length:
                raise _cut_off(path, f"{there:,} of {length:,} bytes of sound are there")
            return
        file.seek(length + length % 2, 1)


def _info(sound: soundfile.SoundFile, path: Path) -> AudioInfo:
    frames, rate = int(sound.frames), int(sound.samplerate)
    if frames <= 0:
        raise AudioError("the sound file holds no samples", file=path)
    if rate <= 0 or frames > _MOST_FRAMES:
        raise AudioError(
            "the header of the sound file does not say how long it is",
            file=path,
            hint="write the file again, for instance with: ffmpeg -i OLD NEW.flac",
        )
    return AudioInfo(
        frames, rate, int(sound.channels), frames / rate, f"{sound.format}/{sound.subtype}"
    )


def _piece(info: AudioInfo, start: float | None, end: float | None, path: Path) -> tuple[int, int]:
    """First and behind-last frame of the wanted piece."""
    begin = 0.0 if start is None else float(start)
    stop = info.duration if end is None else float(end)
    if not (math.isfinite(begin) and math.isfinite(stop) and 0 <= begin < stop):
        raise AudioError(
            f"no piece of sound lies between start {begin:g} s and end {stop:g} s", file=path
        )
    first = round(begin * info.rate)
    if first >= info.frames or stop > info.duration + _END_TOLERANCE_S:
        raise AudioError(
            f"the piece from {begin:g} s to {stop:g} s does not lie within the file, "
            f"which lasts {info.duration:.3f} s",
            file=path,
            hint="check start and end, and whether the file was cut off",
        )
    return first, max(first + 1, min(round(stop * info.rate), info.frames))


def _blocks(
    sound: soundfile.SoundFile, first: int, last: int, path: Path
) -> Iterator[NDArray[np.float32]]:
    """Blocks of shape (frames, channels), checked, from first to behind-last frame."""
    import soundfile

    position = first
    try:
        sound.seek(first)
        while position < last:
            block = sound.read(min(_BLOCK_FRAMES, last - position), "float32", always_2d=True)
            if not len(block):
                break
            if not np.isfinite(block).all():
                raise AudioError(
                    "the sound file holds samples that are not finite numbers", file=path
                )
            yield block
            position += len(block)
    except soundfile.LibsndfileError as error:
        raise _cut_off(path, error.error_string.strip()) from error
    lossy = sound.format in _LOSSY
    if last - position > (_LOSSY_TOLERANCE_S * sound.samplerate if lossy else 0):
        raise _cut_off(path, f"{position:,} of {last:,} frames could be read")


def _cut_off(path: Path, detail: str) -> AudioError:
    return AudioError(
        f"the sound file is damaged or was cut off ({detail})", file=path, hint="fetch it again"
    )


def _resampled(mono: NDArray[np.float32], old: int, new: int, path: Path) -> NDArray[np.float32]:
    if old == new:
        return mono
    try:
        import soxr
    except ImportError:
        raise MissingDependencyError("soxr", extra="audio", purpose="resampling sound") from None
    resampled = np.asarray(soxr.resample(mono, old, new, quality="HQ"), dtype=np.float32)
    if not len(resampled):
        raise AudioError(f"too short to hold one sample at {new} Hz", file=path)
    return resampled
