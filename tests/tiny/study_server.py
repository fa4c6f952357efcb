"""A study served for real: its own process on a free port, and a PostgreSQL of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import uvicorn

from equivoice.rating.app.open_study import open_study
from equivoice.rating.app.server import make_app

__all__ = ["Served", "Threaded", "free_port", "postgres"]

_PATIENCE_S = 240.0  # other tests may keep the machine busy


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """``equivoice study serve`` in a process of its own, without the group's other verbs.

    Args:
        folder: of the study.
        port: to listen at.
        database: the study's, where it is not in the folder.
    """

    def __init__(self, folder: Path, port: int, database: str | None = None) -> None:
        self.address = f"http://127.0.0.1:{port}"
        given = {"folder": str(folder), "port": str(port), "database": database, "host": None}
        call = f"serve_verb(words=[], config=None, **{given!r})"
        code = f"from equivoice.cli.study_people import serve_verb\n{call}"
        self._command = [sys.executable, "-c", code]
        self._process: subprocess.Popen[bytes] | None = None
        self.told = ""
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(0.2)
        self.stop()
        pytest.fail(f"the server does not answer: {self.told!r}")

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.address, timeout=5).close()  # noqa: S310 - our own
        except HTTPError as error:
            error.close()
            return error.code == 403
        except (URLError, OSError):
            return False
        return True

    def processor_seconds(self) -> float:
        """What the process has computed so far, however long it had to wait for its turn."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, *, kill: bool = False) -> None:
        """End it, kindly or not."""
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        _, told = self._process.communicate(timeout=30)
        self.told = told.decode()
        self._process = None


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own; the test is skipped where none is installed.

    Yields:
        the address of an empty database.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    tools = found[-1].parent
    # not below pytest's folder, which its own user alone may enter
    folder = Path(tempfile.mkdtemp(prefix="equivoice-postgres-"))
    own: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        own = [str(shutil.which("runuser")), "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data, port = folder / "data", free_port()

    def run(tool: str, *options: str) -> None:
        done = subprocess.run(
            [*own, str(tools / tool), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr

    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    log = str(folder / "log")
    try:
        run("initdb", "-D", str(data), "-U", "study", "-A", "trust", "-E", "UTF8")
        run("pg_ctl", "-D", str(data), "-l", log, "-t", "240", "-o", settings, "start")
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "study", "demo")
        yield f"postgresql://study@127.0.0.1:{port}/demo"
    finally:
        if (data / "postmaster.pid").exists():
            run("pg_ctl", "-D", str(data), "-m", "fast", "-t", "240", "stop")
        shutil.rmtree(folder, ignore_errors=True)


class Threaded:
    """A study served by a thread of this process, which starts at once.

    Args:
        folder: of the study.
        port: to listen at.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._study = open_study(folder)
        config = uvicorn.Config(
            make_app(self._study), host="127.0.0.1", port=port, log_level="warning"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + _PATIENCE_S
        while not self._server.started and time.monotonic() < until:
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, and let the database go."""
        self._server.should_exit = True
        self._thread.join(timeout=30)
        self._study.box.close()
