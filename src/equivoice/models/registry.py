"""Systems by name: those that come with Equivoice, and those of other packages.

Another package adds systems by an entry point::

    [project.entry-points."equivoice.models"]
    my-model = "my_package.models:MyModel"

What it names is called with the options of the configuration and returns an
:class:`~equivoice.models.EmotionRecognizer`, a
:class:`~equivoice.models.Trainable`, a
:class:`~equivoice.models.LanguageBackend` or a
:class:`~equivoice.models.Classifiable`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeAlias, get_args, get_type_hints, is_typeddict

from equivoice.errors import ConfigError
from equivoice.models.classifying import Classifiable
from equivoice.models.language import LanguageBackend
from equivoice.models.protocols import EmotionRecognizer, Trainable
from equivoice.plugins import load_plugin, plugin_names

__all__ = [
    "BUILT_IN",
    "System",
    "classifies",
    "load_model",
    "model_description",
    "model_names",
    "system_factory",
]

System: TypeAlias = EmotionRecognizer | Trainable | LanguageBackend | Classifiable
"""What a name stands for."""

_GROUP = "equivoice.models"
_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})

BUILT_IN: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "acoustic": ("equivoice.models.acoustic:AcousticBaseline", _NO_OPTIONS),
        "acoustic-speaker-normalised": (
            "equivoice.models.acoustic:AcousticBaseline",
            MappingProxyType({"speaker_normalised": True}),
        ),
        "audio-flamingo-3": (
            "equivoice.models.speech_llms.audio_flamingo3:AudioFlamingo3",
            _NO_OPTIONS,
        ),
        "classifier": ("equivoice.models.classifiers.recognizer:TrainedClassifier", _NO_OPTIONS),
        "compact-encoder": ("equivoice.models.encoders.compact:CompactEncoder", _NO_OPTIONS),
        "openai-server": ("equivoice.models.servers:OpenAIServer", _NO_OPTIONS),
        "openai-text": (
            "equivoice.models.servers:OpenAIServer",
            MappingProxyType({"hears": False, "name": "openai-text"}),
        ),
        "prior": ("equivoice.models.prior:PriorBaseline", _NO_OPTIONS),
        "qwen2-audio": ("equivoice.models.speech_llms.qwen2_audio:Qwen2Audio", _NO_OPTIONS),
        "qwen2-5-omni": ("equivoice.models.speech_llms.qwen2_5_omni:Qwen25Omni", _NO_OPTIONS),
        "salmonn": ("equivoice.models.speech_llms.salmonn:Salmonn", _NO_OPTIONS),
        "salmonn-classifier": (
            "equivoice.models.classifiers.speech_llm:SpeechLLMClassifier",
            MappingProxyType({"of": "salmonn"}),
        ),
        "scripted": ("equivoice.models.scripted:ScriptedBaseline", _NO_OPTIONS),
        "scripted-judge": ("equivoice.models.scripted_judge:ScriptedJudge", _NO_OPTIONS),
        "scripted-llm": (
            "equivoice.models.scripted_language:ScriptedLanguageModel",
            _NO_OPTIONS,
        ),
        "scripted-server": ("equivoice.models.scripted_language:ScriptedServer", _NO_OPTIONS),
        "scripted-writer": ("equivoice.models.scripted_writer:ScriptedWriter", _NO_OPTIONS),
        "speech-encoder": (
            "equivoice.models.encoders.pretrained:PretrainedEncoder",
            _NO_OPTIONS,
        ),
        "speech-llm": ("equivoice.models.speech_llms.general:GeneralSpeechModel", _NO_OPTIONS),
        "text-classifier": ("equivoice.models.text_llms.classifier:TextClassifier", _NO_OPTIONS),
        "speech-llm-classifier": (
            "equivoice.models.classifiers.speech_llm:SpeechLLMClassifier",
            _NO_OPTIONS,
        ),
        "text-llm": ("equivoice.models.text_llms.causal:CausalTextModel", _NO_OPTIONS),
        "voxtral": ("equivoice.models.speech_llms.voxtral:Voxtral", _NO_OPTIONS),
    }
)
"""From name to where the system is found and the options that the name implies."""


def model_names() -> tuple[str, ...]:
    """The names that :func:`load_model` knows, in alphabetical order.

    Example:
        >>> "prior" in model_names()
        True
    """
    return tuple(sorted({*BUILT_IN, *plugin_names(_GROUP)}))


def load_model(name: str, /, **options: Any) -> System:
    """A system by its name.

    Only now is its module imported, so that a listing needs none of the
    packages that a system needs.

    Args:
        name: one of :func:`model_names`.
        options: as the system takes them.

    Raises:
        ConfigError: no system of this name (a built-in name cannot be taken by
            another package), an option that it does not know, or one that it
            needs and was not given.
        MissingDependencyError: the system needs a package that is not installed.

    Example:
        >>> load_model("prior").name
        'prior'
        >>> load_model("priror")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: there is no such system: 'priror'
          choices: acoustic, acoustic-speaker-normalised, ...
    """
    make, implied = _factory(name)
    options = {**implied, **options}
    _check_options(name, make, options)
    _check_needed(name, make, options)
    model = make(**options)
    if not isinstance(model, (EmotionRecognizer, Trainable, LanguageBackend, Classifiable)):
        raise ConfigError(
            f"the system {name!r} can neither predict nor be fitted nor answer",
            value=type(model).__name__,
        )
    return model


def classifies(name: str) -> bool:
    """Whether a system is a :class:`Classifiable`, known without making one.

    Args:
        name: one of :func:`model_names`.

    Raises:
        ConfigError: there is no system of this name.

    Example:
        >>> classifies("prior")
        False
    """
    make, _ = _factory(name)
    made = make if inspect.isclass(make) else get_type_hints(make).get("return")
    return hasattr(made, "classifier")


def system_factory(name: str) -> Callable[..., Any]:
    """What makes a system: a class, or a function.

    Args:
        name: one of :func:`model_names`.

    Raises:
        ConfigError: there is no system of this name.

    Example:
        >>> system_factory("prior").__name__
        'PriorBaseline'
    """
    return _factory(name)[0]


def model_description(name: str) -> str:
    """The first line of a system's documentation.

    Raises:
        ConfigError: there is no system of this name.
    """
    make, _ = _factory(name)
    return (inspect.getdoc(make) or "").partition("\n")[0]


def _factory(name: str) -> tuple[Callable[..., Any], Mapping[str, Any]]:
    if name in BUILT_IN:
        where, implied = BUILT_IN[name]
        module, _, attribute = where.partition(":")
        return getattr(import_module(module), attribute), implied
    make = load_plugin(_GROUP, name, what="system")
    if make is None:
        raise ConfigError("there is no such system", value=name, choices=model_names())
    return make, _NO_OPTIONS


def _check_options(name: str, make: Callable[..., Any], options: Mapping[str, Any]) -> None:
    known = _options_of(make)
    if known is None:
        return
    problems = [
        f"{option}: unknown option of {name!r}" for option in options if option not in known
    ]
    if problems:
        options_known = ", ".join(known) or "none"
        raise ConfigError.from_problems([*problems, f"the options of {name!r}: {options_known}"])


def _check_needed(name: str, make: Callable[..., Any], options: Mapping[str, Any]) -> None:
    fixed = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    needed = [
        parameter.name
        for parameter in inspect.signature(make).parameters.values()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in fixed
    ]
    missing = [option for option in needed if option not in options]
    if missing:
        raise ConfigError(
            f"the system {name!r} needs the option {missing[0]!r}",
            hint=f"options.{name}.{missing[0]}=... (its alias, where it has one, for {name})",
        )


def _options_of(make: Callable[..., Any]) -> list[str] | None:
    """The names of the options that a system takes; ``None`` where it takes any."""
    known: list[str] = []
    for parameter in inspect.signature(make).parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            known.append(parameter.name)
            continue
        hints = get_type_hints(make.__init__ if inspect.isclass(make) else make)
        named = get_args(hints.get(parameter.name, Any))
        if not named or not is_typeddict(named[0]):
            return None
        known += named[0].__annotations__
    return known
