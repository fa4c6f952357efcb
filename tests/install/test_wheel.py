"""What is installed is whole: types, templates, cards, and metadata that hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wanted_files() -> list[str]:
    """All that stands in the package, as paths in the wheel."""
    package = ROOT / "src"
    return sorted(
        str(path.relative_to(package))
        for path in (package / "equivoice").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def test_data_files_stand_in_the_package() -> None:
    files = wanted_files()
    assert "equivoice/py.typed" in files
    assert any(name.startswith("equivoice/reports/templates/") for name in files)
    assert any(name.startswith("equivoice/corpora/cards/") for name in files)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without the network by the backend that pip would use."""
    hatchling = pytest.importorskip("hatchling", reason="hatchling is not in the environment")
    assert hatchling
    out = tmp_path_factory.mktemp("wheel")
    code = f"import hatchling.build; print(hatchling.build.build_wheel({str(out)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_all_of_the_package_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert set(wanted_files()) <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any("tests" in Path(name).parts for name in names)


def test_the_wheel_runs_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    code = (
        "import equivoice, pathlib; from equivoice.cli.app import run; "
        "print(pathlib.Path(equivoice.__file__).parent.parent); "
        "raise SystemExit(run(['parse', 'angry', '--label', 'angry']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "installed") in done.stdout
    assert "1 parsed" in done.stdout


def test_the_command_is_installed() -> None:
    (script,) = [each for each in entry_points(group="console_scripts") if each.name == "equivoice"]
    assert script.value == PROJECT["project"]["scripts"]["equivoice"]
    assert callable(script.load())


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {_name(line) for line in lines if line and not line.startswith("#")}
    assert all("==" in line for line in lines if line and not line.startswith("#"))
    extras = PROJECT["project"]["optional-dependencies"]
    asked = {
        _name(line)
        for group in [PROJECT["project"]["dependencies"], *extras.values()]
        for line in group
    } - {"equivoice"}
    assert asked - pinned == set()


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def test_all_is_every_extra_that_a_user_may_want() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    inner = set(everything.partition("[")[2].rstrip("]").split(","))
    assert inner == set(extras) - {"all", "docs", "dev"}


def test_gpl_code_is_optional() -> None:
    core = " ".join(PROJECT["project"]["dependencies"]).lower()
    assert "parselmouth" not in core


def test_every_extra_that_an_error_names_exists() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    named = {
        match
        for path in (ROOT / "src").rglob("*.py")
        for match in re.findall(
            r'MissingDependencyError\([^)]*extra="(\w+)"', path.read_text(encoding="utf-8")
        )
    }
    assert named
    assert named <= extras
