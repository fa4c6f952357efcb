"""What other packages bring, by the entry points of a group."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from equivoice.errors import ConfigError

__all__ = ["load_plugin", "plugin_names"]


def plugin_names(group: str) -> frozenset[str]:
    """The names that installed packages bring in a group; nothing is imported.

    Args:
        group: such as ``equivoice.models``.

    Example:
        >>> plugin_names("equivoice.nothing")
        frozenset()
    """
    return frozenset(point.name for point in entry_points(group=group))


def load_plugin(group: str, name: str, *, what: str) -> Callable[..., Any] | None:
    """What a package brings under a name; ``None`` where none brings it.

    Args:
        group: such as ``equivoice.models``.
        name: within the group.
        what: it is, for messages, such as ``system``.

    Raises:
        ConfigError: it cannot be loaded, or cannot be called.

    Example:
        >>> load_plugin("equivoice.nothing", "mine", what="system") is None
        True
    """
    point = next((each for each in entry_points(group=group) if each.name == name), None)
    if point is None:
        return None
    try:
        made = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"the {what} {name!r} of another package cannot be loaded: {error}",
            value=point.value,
            hint="install or repair the package that brings it",
        ) from error
    if not callable(made):
        raise ConfigError(f"the {what} {name!r} is not callable", value=point.value)
    return made  # type: ignore[no-any-return]
