"""Shows our docstrings' ``Example:`` sections as code; griffe knows the plural only."""

from __future__ import annotations

import re
from typing import Any

import griffe


class ExamplesExtension(griffe.Extension):
    """Reads ``Example:`` as ``Examples:``."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each module, class, function and attribute that is documented."""
        if obj.docstring is not None:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = text
