"""From the published checkpoints to one folder that ``load_model("salmonn")`` reads.

Four things make a SALMONN: its own checkpoint (layer norms, Q-Former, query, projection,
LoRA), BEATs, Whisper, and LLaMA or Vicuna. Every name and shape is held against the
model that they are to become, on a device without memory, before anything is written;
what is written is safetensors, beside the tokenizer and the feature extractor. SALMONN's
own LoRA adapter stays an adapter, in the folder ``lora``, so that it can be trained on.

Tensors keep their precision. The folder appears whole or not at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError, MissingDependencyError, StorageError
from equivoice.models.salmonn.keys import Source, adapter_place_of, place_of
from equivoice.models.salmonn.sources import Published, read_published, weights_files

if TYPE_CHECKING:
    import torch

    from equivoice.models.salmonn.model import SalmonnConfig

__all__ = ["LORA_FOLDER", "Parts", "convert"]

LORA_FOLDER = "lora"
"""Where in a converted folder SALMONN's own adapter stands."""

_SHARD_BYTES = 2 * 2**30
_INDEX = "model.safetensors.index.json"
_FROM_LANGUAGE = (
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.json", "merges.txt", "generation_config.json"),
)
_FROM_WHISPER = ("preprocessor_config.json",)
# what the released BEATs are; nothing else is written here
_BEATS_KIND: Mapping[str, Any] = {
    "deep_norm": True,
    "gru_rel_pos": True,
    "layer_norm_first": False,
    "relative_position_embedding": True,
}
_LORA_ALPHA = 32

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Parts:
    """Where the parts of a SALMONN stand.

    Args:
        salmonn: its own checkpoint, such as ``salmonn_7b_v0.pth``.
        beats: BEATs, such as ``BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt``.
        whisper: the folder of Whisper, such as ``openai/whisper-large-v2``.
        language: the folder of LLaMA or Vicuna, such as ``lmsys/vicuna-7b-v1.5``.
    """

    salmonn: Path
    beats: Path
    whisper: Path
    language: Path


def convert(
    parts: Parts, out: Path, *, lora_alpha: int | None = None, watch: Watch | None = None
) -> Path:
    """Write one folder out of published checkpoints.

    Args:
        parts: where they stand.
        out: the folder to write; it must not exist.
        lora_alpha: of SALMONN's own adapter; ``None``: as its checkpoint says, or 32.
        watch: called with what is written, how many files are, and of how many.

    Returns:
        ``out``.

    Raises:
        ConfigError: a part that is not there, holds code, or has missing, unknown or
            misshapen weights: the first of them is named.
        StorageError: the folder cannot be written.
        MissingDependencyError: torch, transformers or peft is not installed.
    """
    if out.exists():
        raise ConfigError(
            "there is something in the place of the converted model already",
            file=out,
            hint="give a folder that does not exist",
        )
    own, beats = read_published(parts.salmonn), read_published(parts.beats)
    config = _config(own, beats, parts)
    adapter, base = _apart(own)
    files: list[tuple[Source, Path, Mapping[str, torch.Tensor] | None]] = [
        ("salmonn", own.file, base),
        ("beats", beats.file, beats.tensors),
        *(("whisper", file, None) for file in weights_files(parts.whisper)),
        *(("language", file, None) for file in weights_files(parts.language)),
    ]
    _check(config, files)
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_shards(partial, files, watch)
        _write_settings(partial, config, parts)
        if adapter:
            alpha = lora_alpha or own.settings.get("model", {}).get("lora_alpha", _LORA_ALPHA)
            _write_adapter(partial / LORA_FOLDER, adapter, int(alpha), own.file)
        partial.rename(out)
    except OSError as error:
        raise StorageError(f"the model cannot be written into {out}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def _config(own: Published, beats: Published, parts: Parts) -> SalmonnConfig:
    """The sizes, as far as the parts tell them; the rest as released."""
    from transformers import LlamaConfig, WhisperConfig

    from equivoice.models.salmonn.model import SalmonnConfig

    query = own.tensors.get("speech_query_tokens")
    inner = own.tensors.get("speech_Qformer.bert.encoder.layer.0.intermediate_query.dense.weight")
    if query is None or inner is None:
        raise ConfigError(
            "the checkpoint has no Q-Former of SALMONN (speech_query_tokens, speech_Qformer.*)",
            file=own.file,
        )
    layers = {name.split(".")[4] for name in own.tensors if ".encoder.layer." in name}
    width = int(query.shape[2])
    said = {**own.settings, **own.settings.get("model", {})}
    return SalmonnConfig(
        whisper_config=_of_folder(WhisperConfig, parts.whisper).to_dict(),
        beats_config=_beats_sizes(beats),
        text_config=_of_folder(LlamaConfig, parts.language).to_dict(),
        qformer_config={
            "hidden_size": width,
            # BERT's heads are 64 wide
            "num_attention_heads": int(said.get("num_attention_heads", max(1, width // 64))),
            "intermediate_size": int(inner.shape[0]),
            "num_hidden_layers": len(layers),
        },
        query_tokens=int(query.shape[1]),
        seconds_per_window=float(said.get("second_per_window", 0.333333)),
        seconds_per_stride=float(said.get("second_stride", 0.333333)),
        audio_token_id=_unknown_token(parts.language),
    )


def _of_folder(kind: Any, folder: Path) -> Any:
    if not (folder / "config.json").is_file():
        raise ConfigError(
            "the folder holds no config.json, so it is no saved model",
            file=folder,
            hint="give the folder of a model as saved by save_pretrained",
        )
    told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if told.get("model_type") != kind.model_type:
        raise ConfigError(
            "the folder holds another architecture",
            file=folder / "config.json",
            value=told.get("model_type"),
            choices=[kind.model_type],
        )
    return kind.from_pretrained(str(folder))


def _beats_sizes(beats: Published) -> dict[str, Any]:
    other = {
        name: beats.settings[name]
        for name, usual in _BEATS_KIND.items()
        if beats.settings.get(name, usual) != usual
    }
    if other:
        raise ConfigError(
            "this kind of BEATs is none that SALMONN was made with",
            file=beats.file,
            value=", ".join(f"{name}={value}" for name, value in other.items()),
        )
    from equivoice.models.salmonn.beats import BeatsConfig

    known = vars(BeatsConfig()).keys() & beats.settings.keys()
    sizes = {name: beats.settings[name] for name in sorted(known)}
    table = next((t for n, t in beats.tensors.items() if "relative_attention_bias" in n), None)
    if table is not None:
        sizes["num_buckets"] = int(table.shape[0])
    return sizes


def _unknown_token(folder: Path) -> int:
    """The token for what no token stands for: LLaMA's tokenizer spells all else by bytes."""
    from transformers import AutoTokenizer

    found = AutoTokenizer.from_pretrained(str(folder)).unk_token_id
    if found is None:
        raise ConfigError(
            "the tokenizer has no unknown token, which stands for sound in a prompt",
            file=folder,
            hint="add unk_token to its tokenizer_config.json",
        )
    return int(found)


def _apart(own: Published) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """SALMONN's adapter by peft's names, and the rest by its own."""
    adapter: dict[str, torch.Tensor] = {}
    rest: dict[str, torch.Tensor] = {}
    for name, tensor in own.tensors.items():
        place = adapter_place_of(name)
        if place is None:
            rest[name] = tensor
        else:
            adapter[place] = tensor
    return adapter, rest


def _placed(
    source: Source, file: Path, held: Mapping[str, torch.Tensor] | None
) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights of a file that are used, by our names."""
    tensors = read_published(file).tensors if held is None else held
    for name, tensor in tensors.items():
        place = place_of(name, source)
        if place is not None:
            yield place, tensor


def _check(
    config: SalmonnConfig,
    files: Sequence[tuple[Source, Path, Mapping[str, torch.Tensor] | None]],
) -> None:
    """See that the parts are the whole model, of the right shapes, and agree where they meet."""
    import torch

    from equivoice.models.salmonn.model import SalmonnForConditionalGeneration

    with torch.device("meta"):
        model = SalmonnForConditionalGeneration(config)
    wanted = dict(model.state_dict())
    seen: dict[str, torch.Tensor | None] = {}
    for source, file, held in files:
        for name, tensor in _placed(source, file, held):
            place = wanted.get(name)
            if place is None or place.shape != tensor.shape:
                shape = "no place" if place is None else f"{tuple(place.shape)} there"
                raise ConfigError(
                    f"a weight does not fit the model: it has {shape}",
                    file=file,
                    value=f"{name} {tuple(tensor.shape)}",
                    hint="do all parts belong to one size of SALMONN?",
                )
            known = seen.get(name)
            if known is not None and not torch.equal(known, tensor):
                raise ConfigError("a weight stands twice, with other values", file=file, value=name)
            # those of the large models are not held; in them no name comes twice
            seen[name] = tensor if source in ("salmonn", "beats") else known
    missing = [name for name in wanted if name not in seen]
    if missing:
        raise ConfigError(
            f"{len(missing)} of {len(wanted)} weights of the model are in none of the files",
            value=missing[0],
            hint="get the whole checkpoints",
        )


def _write_shards(
    folder: Path,
    files: Sequence[tuple[Source, Path, Mapping[str, torch.Tensor] | None]],
    watch: Watch | None,
) -> None:
    from safetensors.torch import save_file

    where: dict[str, str] = {}
    total = 0
    for number, (source, file, held) in enumerate(files):
        for count, shard in enumerate(_shards(_placed(source, file, held), where)):
            name = f"model-{number:02d}-{source}-{count:02d}.safetensors"
            save_file(shard, folder / name, {"format": "pt"})
            where.update(dict.fromkeys(shard, name))
            total += sum(tensor.nbytes for tensor in shard.values())
        if watch is not None:
            watch("writing", number + 1, len(files))
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / _INDEX).write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")


def _shards(
    placed: Iterator[tuple[str, torch.Tensor]], written: Mapping[str, str]
) -> Iterator[dict[str, torch.Tensor]]:
    """The weights in shards that fit into memory, none twice."""
    shard: dict[str, torch.Tensor] = {}
    for name, tensor in placed:
        if name in shard or name in written:
            continue
        # a copy of its own: files may hold several tensors in one storage
        shard[name] = tensor.detach().clone().contiguous()
        if sum(each.nbytes for each in shard.values()) >= _SHARD_BYTES:
            yield shard
            shard = {}
    if shard:
        yield shard


def _write_settings(folder: Path, config: SalmonnConfig, parts: Parts) -> None:
    config.architectures = ["SalmonnForConditionalGeneration"]
    config.save_pretrained(folder)
    for source, names in ((parts.language, _FROM_LANGUAGE), (parts.whisper, _FROM_WHISPER)):
        for name in names:
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)


def _write_adapter(
    folder: Path, tensors: Mapping[str, torch.Tensor], alpha: int, file: Path
) -> None:
    """SALMONN's own adapter as peft saves one."""
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise MissingDependencyError("peft", extra="train", purpose="LoRA adapters") from error
    from safetensors.torch import save_file

    ranks = {int(tensor.shape[0]) for name, tensor in tensors.items() if ".lora_A." in name}
    if len(ranks) != 1:
        raise ConfigError(
            "the adapter's matrices are of several ranks, or of none",
            file=file,
            value=sorted(ranks),
        )
    modules = sorted({name.split(".")[-3] for name in tensors})
    config = LoraConfig(
        r=ranks.pop(),
        lora_alpha=alpha,
        lora_dropout=0.1,
        # both encoders have modules of these names too
        target_modules=rf".*language_model\.(.*\.)?({'|'.join(modules)})",
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    folder.mkdir()
    config.save_pretrained(str(folder))
    own = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(own, folder / "adapter_model.safetensors", {"format": "pt"})
    origin = {"architecture": "SalmonnForConditionalGeneration", "model": file.name}
    (folder / "adapter_origin.json").write_text(json.dumps(origin, indent=2), encoding="utf-8")
