"""One model per verb: its flags, its configuration file and its overrides.

A verb states its options once, as a :class:`VerbConfig`; :func:`configured`
makes the flags out of it. Each option can then be given as a flag
(``--replicates 500``), as an override (``replicates=500``, dotted for parts
of a section: ``features.rate=16000``) or in a YAML file (``--config``). Flags
go before overrides, overrides before the file. Unknown keys are refused, and
all mistakes are reported together.

Example of a verb, here ``greet``::

    class GreetConfig(VerbConfig):
        who: str = argument("whom to greet")
        times: int = option("how often", default=1, ge=1)

    app = verb_app()

    @app.command()
    @configured(GreetConfig)
    def greet(config: GreetConfig) -> None:
        '''Greet somebody.'''
"""

from __future__ import annotations

import inspect
import re
import shlex
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typer
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from rich.markup import escape

from equivoice.errors import ConfigError
from equivoice.written_files import read_yaml

__all__ = [
    "VerbConfig",
    "argument",
    "command_line",
    "configured",
    "option",
    "resolve",
    "verb_app",
]

Config = TypeVar("Config", bound="VerbConfig")

# a part after a dot may name a system, such as qwen2-audio
_OVERRIDE = re.compile(r"(?P<key>[A-Za-z_]\w*(?:\.[\w-]+)*)=(?P<value>.*)", re.DOTALL)
_WORDS = "words"
_FILE = "config"
_REQUIRED = ...


class VerbConfig(BaseModel):
    """The options of a verb; subclass it with :func:`argument` and :func:`option`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def argument(doc: str, *, default: Any = _REQUIRED, **constraints: Any) -> Any:
    """An option that is given by position on the command line.

    Args:
        doc: one phrase for the help.
        default: what holds where it is not given; needed where there is none.
        constraints: as for :func:`pydantic.Field`, such as ``min_length=1``.
    """
    return Field(default, description=doc, json_schema_extra={"positional": True}, **constraints)


def option(
    doc: str, *, default: Any = _REQUIRED, short: str = "", flag: str = "", **constraints: Any
) -> Any:
    """An option that is given by name, ``some_name`` as ``--some-name``.

    Args:
        doc: one phrase for the help.
        default: what holds where it is not given; needed where there is none.
        short: a one-letter flag such as ``-o``.
        flag: the flag's word, where it is not the option's name.
        constraints: as for :func:`pydantic.Field`, such as ``ge=0``.
    """
    extra: dict[str, Any] = {"short": short, "flag": flag}
    return Field(default, description=doc, json_schema_extra=extra, **constraints)


def verb_app(help: str | None = None) -> typer.Typer:  # noqa: A002 - typer's own word
    """An empty command application for the module of a verb.

    Args:
        help: what the verb does, where it has verbs of its own (``corpora list``).
    """
    return typer.Typer(
        help=help, add_completion=False, no_args_is_help=help is not None, rich_markup_mode="rich"
    )


def command_line() -> str:
    """The command as typed, for the run record."""
    return shlex.join(["equivoice", *sys.argv[1:]])


def configured(model: type[Config]) -> Callable[[Callable[[Config], None]], Callable[..., None]]:
    """Make a typer command out of a function of a :class:`VerbConfig`.

    Args:
        model: the verb's options.

    Returns:
        A decorator, to stand below ``@app.command()``.
    """

    def decorate(verb: Callable[[Config], None]) -> Callable[..., None]:
        def command(**given: Any) -> None:
            words = [word for name in places for word in _as_list(given.pop(name))]
            verb(resolve(model, file=given.pop(_FILE), words=words, flags=given))

        arguments = _arguments(model)
        places = [each.name for each in arguments]
        parameters = [*arguments, *_flags(model)]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        command.__name__ = verb.__name__
        command.__doc__ = _help(verb)
        return command

    return decorate


def resolve(
    model: type[Config],
    *,
    file: str | Path | None = None,
    words: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Config:
    """The options out of file, overrides and flags, or one error with every mistake.

    Args:
        model: the verb's options.
        file: a YAML file with the same names.
        words: positional arguments and ``key=value`` overrides as typed.
        flags: values by name; ``None`` and empty lists count as not given.

    Raises:
        ConfigError: lists all that is wrong.

    Example:
        >>> class GreetConfig(VerbConfig):
        ...     who: str = argument("whom to greet")
        ...     times: int = option("how often", default=1, ge=1)
        >>> resolve(GreetConfig, words=["Ada", "times=2"])
        GreetConfig(who='Ada', times=2)
        >>> resolve(GreetConfig, words=["tims=2"])
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: 2 problems in the configuration
          - who: needed
          - tims: unknown key; did you mean 'times'?
    """
    problems: list[str] = []
    options = {} if file is None else _read(Path(file))
    places, overrides = _sort_words(model, words, problems)
    for key, value in overrides:
        _put(options, key, value, problems)
    given = {name: value for name, value in (flags or {}).items() if value not in (None, [])}
    options |= places | given
    config = _validated(model, options, problems)
    if config is None:
        raise ConfigError.from_problems(problems)
    return config


def _validated(model: type[Config], options: dict[str, Any], problems: list[str]) -> Config | None:
    try:
        config = model.model_validate(_lists_of_one(model, options))
    except ValidationError as error:
        problems.extend(_sentence(model, fault) for fault in error.errors())
        return None
    return None if problems else config


def _read(file: Path) -> dict[str, Any]:
    content = read_yaml(file, what="the configuration")
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError("a configuration file holds 'key: value' lines", file=file)
    return {str(key): value for key, value in content.items()}


def _sort_words(
    model: type[VerbConfig], words: Sequence[str], problems: list[str]
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Tell positional arguments from overrides.

    A path that exists is never an override, nor is ``NAME=PATH`` where no option is called so.
    """
    positional: list[str] = []
    overrides: list[tuple[str, Any]] = []
    for word in words:
        match = _OVERRIDE.fullmatch(word)
        if match is None or Path(word).exists() or _names_a_path(model, match):
            positional.append(word)
        else:
            overrides.append((match["key"], _from_yaml(match["key"], match["value"], problems)))
    return _placed(model, positional, problems), overrides


def _names_a_path(model: type[VerbConfig], match: re.Match[str]) -> bool:
    """Whether a word is ``NAME=PATH`` or ``NAME=RUN#SYSTEM``, as members of an ensemble are."""
    path = match["value"].partition("#")[0]
    known = match["key"].partition(".")[0] in model.model_fields
    return not known and bool(path) and Path(path).exists()


def _from_yaml(key: str, text: str, problems: list[str]) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        problems.append(f"{key}: cannot read {text!r} as YAML; put it in quotes")
        return None


def _placed(model: type[VerbConfig], positional: list[str], problems: list[str]) -> dict[str, Any]:
    rest = list(positional)
    placed: dict[str, Any] = {}
    for name, field in _positional(model).items():
        if rest and _is_list(field):
            placed[name], rest = rest, []
        elif rest:
            placed[name] = rest.pop(0)
    problems.extend(f"{word!r}: one argument too many" for word in rest)
    return placed


def _put(options: dict[str, Any], key: str, value: Any, problems: list[str]) -> None:
    # a system's name may hold a version, as in options.qwen2.5-omni.model; no key begins with a digit
    *sections, last = re.split(r"\.(?!\d)", key)
    place = options
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            problems.append(f"{key}: {section} is not a section")
            return
        place = inner
    place[last] = value


def _lists_of_one(model: type[VerbConfig], options: dict[str, Any]) -> dict[str, Any]:
    """``group=gender`` means the same as ``group=[gender]``."""
    fields = model.model_fields
    return {
        name: [value]
        if name in fields and _is_list(fields[name]) and isinstance(value, (str, int, float))
        else value
        for name, value in options.items()
    }


def _sentence(model: type[VerbConfig], fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{where}: needed"
    if fault["type"] == "extra_forbidden":
        known = _keys_beside(model, fault["loc"])
        close = get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = fault["msg"].removeprefix("Value error, ").split(", unable to")[0]
    return f"{where}: {message[:1].lower()}{message[1:]}, not {fault['input']!r}"


def _keys_beside(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = None if field is None else _bare(field.annotation)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return list(model.model_fields)


def _help(verb: Callable[..., Any]) -> str:
    """The docstring as help; the lines of its example are left as they stand."""
    doc = escape(inspect.getdoc(verb) or "")
    return re.sub(r"^(Examples?:)$", "\b\n\\1", doc, flags=re.MULTILINE)


def _arguments(model: type[VerbConfig]) -> list[inspect.Parameter]:
    """The positional parameters, for the help; what is typed is sorted by :func:`_sort_words`."""
    override = "an option by name, as in the configuration file"
    fields = _positional(model)
    singles = {name: field for name, field in fields.items() if not _is_list(field)}
    parameters = [
        _parameter(name, str | None, _argument_info(name.upper(), _doc(field)))
        for name, field in singles.items()
    ]
    for name in fields.keys() - singles.keys():
        metavar = f"{name.upper()}|KEY=VALUE"
        doc = f"{_doc(fields[name])}; or {override}"
        return [*parameters, _parameter(name, list[str] | None, _argument_info(metavar, doc))]
    return [
        *parameters,
        _parameter(_WORDS, list[str] | None, _argument_info("KEY=VALUE", override)),
    ]


def _own_first(model: type[VerbConfig]) -> list[str]:
    """The options of a verb before those that it shares with others."""
    own = [name for name in inspect.get_annotations(model) if name in model.model_fields]
    return [*own, *(name for name in model.model_fields if name not in own)]


def _argument_info(metavar: str, doc: str) -> Any:
    return typer.Argument(metavar=metavar, help=escape(doc), show_default=False)


def _flags(model: type[VerbConfig]) -> list[inspect.Parameter]:
    doc = "YAML file with the same options"
    return [
        *(
            _parameter(name, *_flag(name, model.model_fields[name]))
            for name in _own_first(model)
            if _has_flag(model.model_fields[name])
        ),
        _parameter(_FILE, str | None, typer.Option("--config", metavar="FILE", help=doc)),
    ]


def _parameter(name: str, annotation: Any, info: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[annotation, info],
    )


def _flag(name: str, field: FieldInfo) -> tuple[Any, Any]:
    word = (_extra(field).get("flag") or name).replace("_", "-")
    flag = f"--{word}"
    short = _extra(field).get("short")
    names = [flag, short] if short else [flag]
    doc = escape(_doc(field))
    if _bare(field.annotation) is bool:
        if not name.startswith("no_"):
            names[0] = f"{flag}/--no-{word}"
        return bool | None, typer.Option(*names, help=doc, show_default=False)
    kind = list[str] | None if _is_list(field) else str | None
    return kind, typer.Option(*names, help=doc, metavar=_metavar(field), show_default=False)


def _doc(field: FieldInfo) -> str:
    text = field.description or ""
    if field.is_required():
        return f"{text} (needed)"
    if isinstance(field.default, bool):
        return f"{text} (default: yes)" if field.default else text
    if field.default in (None, (), ""):
        return text
    return f"{text} (default: {_plain(field.default)})"


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _metavar(field: FieldInfo) -> str:
    kind = _bare(field.annotation)
    if _is_list(field):
        kind = _bare(next(iter(get_args(kind)), str))
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return {int: "NUMBER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def _positional(model: type[VerbConfig]) -> dict[str, FieldInfo]:
    return {
        name: field for name, field in model.model_fields.items() if _extra(field).get("positional")
    }


def _has_flag(field: FieldInfo) -> bool:
    """Sections (nested models and mappings) have no flag: the file and overrides set them."""
    kind = _bare(field.annotation)
    section = get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel))
    return not (section or _extra(field).get("positional"))


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _as_list(given: str | list[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else given


def _is_list(field: FieldInfo) -> bool:
    return get_origin(_bare(field.annotation)) in (tuple, list)


def _bare(annotation: Any) -> Any:
    """The type without ``| None``."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation
