"""What the room exports; that importing it loads no torch."""

from __future__ import annotations

import subprocess
import sys

from equivoice import objectives


def test_every_name_is_there() -> None:
    assert len(set(objectives.__all__)) == len(objectives.__all__)
    assert all(hasattr(objectives, name) for name in objectives.__all__)


def test_importing_them_loads_no_torch() -> None:
    code = "import sys, equivoice.objectives; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
