"""Speed of the encoder pipeline on real speech; equal results are checked before any time is taken.

Run by hand (``make evidence``)::

    python benchmarks/encoders.py --data ../shared/data

Three questions, of the compact encoder and of a WavLM with random weights of the published
architecture (speed does not depend on their values):

1. *Pipeline*: decode, features, forward, pool and head over RAVDESS files in one pass, against
   the plain loop of a typical recipe: one file at a time, read by soundfile, features by the
   library's own extractor (transformers' for WavLM, ``torch.fft`` for the compact encoder), with
   padding to a fixed length of 10 s as such recipes have it, forward, mean or attentive pooling.
   The leanest loop, without any padding, is timed beside it.
2. *Cached frames*: an epoch of training the head on a frozen WavLM, its frames kept on disk,
   against an epoch that computes them.
3. *Buckets*: predictions in batches of like length against one by one.

Each time is the least of some rounds, the contestants taking turns. Writes
``benchmarks/results/encoders.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile
import torch
from acoustic_baseline import prepared
from pages import origin, write_page

from equivoice.models.classifiers.recognizer import ClassifierRecognizer, samples_of
from equivoice.models.encoders.compact import CompactClassifier, CompactEncoder
from equivoice.models.encoders.heard_clips import HeardClips
from equivoice.models.encoders.pretrained import PretrainedClassifier, PretrainedEncoder
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.records import LabelSpace

RESULTS = Path(__file__).parent / "results" / "encoders.md"
SECONDS = 10.0
SIZES: Mapping[str, Mapping[str, int]] = {
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072},
    "small": {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536},
}

Work = Callable[[], Any]


def save_wavlm(folder: Path, size: str) -> Path:
    """A WavLM of the published architecture with random weights."""
    import transformers

    sizes = SIZES[size]
    torch.manual_seed(0)
    config = transformers.WavLMConfig(**sizes, num_attention_heads=sizes["hidden_size"] // 64)
    transformers.WavLMModel(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return folder


# ---------------------------------------------------------------------- plain loops


def plain_wavlm(
    backend: PretrainedClassifier, folder: Path, paths: Sequence[str], *, pad: bool
) -> Work:
    """The loop of a typical recipe: transformers' own extractor and model, file by file."""
    import transformers

    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.WavLMModel.from_pretrained(folder).eval()
    model.config.layerdrop = 0.0

    def work() -> np.ndarray:
        rows = []
        for path in paths:
            wave, rate = soundfile.read(path, dtype="float32")
            length = {"max_length": int(SECONDS * rate), "truncation": True}
            given = extractor(
                wave,
                sampling_rate=rate,
                return_tensors="pt",
                padding="max_length" if pad else False,
                **length,
            )
            values = given["input_values"]
            heard = given["attention_mask"] if pad else torch.ones_like(values, dtype=torch.long)
            hidden = model(values, attention_mask=heard)[0]
            mask = model._get_feature_vector_attention_mask(  # noqa: SLF001 - as its own classifier does
                hidden.shape[1], heard
            )
            pooled = backend.model.pooling(hidden, mask)
            rows.append(backend.model.head(pooled).double().softmax(1).numpy()[0])
        return np.stack(rows)

    return work


def plain_compact(backend: CompactClassifier, paths: Sequence[str], *, pad: bool) -> Work:
    """The loop of a typical recipe: a spectrum by torch.fft, and the network, file by file."""
    settings = backend.heard.settings
    filters, window = torch.from_numpy(settings.filters), torch.from_numpy(settings.hann)

    def work() -> np.ndarray:
        rows = []
        for path in paths:
            wave, _ = soundfile.read(path, dtype="float32")
            sound = torch.from_numpy(wave[: int(SECONDS * settings.rate)])
            heard = settings.frames(len(sound))
            if pad:
                missing = int(SECONDS * settings.rate) - len(sound)
                sound = torch.nn.functional.pad(sound, (0, missing))
            pieces = sound.unfold(0, settings.window, settings.hop) * window
            power = torch.fft.rfft(pieces, settings.size).abs().square() @ filters
            spectrum = (power.clamp(min=1e-10).log10() + 4) / 4
            mask = torch.arange(len(spectrum))[None] < heard
            logits = backend.model.classify(*backend.encoder(spectrum[None], mask))
            rows.append(logits.double().softmax(1).numpy()[0])
        return np.stack(rows)

    return work


# ---------------------------------------------------------------------------- timing


def in_turns(works: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """The least time of each, the contestants taking turns, in seconds."""
    least = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            least[name] = min(least[name], time.perf_counter() - start)
    return least


def equal(found: np.ndarray, expected: np.ndarray, *, within: float, what: str) -> None:
    """End here where results are not equal."""
    off = float(np.abs(found - expected).max())
    if off > within:
        sys.exit(f"{what}: results differ by {off:g}, more than {within:g}")


def afresh(backend: CompactClassifier, batch: int) -> ClassifierRecognizer:
    """Nothing is kept from one pass to the next."""
    backend.heard = HeardClips(backend.heard.clips, backend.heard.settings)
    return ClassifierRecognizer(backend, batch=batch)


def compact_rows(space: LabelSpace, table: pl.DataFrame, rounds: int) -> list[str]:
    """Pipeline and buckets of the compact encoder."""
    backend = CompactEncoder(seconds=SECONDS).classifier(space, seed=0)
    paths = table.get_column("audio").to_list()
    works: dict[str, Work] = {
        "padded": plain_compact(backend, paths, pad=True),
        "plain": plain_compact(backend, paths, pad=False),
        "one": lambda: afresh(backend, 1).predict(table),
        "ours": lambda: afresh(backend, 16).predict(table),
    }
    with torch.inference_mode():
        expected = works["plain"]()
        equal(works["padded"](), expected, within=1e-5, what="compact encoder, padding")
    # the spectra are in half precision here, which the plain loop's are not
    equal(works["ours"](), expected, within=5e-3, what="compact encoder, plain loop")
    equal(works["ours"](), works["one"](), within=1e-5, what="compact encoder, buckets")
    with torch.inference_mode():
        told = in_turns(works, rounds)
    count = len(paths)
    return [
        line(
            "compact: pipeline, plain loop padded to 10 s", told["padded"], told["ours"], count, "2"
        ),
        line("compact: pipeline, leanest loop, no padding", told["plain"], told["ours"], count, ""),
        line("compact: one by one, buckets of 16", told["one"], told["ours"], count, "1"),
    ]


def wavlm_rows(
    space: LabelSpace, table: pl.DataFrame, folder: Path, size: str, rounds: int
) -> list[str]:
    """Pipeline, buckets and cached frames of a WavLM."""
    base = save_wavlm(folder / "wavlm", size)
    system = PretrainedEncoder(str(base), freeze="all", seconds=SECONDS, head_dropout=0.0)
    backend = system.classifier(space, seed=0)
    paths = table.get_column("audio").to_list()
    works: dict[str, Work] = {
        "padded": plain_wavlm(backend, base, paths, pad=True),
        "plain": plain_wavlm(backend, base, paths, pad=False),
        "one": lambda: ClassifierRecognizer(backend, batch=1).predict(table),
        "ours": lambda: ClassifierRecognizer(backend, batch=8).predict(table),
    }
    with torch.inference_mode():
        expected = works["plain"]()
        equal(works["ours"](), expected, within=1e-4, what="WavLM, plain loop")
        equal(works["ours"](), works["one"](), within=1e-4, what="WavLM, buckets")
        told = in_turns(works, rounds)
    count = len(paths)
    rows = [
        line(
            "WavLM: pipeline, plain loop padded to 10 s", told["padded"], told["ours"], count, "2"
        ),
        line("WavLM: pipeline, leanest loop, no padding", told["plain"], told["ours"], count, ""),
        line("WavLM: one by one, buckets of 8", told["one"], told["ours"], count, "1"),
    ]
    return [*rows, cached_row(backend, table, folder / "kept", rounds)]


def cached_row(backend: PretrainedClassifier, table: pl.DataFrame, place: Path, rounds: int) -> str:
    """An epoch of training on kept frames, against one that computes them."""
    samples = samples_of(table, "speech")
    targets = torch.arange(len(samples)) % len(backend.label_space.names)
    cache = SoundCache(place)
    backend.training_mode(on=True)

    def epoch() -> list[float]:
        losses = []
        for at in range(0, len(samples), 8):
            logits = backend.class_logits(samples[at : at + 8])
            loss = torch.nn.functional.cross_entropy(logits, targets[at : at + 8])
            loss.backward()
            losses.append(loss.item())
        return losses

    def kept() -> list[float]:
        backend.keep_sounds(cache)
        return epoch()

    def computed() -> list[float]:
        backend.keep_sounds(None)
        return epoch()

    kept()  # the first epoch fills the cache
    equal(np.array(kept()), np.array(computed()), within=1e-4, what="WavLM, kept frames")
    told = in_turns({"kept": kept, "computed": computed}, rounds)
    return line(
        "WavLM, frozen: an epoch computed, on kept frames",
        told["computed"],
        told["kept"],
        len(samples),
        "50",
    )


def line(what: str, before: float, after: float, clips: int, goal: str) -> str:
    """A row of the table."""
    return (
        f"| {what} | {1000 * before / clips:.1f} | {1000 * after / clips:.1f} "
        f"| {before / after:.1f} | {goal} |\n"
    )


def main() -> None:
    """Take the times and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clips", type=int, default=96, help="of RAVDESS, for the compact encoder")
    parser.add_argument("--wavlm-clips", type=int, default=16)
    parser.add_argument("--size", choices=SIZES, default="base", help="of the WavLM")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        corpus = prepared("ravdess", options.data, Path(place) / "ravdess")
        step = max(1, corpus.utterances.height // options.clips)
        table = corpus.utterances.gather_every(step).head(options.clips)
        few = table.gather_every(max(1, table.height // options.wavlm_clips)).head(
            options.wavlm_clips
        )
        rows = compact_rows(corpus.label_space, table, options.rounds)
        rows += wavlm_rows(corpus.label_space, few, Path(place), options.size, options.rounds)
    write_page(
        options.out,
        f"# Speed of the encoder pipeline\n\n{origin()}, {torch.get_num_threads()} threads\n\n"
        f"{table.height} clips of RAVDESS for the compact encoder, {few.height} for a WavLM of size "
        f"{options.size} with random weights; the least of {options.rounds} rounds. Equal results "
        "were checked before.\n\n| what | before, ms a clip | after, ms a clip | times faster | goal "
        "|\n| --- | --- | --- | --- | --- |\n" + "".join(rows),
    )


if __name__ == "__main__":
    main()
