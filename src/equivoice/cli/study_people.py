"""``equivoice study create | serve | invite | status | export``: people rate in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.cli.config import VerbConfig, argument, configured, option
from equivoice.cli.console import finish, note, progress, say
from equivoice.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from equivoice.rating.app.open_study import OpenStudy

__all__ = [
    "VERBS",
    "create_verb",
    "export_verb",
    "invite_verb",
    "open_people_study",
    "serve_verb",
    "status_verb",
]

_ADDRESS = "http://127.0.0.1:8000"
_DATABASE = "the database, such as postgresql://me@host/study; SQLite in the folder by default"


class CreateConfig(VerbConfig):
    """Options of ``study create``."""

    study: Path = argument("the study file (YAML)")
    out: Path = option("the folder to make", short="-o")
    database: str | None = option(_DATABASE, default=None)
    address: str = option("where raters will find the app", default=_ADDRESS)
    dry_run: bool = option("say what would be made, and make nothing", default=False)


class OpenConfig(VerbConfig):
    """What all verbs on a study take."""

    folder: Path = argument("the study's folder")
    database: str | None = option(
        "the study's database, where its address holds a password", default=None
    )


class ServeConfig(OpenConfig):
    """Options of ``study serve``."""

    host: str = option("the address to listen at", default="127.0.0.1")
    port: int = option("the port to listen at", default=8000, ge=1, le=65_535)
    threads: int = option(
        "how many requests are worked on at a time; more only where the database is far away",
        default=2,
        ge=1,
        le=10,
    )


class InviteConfig(OpenConfig):
    """Options of ``study invite``."""

    raters: int = option("how many raters to add", ge=1, le=10_000)


class ExportConfig(OpenConfig):
    """Options of ``study export``."""

    out: Path = option("the folder for the tables", short="-o")
    attentive: bool = option(
        "only votes of raters who passed every check of attention that they came to",
        default=False,
    )


@configured(CreateConfig)
def create_verb(config: CreateConfig) -> None:
    """Make a study in which people rate, out of one YAML file.

    The folder gets the sounds, the database and links.csv with a link for each rater;
    whoever has a link votes as that rater, so send each to one person.

    Example:
      equivoice study create study.yaml -o study
      equivoice study create study.yaml -o study --database postgresql://me@localhost/study --address https://listen.example.org
    """
    from equivoice.rating.study_files import read_study_file
    from equivoice.rating.study_items import gather_items

    study = read_study_file(config.study)
    if config.dry_run:
        items = gather_items(study)
        say(
            f"{len(items)} items, {study.raters} raters, "
            f"{min(study.per_rater or len(items), len(items))} items each",
            f"questions: {', '.join(question.name for question in study.questions)}",
            f"would write to {config.out}",
        )
        return
    with _needed(), progress("copying sounds") as report:
        from equivoice.rating.app.creating import create_study

        made = create_study(
            study, config.out, database=config.database, address=config.address, watch=report
        )
    say(
        f"{made.items} items, {made.sounds} sounds, {len(made.links)} raters.",
        f"Links: {made.folder / 'links.csv'} (each for one person)",
        f"Next: equivoice study serve {made.folder}",
    )
    finish(made.folder)


@configured(ServeConfig)
def serve_verb(config: ServeConfig) -> None:
    """Serve a study until Ctrl-C. What is answered is stored at once; start again at any time.

    It listens on this machine only. For raters elsewhere, put a web server with HTTPS in
    front of it.

    Example:
      equivoice study serve study
      equivoice study serve study --port 9000
    """
    study = open_people_study(config)
    with _needed():
        import uvicorn

        from equivoice.rating.app.server import make_app
    try:
        say(f"Serving {study.definition.title!r} at http://{config.host}:{config.port}")
        note("stop with Ctrl-C")
        uvicorn.run(
            make_app(study, threads=config.threads),
            host=config.host,
            port=config.port,
            access_log=False,
            log_level="warning",
            server_header=False,
            limit_concurrency=500,
            timeout_keep_alive=15,
        )
    finally:
        study.box.close()


@configured(InviteConfig)
def invite_verb(config: InviteConfig) -> None:
    """Add raters to a study; their lists even out what was rated least.

    Example:
      equivoice study invite study --raters 5
    """
    study = open_people_study(config)
    with _needed():
        from equivoice.rating.app.creating import invite
    try:
        links = invite(study, config.raters)
    finally:
        study.box.close()
    say(f"{len(links)} raters more: {', '.join(links)}")
    finish(config.folder / "links.csv")


@configured(OpenConfig)
def status_verb(config: OpenConfig) -> None:
    """Say how far each rater is, and how they fared with checks and gold items.

    Example:
      equivoice study status study
    """
    from rich.table import Table

    study = open_people_study(config)
    with _needed():
        from equivoice.rating.app.export import states_rows
    try:
        rows = states_rows(study)
    finally:
        study.box.close()
    table = Table("rater", "state", "answered", "checks", "gold")
    for row in rows:
        table.add_row(
            row["rater"],
            _state(row),
            f"{row['answered']}/{row['items']}",
            f"{row['checks_passed']}/{row['checks']}",
            f"{row['gold_right']}/{row['gold']}",
        )
    done = sum(row["answered"] == row["items"] for row in rows)
    say(table, f"{done} of {len(rows)} raters have answered everything.")


@configured(ExportConfig)
def export_verb(config: ExportConfig) -> None:
    """Write what was said as votes and items, with gold answers, raters and comments.

    Example:
      equivoice study export study -o votes
    """
    study = open_people_study(config)
    with _needed():
        from equivoice.rating.app.export import write_export
    try:
        written = write_export(study, config.out, attentive=config.attentive)
    finally:
        study.box.close()
    finish(written)


def open_people_study(config: OpenConfig) -> OpenStudy:
    """The study in a folder; the extra ``rating`` is asked for where it is missing."""
    if not config.folder.is_dir():
        raise InputError("there is no such folder", file=config.folder)
    with _needed():
        from equivoice.rating.app.open_study import open_study
    return open_study(config.folder, database=config.database)


@contextmanager
def _needed() -> Iterator[None]:
    """Names the extra where one of its packages is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in ("fastapi", "starlette", "sqlalchemy", "uvicorn"):
            raise
        raise MissingDependencyError(
            package, extra="rating", purpose="studies with people"
        ) from None


def _state(row: dict[str, Any]) -> str:
    if row["withdrawn"]:
        return "withdrew"
    if not row["consented"]:
        return "not begun"
    return "finished" if row["answered"] == row["items"] else "at work"


VERBS: dict[str, Callable[..., None]] = {
    "create": create_verb,
    "serve": serve_verb,
    "invite": invite_verb,
    "status": status_verb,
    "export": export_verb,
}
