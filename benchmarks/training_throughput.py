"""How long fine-tuning takes, against a plain loop of Hugging Face's Trainer.

Two ways of training the same LoRA on the same Qwen2-Audio model, on the same real
utterances of RAVDESS (3 to 5 s), with the same losses in the same effective batches:

- ``trainer``: what a careful user of transformers writes: :class:`transformers.Trainer`,
  each clip padded to 30 s, the encoder run in each epoch, logits at all positions.
- ``equivoice``: clips encoded once, without their padding, and kept; logits at the
  answer's positions only; clips of like length together.

The Trainer's features are made before its clock starts; ours are made while it runs.
Dropout is 0 so that the two must arrive at the same weights: the loss of each clip,
before and after training, is compared. Weights are random, and the vocabulary has the
share of the work that it has in the real 7B model.

::

    python benchmarks/training_throughput.py                     # both shapes, some minutes
    python benchmarks/training_throughput.py --shape one-to-one --clips 16 --epochs 2

Prints one JSON line a measurement; the table stands in
``benchmarks/results/training_throughput.md``.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from sweep import LABELS, SHAPES, SYSTEM, USER, multiply_adds, real_clips, timed

RATE = 1e-3
RANK = 16
VOCABULARY = 4096
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
        order = [row for batch in planned for micro in batch for row in micro]

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
        seconds = {way: timed(train)[1] for way, train in _ways(plain, ours).items()}
        passes = ours.backend.encoder_passes - passes
        begun, ended = plain.losses(), ours.losses()
        tokens = len(plain.rows[0]["input_ids"])
    in_encoder, in_language = multiply_adds(shape, tokens)
    seen = len(work.clips) * work.epochs
    return {
        "shape": name,
        "language_to_encoder": round(in_language / in_encoder, 2),
        "clips": len(work.clips),
        "seconds_a_clip": round(sum(work.seconds) / len(work.seconds), 2),
        "epochs": work.epochs,
        "batch": work.batch,
        "micro": work.micro,
        "vocabulary": VOCABULARY,
        **{f"{way}_s": round(each, 2) for way, each in seconds.items()},
        **{f"{way}_utterances_a_second": round(seen / each, 2) for way, each in seconds.items()},
        "times": round(seconds["trainer"] / seconds["equivoice"], 2),
        "encoder_passes": passes,
        "losses_apart_before": before,
        "losses_apart_after": apart(begun, ended),
        "mean_loss_after": round(sum(ended) / len(ended), 4),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
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
    asked = parser.parse_args()
    work = real_work(asked.clips, epochs=asked.epochs, batch=asked.batch, micro=asked.micro)
    for name in asked.shape or SHAPES:
        print(json.dumps(measure(name, work)), flush=True)


if __name__ == "__main__":
    main()
