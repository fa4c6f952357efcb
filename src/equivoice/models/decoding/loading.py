"""Models from a folder or from the hub, as transformers saves them.

What goes wrong is said before any weight is read: a folder that is not there, a
checkpoint of another architecture, weights that only pickle can read (which runs
whatever code they hold), code from the hub that nobody asked for. A checkpoint
that leaves weights of the model unset is refused too: transformers would fill them
with random numbers and only log it.

torch and transformers (extra ``models``) are imported late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from equivoice.errors import ConfigError, MissingDependencyError, RunError
from equivoice.models.decoding.adapter_files import describe_adapter, read_adapter
from equivoice.models.decoding.checkpoint import (
    checkpoint_settings,
    weights_fingerprint,
)

if TYPE_CHECKING:
    import torch

__all__ = [
    "LoadOptions",
    "Loading",
    "checkpoint_settings",
    "describe_loading",
    "load_pretrained",
    "load_processing",
    "pick_device",
    "weights_fingerprint",
    "without_bars",
]

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_ATTENTION = ("sdpa", "eager")
_QUANTISATION = ("none", "8bit", "4bit")
_PURPOSE = "running a language model"


class Loading(TypedDict, total=False):
    """The arguments of :class:`LoadOptions` after ``model``, as a model's constructor passes them on."""

    revision: str | None
    dtype: str
    device: str
    attention: str
    quantisation: str
    trust_remote_code: bool
    safetensors_only: bool
    adapter: str | None


@dataclass(frozen=True)
class LoadOptions:
    """Where a model comes from and how it is held.

    Args:
        model: a local folder, or an id of the hub such as ``Qwen/Qwen2-Audio-7B-Instruct``.
        revision: branch, tag or commit of the hub; ``None`` for its main branch.
        dtype: ``auto`` is bfloat16 on a GPU that has it and float32 on the CPU.
        device: ``auto`` is the first GPU where there is one; or ``cpu``, ``cuda``, ``cuda:1``.
        attention: the attention kernel, ``sdpa`` or ``eager``. Flash kernels take no
            mask of a token tree and are refused.
        quantisation: ``8bit`` and ``4bit`` by bitsandbytes, on a GPU only.
        trust_remote_code: run the code that the checkpoint brings. Off unless asked.
        safetensors_only: refuse weights in pickle files. On unless asked.
        adapter: a folder with what training changed in the model, as training or peft
            saved it; ``None`` for the model as it is.

    Raises:
        ConfigError: an unknown choice; all of them together.

    Example:
        >>> LoadOptions("/models/tiny").attention
        'sdpa'
        >>> LoadOptions("/models/tiny", attention="flash_attention_2")
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: 1 problem in the configuration
          - attention: unknown choice 'flash_attention_2' (sdpa, eager)
    """

    model: str
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    attention: str = "sdpa"
    quantisation: str = "none"
    trust_remote_code: bool = False
    safetensors_only: bool = True
    adapter: str | None = None

    def __post_init__(self) -> None:
        known = {
            "dtype": (self.dtype, _DTYPES),
            "attention": (self.attention, _ATTENTION),
            "quantisation": (self.quantisation, _QUANTISATION),
        }
        problems = [
            f"{option}: unknown choice {value!r} ({', '.join(choices)})"
            for option, (value, choices) in known.items()
            if value not in choices
        ]
        if not self.model:
            problems.append("model: empty; give a folder or an id of the hub")
        if problems:
            raise ConfigError.from_problems(problems)

    @property
    def folder(self) -> Path | None:
        """The local folder, where ``model`` is one."""
        path = Path(self.model).expanduser()
        return path if path.is_dir() else None

    @property
    def adapter_folder(self) -> Path | None:
        """The folder of the adapter, where there is to be one."""
        return None if self.adapter is None else Path(self.adapter).expanduser()

    @property
    def name(self) -> str:
        """What the system is called unless told: the model, and its adapter.

        Example:
            >>> LoadOptions("org/tiny", adapter="runs/fair/best").name
            'tiny+fair'
        """
        model = self.model.rstrip("/").rpartition("/")[2]
        if self.adapter_folder is None:
            return model
        # what training calls its best checkpoint is no name
        parts = [part for part in self.adapter_folder.parts if part not in ("best", "/")]
        return f"{model}+{parts[-1]}" if parts else model


def pick_device(name: str) -> torch.device:
    """The device of this name; ``auto`` is a GPU where there is one.

    Raises:
        ConfigError: there is no such device here.
        MissingDependencyError: torch is not installed.
    """
    torch = _torch()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError("unknown device", value=name, choices=("auto", "cpu", "cuda")) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "this machine has no GPU that torch can use", value=name, hint="device=cpu, or auto"
        )
    return device  # type: ignore[no-any-return]


def load_pretrained(model_class: str | type[Any], options: LoadOptions) -> Any:
    """A model, ready for inference on its device.

    Args:
        model_class: a class of transformers or its name, such as
            ``Qwen2AudioForConditionalGeneration`` or ``AutoModelForCausalLM``.
        options: what to load and how.

    Raises:
        ConfigError: what ``options`` name cannot be loaded; the message says why.
        RunError: the device has not enough memory.
        MissingDependencyError: torch or transformers is not installed.
    """
    torch = _torch()
    known = _of_transformers(model_class)
    config = _config(known, options)
    _check_weights(options)
    device = pick_device(options.device)
    quantised = _quantised(options, device)
    with _explained(options, config), without_bars():
        model, told = known.from_pretrained(
            str(options.folder or options.model),
            config=config,
            revision=options.revision,
            dtype=_dtype(options.dtype, device),
            attn_implementation=options.attention,
            use_safetensors=True if options.safetensors_only else None,
            trust_remote_code=options.trust_remote_code,
            output_loading_info=True,
            **({"device_map": {"": device}} if device.type != "cpu" else {}),
            **quantised,
        )
    _check_complete(told, options)
    if options.adapter_folder is not None:
        read_adapter(model, options.adapter_folder)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    # the answers of two runs must be equal
    torch.backends.cudnn.benchmark = False
    return model


def load_processing(processing_class: str | type[Any], options: LoadOptions, **extra: Any) -> Any:
    """A processor or tokenizer of a checkpoint.

    Args:
        processing_class: a class of transformers or its name, such as ``AutoProcessor``.
        options: as for the model.
        extra: passed on to ``from_pretrained``.

    Raises:
        ConfigError: it cannot be loaded.
        MissingDependencyError: transformers is not installed.
    """
    known = _of_transformers(processing_class)
    _check_place(options)
    with _explained(options, None):
        return known.from_pretrained(
            str(options.folder or options.model),
            revision=options.revision,
            trust_remote_code=options.trust_remote_code,
            **extra,
        )


def describe_loading(model: Any, options: LoadOptions) -> dict[str, Any]:
    """What a run record says of a loaded model, as JSON can hold it.

    Origin, hash of the weights or commit of the hub, dtype, device, kernel,
    quantisation, versions, and the checkpoint's own generation settings.
    """
    import torch
    import transformers

    folder = options.folder
    return {
        "model": options.model,
        "revision": options.revision,
        "commit": getattr(model.config, "_commit_hash", None),
        "weights": None if folder is None else weights_fingerprint(folder),
        "architecture": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": _device_name(model.device),
        "attention": getattr(model.config, "_attn_implementation", None),
        "quantisation": options.quantisation,
        "remote_code": options.trust_remote_code,
        "adapter": None
        if options.adapter_folder is None
        else describe_adapter(model, options.adapter_folder),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "generation_settings": checkpoint_settings(model),
    }


def _device_name(device: Any) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("torch", extra="models", purpose=_PURPOSE) from error
    return torch


def _of_transformers(wanted: str | type[Any]) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError("transformers", extra="models", purpose=_PURPOSE) from error
    if not isinstance(wanted, str):
        return wanted
    found = getattr(transformers, wanted, None)
    if found is None:
        raise ConfigError(
            f"transformers {transformers.__version__} has no such class",
            value=wanted,
            hint="pip install --upgrade transformers",
        )
    return found


def _check_place(options: LoadOptions) -> None:
    folder = options.folder
    if folder is None:
        looks_local = options.model.startswith(("/", ".", "~")) or options.model.count("/") > 1
        if looks_local or Path(options.model).exists():
            raise ConfigError(
                "there is no such model folder",
                value=options.model,
                hint="give a folder saved by save_pretrained, or an id of the hub",
            )
    elif not (folder / "config.json").is_file():
        raise ConfigError(
            "the folder holds no config.json, so it is no saved model",
            file=folder,
            hint="give the folder that save_pretrained wrote",
        )


def _config(model_class: Any, options: LoadOptions) -> Any:
    """The checkpoint's configuration, if a model of the wanted class can hold it."""
    import transformers

    _check_place(options)
    with _explained(options, None):
        config = transformers.AutoConfig.from_pretrained(
            str(options.folder or options.model),
            revision=options.revision,
            trust_remote_code=options.trust_remote_code,
        )
    wanted = getattr(model_class, "config_class", None)
    # with another model_type, from_pretrained would only log it and make random weights
    if wanted is not None and getattr(wanted, "model_type", None) != config.model_type:
        raise ConfigError(
            f"the checkpoint is of another architecture than {model_class.__name__}",
            file=options.model,
            value=", ".join(config.architectures or [config.model_type]),
            choices=[wanted.model_type],
            hint="choose the system that is made for this architecture: equivoice models",
        )
    return config


def _check_weights(options: LoadOptions) -> None:
    folder = options.folder
    if folder is None or not options.safetensors_only or any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.glob("*.bin"))
    if pickled:
        raise ConfigError(
            "the weights are pickled, and reading them runs whatever code they hold",
            file=folder / pickled[0],
            hint="save them as safetensors, or say safetensors_only=False if you trust them",
        )
    raise ConfigError("the folder holds no weights (*.safetensors)", file=folder)


def _check_complete(told: Any, options: LoadOptions) -> None:
    for kind in ("missing_keys", "mismatched_keys"):
        names = sorted(str(key) for key in told.get(kind) or ())
        if names:
            raise ConfigError(
                f"the checkpoint lacks {len(names)} of the model's weights ({kind})",
                file=options.model,
                value=names[0],
                hint="they would be random numbers; get the whole checkpoint",
            )


def _dtype(name: str, device: Any) -> Any:
    import torch

    if name != "auto":
        return getattr(torch, name)
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _quantised(options: LoadOptions, device: Any) -> dict[str, Any]:
    if options.quantisation == "none":
        return {}
    if device.type != "cuda":
        raise ConfigError(
            "8-bit and 4-bit weights need a GPU",
            value=options.quantisation,
            hint="quantisation=none",
        )
    try:
        import bitsandbytes  # noqa: F401 - transformers needs it
    except ImportError as error:
        raise ConfigError(
            "8-bit and 4-bit weights need bitsandbytes, which is not installed",
            value=options.quantisation,
            hint="pip install bitsandbytes",
        ) from error
    import torch
    import transformers

    eight = options.quantisation == "8bit"
    settings = transformers.BitsAndBytesConfig(
        load_in_8bit=eight, load_in_4bit=not eight, bnb_4bit_compute_dtype=torch.bfloat16
    )
    return {"quantization_config": settings}


@contextmanager
def _explained(options: LoadOptions, config: Any) -> Iterator[None]:
    """Errors of transformers in words that say what to do next."""
    from safetensors import SafetensorError
    from torch import OutOfMemoryError

    try:
        yield
    except OutOfMemoryError as error:
        raise RunError(
            f"{options.model} does not fit in the memory of the device; try 8-bit or 4-bit weights"
        ) from error
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        said = str(error).strip().partition("\n")[0]
        if "trust_remote_code" in str(error):
            hint = "read that code, then say trust_remote_code=True if you trust it"
            problem = "the checkpoint brings its own code, which is not run unless asked"
        elif options.folder is None and isinstance(error, OSError):
            hint = "is the id right, is there a network? Or download it and give the folder"
            problem = f"the model cannot be had from the hub: {said}"
        else:
            known = ", ".join(getattr(config, "architectures", None) or ())
            hint = "is the folder whole, and does this release of transformers know the model?"
            problem = f"the {known or 'checkpoint'} cannot be loaded: {said}"
        raise ConfigError(problem, value=options.model, hint=hint) from error


@contextmanager
def without_bars() -> Iterator[None]:
    """No progress bars of transformers within: ours tell what is done."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
