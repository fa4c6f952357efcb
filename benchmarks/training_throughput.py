"""How long fine-tuning takes, against a plain loop of Hugging Face's Trainer.

Two ways of training the same LoRA on the same Qwen2-Audio model, on the same real
utterances of RAVDESS (3 to 5 s), with the same losses in the same effective batches:

- ``trainer``: what a careful user of transformers writes: :class:`transformers.Trainer`,
  each clip padded to 30 s, the encoder run in each epoch, logits at all positions, the
  clips of a batch in any order.
- ``equivoice``: clips encoded once, without their padding, and kept; logits, and the last
  layer, at the answer's positions only; the text before the sound once a micro-batch;
  clips of like length together; LoRA in fewer passes over memory.

The Trainer's features are made before its clock starts; ours are made while it runs.
Dropout is 0 so that the two must arrive at the same weights: the loss of each clip,
before and after training, is compared. (With dropout in LoRA, whose draws differ from
clip to clip, the text before the sound is not shared.) Weights are random, and the
vocabulary has the share of the work that it has in the real 7B model.

Two shapes compare forward passes: the encoder's work on a clip padded to 30 s to the
language model's. The third, ``one-to-one-step``, compares what a training step does:
the encoder forward, the language model forward and backward. Beside each stands what
its multiply-adds allow (:func:`ceilings`); for the sizes of the real 7B model too.

::

    python benchmarks/training_throughput.py                     # three shapes, some minutes
    python benchmarks/training_throughput.py --shape one-to-one --clips 16 --epochs 2
    python benchmarks/training_throughput.py --ceilings          # no training

Prints one JSON line a measurement: ``times`` by the clock on the wall, ``times_processor``
by processor time, which other work on the machine disturbs less. The table stands in
``benchmarks/results/training_throughput.md``.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from sweep import LABELS, SYSTEM, USER, multiply_adds, real_clips, timed
from sweep import SHAPES as SWEPT

RATE = 1e-3
RANK = 16
VOCABULARY = 4096
# a prompt of the benchmark with a clip of 3.7 s, as the tiny tokenizer writes it
TOKENS, BEFORE_SOUND = 195, 42
SHAPES: dict[str, dict[str, Any]] = {
    **SWEPT,
    # twice the layers in the encoder: its forward to the language model's forward and backward
    "one-to-one-step": {**SWEPT["one-to-one"], "encoder_layers": 8},
}
REAL: dict[str, Any] = {
    # Qwen2-Audio-7B as released
    "hidden": 4096,
    "layers": 32,
    "ffn": 11_008,
    "encoder_hidden": 1280,
    "encoder_layers": 32,
}
REAL_VOCABULARY = 156_032
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Work:
    """What is trained on.

    Args:
        clips: sound files.
        answers: what the model is to say of each.
        seconds: how long each clip is.
        epochs: how often each is seen.
        batch: clips of an effective batch.
        micro: clips that go through the model at once.
    """

    clips: tuple[Path, ...]
    answers: tuple[str, ...]
    seconds: tuple[float, ...]
    epochs: int
    batch: int
    micro: int

    def batches(self) -> list[list[list[int]]]:
        """Effective batches of micro-batches of clips, epoch after epoch."""
        from equivoice.training.effective_batches import Item, plan_epoch

        items = [
            Item(clip.stem, "ravdess", None, answer, seconds)
            for clip, answer, seconds in zip(self.clips, self.answers, self.seconds, strict=True)
        ]
        return [
            [list(micro.rows) for micro in batch.micro_batches]
            for epoch in range(self.epochs)
            for batch in plan_epoch(items, batch=self.batch, micro=self.micro, seed=0, epoch=epoch)
        ]


class Plain:
    """The model as transformers and peft train it."""

    def __init__(self, folder: Path, work: Work) -> None:
        import soundfile
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration

        self.work = work
        self.processor = AutoProcessor.from_pretrained(folder)
        model = Qwen2AudioForConditionalGeneration.from_pretrained(folder)
        torch.manual_seed(0)
        names = [
            name
            for name, _ in model.named_modules()
            if "audio_tower" not in name and name.endswith(TARGETS)
        ]
        lora = LoraConfig(r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules=names)
        self.model = get_peft_model(model, lora)
        ends = self.processor.tokenizer.eos_token
        self.rows = [
            self._row(soundfile.read(clip)[0], f"{answer}{ends}")
            for clip, answer in zip(work.clips, work.answers, strict=True)
        ]

    def _row(self, sound: Any, answer: str) -> dict[str, Any]:
        conversation = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": USER}]},
        ]
        prompt = self.processor.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=False
        )
        made = self.processor(
            text=[prompt], audio=[sound], sampling_rate=16_000, return_tensors="pt"
        )
        said = self.processor.tokenizer(answer, add_special_tokens=False)["input_ids"]
        asked = made["input_ids"][0].tolist()
        return {
            "input_ids": asked + said,
            "labels": [-100] * len(asked) + said,
            "input_features": made["input_features"][0],
            "feature_attention_mask": made["feature_attention_mask"][0],
        }

    def collate(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Rows side by side: texts padded to the longest, sound to 30 s."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        def padded(name: str, filler: int) -> Any:
            return pad_sequence(
                [torch.tensor(row[name]) for row in rows], batch_first=True, padding_value=filler
            )

        ids = padded("input_ids", int(self.processor.tokenizer.pad_token_id or 0))
        lengths = torch.tensor([len(row["input_ids"]) for row in rows])
        return {
            "input_ids": ids,
            "labels": padded("labels", -100),
            "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
            **{
                name: torch.stack([row[name] for row in rows])
                for name in ("input_features", "feature_attention_mask")
            },
        }

    def item_losses(self, model: Any, inputs: dict[str, Any]) -> Any:
        """(n,) the mean loss over each answer's tokens, from logits at all positions."""
        import torch

        given = dict(inputs)
        labels = given.pop("labels")
        logits = model(**given).logits[:, :-1].float()
        wanted = labels[:, 1:]
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), wanted, ignore_index=-100, reduction="none"
        )
        return losses.sum(1) / (wanted != -100).sum(1)

    def losses(self) -> list[float]:
        """The loss of each clip, as the model is now."""
        import torch

        self.model.eval()
        with torch.inference_mode():
            return [
                float(self.item_losses(self.model, self.collate([row]))[0]) for row in self.rows
            ]

    def train(self) -> None:
        """The Trainer's loop over the planned batches."""
        import torch
        from transformers import Trainer, TrainingArguments

        work, item_losses = self.work, self.item_losses
        planned = work.batches()
        even = all(len(micro) == work.micro for batch in planned for micro in batch)
        if not even:
            sys.exit("clips must fill all batches: take a multiple of the batch")
        order = any_order(planned)

        class InOrder(Trainer):
            def _get_train_sampler(self, *_: Any) -> Any:
                return torch.utils.data.SequentialSampler(order)

            def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
                return item_losses(model, inputs).mean()

        with tempfile.TemporaryDirectory() as place:
            settings = TrainingArguments(
                output_dir=place,
                num_train_epochs=1,
                per_device_train_batch_size=work.micro,
                gradient_accumulation_steps=work.batch // work.micro,
                learning_rate=RATE,
                lr_scheduler_type="constant",
                weight_decay=0.0,
                max_grad_norm=1.0,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                remove_unused_columns=False,
                use_cpu=not torch.cuda.is_available(),
            )
            trainer = InOrder(
                self.model,
                settings,
                data_collator=self.collate,
                train_dataset=[self.rows[row] for row in order],
            )
            # so that it divides by the number of accumulated micro-batches
            trainer.model_accepts_loss_kwargs = False
            trainer.train()


class Ours:
    """The same model behind Equivoice's learning backend."""

    def __init__(self, folder: Path, work: Work) -> None:
        import torch

        from equivoice.models import Clip, Question
        from equivoice.models.decoding.adapters import LoraSettings, attach_lora
        from equivoice.models.learning import Lesson
        from equivoice.models.registry import load_model
        from equivoice.prompting import AUDIO, Turn

        self.work = work
        self.backend: Any = load_model("qwen2-audio", model=str(folder))
        torch.manual_seed(0)
        attach_lora(self.backend, LoraSettings(rank=RANK, alpha=2 * RANK, dropout=0.0))
        turns = (Turn("system", (SYSTEM,)), Turn("user", (AUDIO, USER)))
        self.lessons = [
            Lesson(Question(clip.stem, turns, Clip(str(clip.resolve()))), answer)
            for clip, answer in zip(work.clips, work.answers, strict=True)
        ]

    def item_losses(self, rows: Sequence[int]) -> Any:
        """(n,) the mean loss over each answer's tokens."""
        from equivoice.objectives.answer_nll import mean_answer_nll

        found = self.backend.answer_losses([self.lessons[row] for row in rows])
        return mean_answer_nll(found.nll, found.mask)

    def losses(self) -> list[float]:
        """The loss of each clip, as the model is now."""
        import torch

        self.backend.training_mode(False)
        with torch.no_grad():
            return [float(self.item_losses([row])[0]) for row in range(len(self.lessons))]

    def train(self) -> None:
        """Our step over the planned batches, the sound kept in a new folder."""
        import torch

        from equivoice.models.decoding.adapters import trainable_parameters
        from equivoice.models.hearing.sound_cache import SoundCache
        from equivoice.training.effective_batches import EffectiveBatch, MicroBatch
        from equivoice.training.gradients import accumulate

        parameters = [parameter for _, parameter in trainable_parameters(self.backend)]
        optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
        self.backend.training_mode(True)
        with tempfile.TemporaryDirectory() as place:
            self.backend.keep_sounds(SoundCache(Path(place)))
            for batch in self.work.batches():
                micros = tuple(MicroBatch(tuple(rows), "ravdess", None) for rows in batch)
                accumulate(
                    lambda micro: self.item_losses(micro.rows), EffectiveBatch(micros), parameters
                )
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimiser.step()
            self.backend.keep_sounds(None)


def any_order(planned: Sequence[Sequence[Sequence[int]]]) -> list[int]:
    """The clips of each effective batch in an order that does not look at their lengths."""
    import numpy as np

    draw = np.random.default_rng(0)
    order: list[int] = []
    for batch in planned:
        rows = [row for micro in batch for row in micro]
        order += draw.permutation(rows).tolist()
    return order


def ceilings(
    shape: dict[str, Any], vocabulary: int, *, tokens: int, shared: int, micro: int
) -> dict[str, float]:
    """How many times faster a shape allows to be, by the multiply-adds of layers and head.

    Not counted are LoRA, the encoder's convolutions, features, padding within a batch, and
    whatever is not a product of matrices, so that a measured ratio may lie on either side.

    The Trainer's step is the encoder on 30 s, and the language model with its head at all
    tokens, forward and backward (weights are frozen, so backward costs as much as forward).
    What no way of training can leave out is the language model's two passes over what
    differs from clip to clip, and one pair over what does not.

    Args:
        shape: sizes of the model.
        vocabulary: rows of its head.
        tokens: of prompt and answer.
        shared: of them, those before the sound.
        micro: clips that go through the model at once.

    Returns:
        ``without_encoder``: with an encoder that costs nothing and all else as in the
        Trainer; ``all_savings``: also without head and last layer (but for its keys and
        values) outside the answer, and the common beginning once a micro-batch.
    """
    encoder, language = multiply_adds(shape, tokens)
    h, deep = shape["hidden"], shape["layers"]
    trainer = encoder + 2 * (language + tokens * h * vocabulary)
    rest = tokens - shared
    kept = rest + shared / micro
    attention = 2 * h * (rest * tokens + shared**2 / micro)
    linear = (language / deep - 2 * h * tokens**2) / tokens
    least = (deep - 1) * (linear * kept + attention) + 2 * h * h * kept
    return {
        "without_encoder": round(trainer / (trainer - encoder), 2),
        "all_savings": round(trainer / (2 * least), 2),
    }


def begin_alike(plain: Plain, ours: Ours) -> None:
    """Give the Trainer's adapter the weights of ours."""
    theirs = {
        name.removeprefix("base_model.model."): parameter
        for name, parameter in plain.model.named_parameters()
        if parameter.requires_grad
    }
    mine = {
        name: parameter
        for name, parameter in ours.backend.model.named_parameters()
        if parameter.requires_grad
    }
    if theirs.keys() != mine.keys():
        sys.exit(f"the two adapters differ: {sorted(theirs.keys() ^ mine.keys())[:4]}")
    for name, parameter in theirs.items():
        parameter.data.copy_(mine[name].data)


def apart(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest difference of two lists."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def measure(name: str, work: Work) -> dict[str, Any]:
    """Both ways on one model."""
    from tiny.speech import Shape, save_tiny_qwen2_audio

    shape = SHAPES[name]
    with tempfile.TemporaryDirectory() as place:
        folder = save_tiny_qwen2_audio(
            Path(place) / "model", Shape(**{**shape, "vocab": VOCABULARY})
        )
        plain, ours = Plain(folder, work), Ours(folder, work)
        begin_alike(plain, ours)
        before = apart(plain.losses(), ours.losses())
        passes = ours.backend.encoder_passes
        seconds, processor = {}, {}
        for way, train in _ways(plain, ours).items():
            begun = time.process_time()
            seconds[way] = timed(train)[1]
            processor[way] = time.process_time() - begun
        passes = ours.backend.encoder_passes - passes
        theirs, ended = plain.losses(), ours.losses()
        lengths = [len(row["input_ids"]) for row in plain.rows]
        tokens = round(sum(lengths) / len(lengths))
        shared = plain.rows[0]["input_ids"].index(ours.backend.audio_token_id)
        savings = ours.backend.lesson_savings()
    in_encoder, in_language = multiply_adds(shape, tokens)
    seen = len(work.clips) * work.epochs
    return {
        "shape": name,
        "tokens": tokens,
        "tokens_before_sound": shared,
        "language_to_encoder": round(in_language / in_encoder, 2),
        "ceilings": ceilings(shape, VOCABULARY, tokens=tokens, shared=shared, micro=work.micro),
        "clips": len(work.clips),
        "seconds_a_clip": round(sum(work.seconds) / len(work.seconds), 2),
        "epochs": work.epochs,
        "batch": work.batch,
        "micro": work.micro,
        "vocabulary": VOCABULARY,
        **{f"{way}_s": round(each, 2) for way, each in seconds.items()},
        **{f"{way}_utterances_a_second": round(seen / each, 2) for way, each in seconds.items()},
        "times": round(seconds["trainer"] / seconds["equivoice"], 2),
        **{f"{way}_processor_s": round(each, 2) for way, each in processor.items()},
        "times_processor": round(processor["trainer"] / processor["equivoice"], 2),
        "savings": {name: each["on"] for name, each in savings.items()},
        "encoder_passes": passes,
        "losses_apart_before": before,
        "losses_apart_after": apart(theirs, ended),
        "mean_loss_after": round(sum(ended) / len(ended), 4),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def allowed(shape: dict[str, Any], micro: int) -> dict[str, Any]:
    """What a shape allows with a prompt as long as those of RAVDESS here."""
    encoder, language = multiply_adds(shape, TOKENS)
    vocabulary = REAL_VOCABULARY if shape is REAL else VOCABULARY
    return {
        "tokens": TOKENS,
        "tokens_before_sound": BEFORE_SOUND,
        "language_to_encoder": round(language / encoder, 2),
        "ceilings": ceilings(shape, vocabulary, tokens=TOKENS, shared=BEFORE_SOUND, micro=micro),
    }


def _ways(plain: Plain, ours: Ours) -> dict[str, Callable[[], None]]:
    return {"equivoice": ours.train, "trainer": plain.train}


def real_work(number: int, *, epochs: int, batch: int, micro: int) -> Work:
    """RAVDESS utterances; the answers are their labels."""
    import soundfile

    clips = real_clips(number)
    return Work(
        clips,
        # the third field of a name is the emotion, counted from 1
        tuple(LABELS[int(clip.stem.split("-")[2]) - 1] for clip in clips),
        tuple(soundfile.info(clip).duration for clip in clips),
        epochs,
        batch,
        micro,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--micro", type=int, default=4)
    parser.add_argument("--ceilings", action="store_true", help="what shapes allow, and no more")
    asked = parser.parse_args()
    if asked.ceilings:
        for name, shape in {**SHAPES, "qwen2-audio-7b": REAL}.items():
            print(json.dumps({"shape": name, **allowed(shape, asked.micro)}), flush=True)
        return
    work = real_work(asked.clips, epochs=asked.epochs, batch=asked.batch, micro=asked.micro)
    for name in asked.shape or SHAPES:
        print(json.dumps(measure(name, work)), flush=True)


if __name__ == "__main__":
    main()
