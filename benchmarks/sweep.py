"""How long a sweep over temperatures and runs takes, against how it is done elsewhere.

Three ways of getting 6 temperatures × 10 runs of answers from one Qwen2-Audio
model about the same real utterances (RAVDESS), in one run:

- ``published``: as FairALM's code does: each clip padded to 30 s, one ``generate`` a
  temperature and run, four clips at a time.
- ``strong``: what a careful user of transformers would write: the sound encoded once,
  one ``generate`` with ``num_return_sequences`` a temperature.
- ``equivoice``: trimmed encoding, one prefix, prefix-tree sampling.

The clips are turned into features before the clock of the two others starts, and
while ours runs. That all three draw from the same distributions is tested on the
answers themselves. Weights are random: ``peak`` scales the output layer so that the
model is about as sure of itself as a trained one; ``flat`` leaves it as it is.

::

    python benchmarks/sweep.py                     # both shapes, about 15 minutes on 2 cores
    python benchmarks/sweep.py --shape one-to-one --clips 4 --runs 3

Prints one JSON line a measurement; the table stands in ``benchmarks/results/sweep.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

TEMPERATURES = (0.0, 0.3, 0.7, 1.0, 1.2, 1.5)
LABELS = ("Neutral", "Calm", "Happy", "Sad", "Angry", "Fearful", "Disgust", "Surprised")
SYSTEM = "You are a highly capable assistant specialized in Speech Emotion Recognition"
USER = f"Classify the speaker's tone in the preceding audio. Options: {', '.join(LABELS)}. Answer:"
NEW_TOKENS = 5
BATCH = 4
_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"

SHAPES: dict[str, dict[str, Any]] = {
    # multiply-adds of one clip, padded to 30 s, in the encoder : those of prompt and answer
    "one-to-one": {
        "hidden": 640,
        "layers": 5,
        "heads": 10,
        "kv_heads": 10,
        "encoder_hidden": 192,
        "encoder_layers": 4,
        "encoder_heads": 4,
        "spread": 0.02,
    },
    "one-to-ten": {
        "hidden": 896,
        "layers": 7,
        "heads": 14,
        "kv_heads": 14,
        "encoder_hidden": 128,
        "encoder_layers": 2,
        "encoder_heads": 2,
        "spread": 0.02,
    },
}


@dataclass(frozen=True)
class Sweep:
    """What is asked."""

    clips: tuple[Path, ...]
    temperatures: tuple[float, ...]
    runs: int

    @property
    def draws(self) -> int:
        """How many answers a clip gets."""
        return len(self.temperatures) * self.runs


Answers = dict[tuple[int, float], list[str]]
"""From clip and temperature to the answers of its runs."""


class Stock:
    """The model as transformers runs it, with the features of the clips ready."""

    def __init__(self, folder: Path, sweep: Sweep) -> None:
        import soundfile
        import torch
        from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration

        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = (
            Qwen2AudioForConditionalGeneration.from_pretrained(folder).to(self.device).eval()
        )
        sounds = [soundfile.read(clip)[0] for clip in sweep.clips]
        self.inputs = [
            self._features(sounds[at : at + BATCH]) for at in range(0, len(sounds), BATCH)
        ]

    def _features(self, sounds: Sequence[Any]) -> Any:
        conversation = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": USER}]},
        ]
        text = self.processor.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=False
        )
        return self.processor(
            text=[text] * len(sounds),
            audio=list(sounds),
            sampling_rate=16_000,
            return_tensors="pt",
            padding=True,
        ).to(self.device)

    def generate(self, inputs: Any, temperature: float, **more: Any) -> list[str]:
        """The texts of one call of ``generate``."""
        sampling = (
            {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
            if temperature > 0
            else {"do_sample": False}
        )
        with self.torch.inference_mode():
            out = self.model.generate(
                **inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=1, **sampling, **more
            )
        prompt = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
        texts: list[str] = self.processor.batch_decode(out[:, prompt:], skip_special_tokens=True)
        return texts


def published(stock: Stock, sweep: Sweep) -> Answers:
    """One ``generate`` a temperature and run."""
    answers: Answers = {}
    for temperature in sweep.temperatures:
        for run in range(sweep.runs):
            stock.torch.manual_seed(1000 * run + int(100 * temperature))
            for number, inputs in enumerate(stock.inputs):
                for row, text in enumerate(stock.generate(inputs, temperature)):
                    answers.setdefault((BATCH * number + row, temperature), []).append(text)
    return answers


def strong(stock: Stock, sweep: Sweep) -> Answers:
    """The sound encoded once; one ``generate`` a temperature, for all runs."""
    answers: Answers = {}
    for number, inputs in enumerate(stock.inputs):
        embedded = {
            "inputs_embeds": embed(stock, inputs),
            "attention_mask": inputs["attention_mask"],
        }
        for temperature in sweep.temperatures:
            stock.torch.manual_seed(number * 77 + int(100 * temperature))
            # greedy answers are equal, so asking for one is fair to this way of working
            wanted = sweep.runs if temperature > 0 else 1
            texts = stock.generate(embedded, temperature, num_return_sequences=wanted)
            for row in range(len(texts) // wanted):
                mine = texts[row * wanted : (row + 1) * wanted]
                repeated = mine if temperature > 0 else mine * sweep.runs
                answers[(BATCH * number + row, temperature)] = repeated
    return answers


def embed(stock: Stock, inputs: Any) -> Any:
    """Prompt and sound as embeddings, by the model's own forward pass and nothing else of it."""
    torch = stock.torch
    caught = {}

    def catch(_module: Any, _args: Any, kwargs: Any) -> None:
        caught["embeds"] = kwargs["inputs_embeds"]
        raise _CaughtError

    inner = getattr(stock.model, "model", stock.model)
    handle = inner.language_model.register_forward_pre_hook(catch, with_kwargs=True)
    try:
        with torch.inference_mode():
            stock.model(**inputs)
    except _CaughtError:
        pass
    finally:
        handle.remove()
    return caught["embeds"]


class _CaughtError(Exception):
    """The embeddings are known; the language model need not run."""


class Ours:
    """The same model behind Equivoice's backend."""

    def __init__(self, folder: Path, sweep: Sweep) -> None:
        from equivoice.models import Clip, Question
        from equivoice.models.registry import load_model
        from equivoice.prompting import AUDIO, Turn

        self.backend: Any = load_model("qwen2-audio", model=str(folder))
        turns = (Turn("system", (SYSTEM,)), Turn("user", (AUDIO, USER)))
        self.questions = [
            Question(clip.stem, turns, Clip(str(clip.resolve()))) for clip in sweep.clips
        ]

    def run(self, sweep: Sweep, batch: int) -> Answers:
        """All answers, by length as ``inference`` makes its batches."""
        from equivoice.inference import seed_for
        from equivoice.models import Decoding, Draw

        order = sorted(range(len(sweep.clips)), key=lambda i: sweep.clips[i].stat().st_size)
        answers: Answers = {}
        for at in range(0, len(order), batch):
            some = order[at : at + batch]
            draws = [
                [
                    Draw(t, seed_for(0, sweep.clips[i].stem, t, run))
                    for t in sweep.temperatures
                    for run in range(sweep.runs)
                ]
                for i in some
            ]
            prefix = self.backend.prepare([self.questions[i] for i in some])
            said = self.backend.sample(prefix, draws, Decoding.neutral(max_new_tokens=NEW_TOKENS))
            for i, mine in zip(some, said, strict=True):
                for at_t, temperature in enumerate(sweep.temperatures):
                    part = mine[at_t * sweep.runs : (at_t + 1) * sweep.runs]
                    answers[(i, temperature)] = [str(each.text) for each in part]
        return answers


# ------------------------------------------------------- the same distributions?


def same_distribution(ours: Answers, theirs: Answers, *, permutations: int = 2_000) -> float:
    """The p value of the hypothesis that both sets of answers are drawn alike.

    The statistic sums chi-square over clips and temperatures; its distribution comes
    from exchanging answers of the same clip and temperature between the two.
    """
    rng = np.random.default_rng(0)
    cells = [
        np.unique(ours[key] + theirs[key], return_inverse=True)[1] for key in ours if key[1] > 0
    ]
    counts = [len(ours[key]) for key in ours if key[1] > 0]

    def statistic(shuffle: bool) -> float:
        total = 0.0
        for codes, mine in zip(cells, counts, strict=True):
            mixed = rng.permutation(codes) if shuffle else codes
            a = np.bincount(mixed[:mine], minlength=codes.max() + 1)
            b = np.bincount(mixed[mine:], minlength=codes.max() + 1)
            total += float(((a - b) ** 2 / np.maximum(a + b, 1)).sum())
        return total

    observed = statistic(shuffle=False)
    as_large = sum(statistic(shuffle=True) >= observed - 1e-9 for _ in range(permutations))
    return (1 + as_large) / (1 + permutations)


def beginnings(answers: Answers) -> Answers:
    """The first characters of the answers, pooled over the clips of a temperature."""
    pooled: Answers = {}
    for (_, temperature), texts in answers.items():
        pooled.setdefault((0, temperature), []).extend(text[:1] for text in texts)
    return pooled


def same_greedy(ours: Answers, theirs: Answers) -> bool:
    """Whether the answers at temperature 0 are the same."""
    return all(set(ours[key]) == set(theirs[key]) for key in ours if key[1] == 0)


def repeats(answers: Answers) -> float:
    """How often two runs at temperature 1 give the same answer: 1 for a model that is sure."""
    shares = []
    for (_, temperature), texts in answers.items():
        if temperature == 1.0 and len(texts) > 1:
            pairs = len(texts) * (len(texts) - 1)
            shares.append(sum(n * (n - 1) for n in Counter(texts).values()) / pairs)
    return float(np.mean(shares)) if shares else float("nan")


# ------------------------------------------------------------------ the clock


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a piece of work gives, and the seconds it took."""
    begun = time.perf_counter()
    result = work()
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.synchronize()
    return result, time.perf_counter() - begun


def usual(work: Callable[[], Any], times: int = 3) -> float:
    """The median of the seconds that a short piece of work takes, begun once before."""
    work()
    return float(np.median([timed(work)[1] for _ in range(times)]))


def multiply_adds(shape: dict[str, Any], tokens: int) -> tuple[float, float]:
    """Of one clip padded to 30 s: in the encoder's layers, and in the language model's."""
    d, layers = shape["encoder_hidden"], shape["encoder_layers"]
    frames = 1500
    encoder = layers * (12 * d * d * frames + 2 * frames * frames * d)
    h, deep = shape["hidden"], shape["layers"]
    # Qwen2's feed-forward layers have three matrices
    layer = 4 * h * h + 3 * h * shape.get("ffn", 4 * h)
    language = deep * (layer * tokens + 2 * tokens * tokens * h)
    return float(encoder), float(language)


def encoder_alone(stock: Stock, ours: Ours) -> dict[str, float]:
    """Seconds of the audio encoder on the same clips, padded to 30 s and trimmed.

    Ours makes its log-mel and projects while the clock runs; the stock one does not.
    """
    torch = stock.torch
    tower = getattr(stock.model, "model", stock.model).audio_tower

    def padded() -> None:
        with torch.inference_mode():
            for inputs in stock.inputs:
                tower(inputs["input_features"])

    waves = [ours.backend.clips.read(question.clip) for question in ours.questions]

    def trimmed() -> None:
        with torch.inference_mode():
            ours.backend.encode(waves)

    return {"encoder_padded_s": usual(padded), "encoder_trimmed_s": usual(trimmed)}


def measure(name: str, sweep: Sweep, *, peak: float, batch: int) -> dict[str, Any]:
    """All three ways on one model."""
    from tiny.speech import Shape, save_tiny_qwen2_audio

    shape = SHAPES[name]
    with tempfile.TemporaryDirectory() as place:
        folder = save_tiny_qwen2_audio(Path(place) / "model", replace(Shape(**shape), peak=peak))
        stock, ours = Stock(folder, sweep), Ours(folder, sweep)
        tokens = int(stock.inputs[0]["attention_mask"].sum(-1).float().mean())
        greedy = replace(sweep, temperatures=(0.0,), runs=1)
        before = ours.backend.encoder_passes
        fast = ours.run(sweep, batch)
        passes = ours.backend.encoder_passes - before
        fast_seconds = usual(lambda: ours.run(sweep, batch))
        greedy_seconds = usual(lambda: ours.run(greedy, batch))
        good, good_seconds = timed(lambda: strong(stock, sweep))
        slow, slow_seconds = timed(lambda: published(stock, sweep))
        encoder = encoder_alone(stock, ours)
    in_encoder, in_language = multiply_adds(shape, tokens)
    return {
        "shape": name,
        "peak": peak,
        "clips": len(sweep.clips),
        "draws_a_clip": sweep.draws,
        "prompt_tokens": tokens,
        "language_to_encoder": round(in_language / in_encoder, 2),
        "repeats_at_1": round(repeats(slow), 3),
        "published_s": round(slow_seconds, 2),
        "strong_s": round(good_seconds, 2),
        "equivoice_s": round(fast_seconds, 2),
        "greedy_pass_s": round(greedy_seconds, 2),
        "times_published": round(slow_seconds / fast_seconds, 1),
        "times_strong": round(good_seconds / fast_seconds, 1),
        "of_a_greedy_pass": round(fast_seconds / greedy_seconds, 2),
        "encoder_passes": passes,
        **{key: round(value, 3) for key, value in encoder.items()},
        "encoder_times": round(encoder["encoder_padded_s"] / encoder["encoder_trimmed_s"], 1),
        "same_greedy": same_greedy(fast, slow) and same_greedy(fast, good),
        "p_ours_published": round(same_distribution(fast, slow), 4),
        "p_strong_published": round(same_distribution(good, slow), 4),
        # where every answer is another, only their beginnings can be compared
        "p_beginnings": round(same_distribution(beginnings(fast), beginnings(slow)), 4),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def real_clips(number: int) -> tuple[Path, ...]:
    """RAVDESS utterances of several actors, spread evenly over the files."""
    data = Path(os.environ.get("EQUIVOICE_DATA", _BESIDE))
    files = sorted((data / "audio" / "ravdess").rglob("*.flac"))
    if not files:
        sys.exit(f"no RAVDESS under {data}; set EQUIVOICE_DATA")
    return tuple(files[i] for i in np.linspace(0, len(files) - 1, number).astype(int))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--peak", type=float, action="append", help="1 is flat")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8, help="clips at a time, ours")
    asked = parser.parse_args()
    sweep = Sweep(real_clips(asked.clips), TEMPERATURES, asked.runs)
    for name in asked.shape or SHAPES:
        for peak in asked.peak or (_SURE[name], 1.0):
            found = measure(name, sweep, peak=peak, batch=asked.batch)
            print(json.dumps(found), flush=True)


_SURE = {"one-to-one": 80.0, "one-to-ten": 60.0}

if __name__ == "__main__":
    main()
