"""The pages of a study by their addresses.

=====================  ============================================================
``/r/TOKEN``           a rater's link: keeps the token in a cookie, goes to ``/``
``/``                  where the rater goes on
``/consent``           what the study is about, and the consent
``/item/N``            the N-th item of the rater's list, and its ballot
``/sound/N/PART``      its sounds; no name of a file stands in any address
``/pause/N``           a break after the N-th item
``/finished``          the last page
``/withdraw``          deletes all that the rater said
``/admin/...``         status and votes, for who sends the admin token in a header
=====================  ============================================================

A rater reaches only the items of their own list, in its order. Nothing is logged of who
asks: no address, no browser.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import urlsplit

from anyio import to_thread
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)

from equivoice.errors import StorageError
from equivoice.rating.app.ballot_box import Rater
from equivoice.rating.app.export import items_frame, states_rows, votes_frame
from equivoice.rating.app.forms import FormError, read_ballot, read_form
from equivoice.rating.app.open_study import OpenStudy
from equivoice.rating.app.pages import ItemPage, Pages, sound_of
from equivoice.rating.app.security import Guarded, form_mark, hash_of, is_token, same
from equivoice.rating.assignment import Place

__all__ = ["COOKIE", "make_app"]

COOKIE = "rater"
_DAYS_90 = 90 * 24 * 3600
_FORM = "application/x-www-form-urlencoded"
_STATIC = {"study.css": "text/css", "study.js": "text/javascript"}
_KEPT = "private, max-age=3600"

_Form = dict[str, list[str]]


class _Guest(NamedTuple):
    """Who asks."""

    rater: Rater
    token: str
    mark: str


class _StopError(Exception):
    """Ends a request with an answer."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


def make_app(study: OpenStudy, *, threads: int = 2) -> FastAPI:
    """The app of a study, to be run by an ASGI server.

    Args:
        study: to be closed by the caller.
        threads: how many requests are worked on at a time, the others waiting in turn. With
            many, Python's threads get in each other's way and some people wait long.
    """

    @asynccontextmanager
    async def few_at_a_time(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = threads
        yield

    app = FastAPI(
        title=study.definition.title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=few_at_a_time,
    )
    desk = _Desk(study)
    for path, methods, work in (
        ("/r/{token}", ["GET"], desk.enter),
        ("/", ["GET"], desk.home),
        ("/consent", ["GET"], desk.show_consent),
        ("/consent", ["POST"], desk.take_consent),
        ("/item/{number:int}", ["GET"], desk.show_item),
        ("/item/{number:int}", ["POST"], desk.take_ballot),
        ("/sound/{number:int}/{part:int}", ["GET"], desk.sound),
        ("/pause/{number:int}", ["GET"], desk.pause),
        ("/finished", ["GET"], desk.finished),
        ("/withdraw", ["GET"], desk.ask_withdrawal),
        ("/withdraw", ["POST"], desk.withdraw),
        ("/static/{name}", ["GET"], desk.static),
        ("/admin/{what}", ["GET"], desk.admin),
    ):
        app.add_route(path, _answering(work), methods=methods)
    app.add_exception_handler(HTTPException, desk.refuse)
    app.add_exception_handler(StorageError, desk.broken)
    app.add_middleware(Guarded)
    return app


def _answering(
    work: Callable[[Request, _Form], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """The form is read here; the database then works in a thread."""

    async def answer(request: Request) -> Response:
        form: _Form = {}
        if request.method == "POST":
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != _FORM:
                raise HTTPException(415)
            try:
                form = read_form(await request.body())
            except FormError:
                raise HTTPException(400) from None
        try:
            return await run_in_threadpool(work, request, form)
        except _StopError as stop:
            return stop.response

    return answer


class _Desk:
    """Answers the requests of a study."""

    def __init__(self, study: OpenStudy) -> None:
        self.study = study
        self.box = study.box
        self.pages = Pages(study)
        self._secure = urlsplit(study.address).scheme == "https"

    # ------------------------------------------------------------ coming and going

    def enter(self, request: Request, _: _Form) -> Response:
        token = str(request.path_params["token"])
        if not is_token(token) or self.box.rater(hash_of(token)) is None:
            return self._no_entry()
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE, token, max_age=_DAYS_90, httponly=True, samesite="lax", secure=self._secure
        )
        return response

    def home(self, request: Request, _: _Form) -> Response:
        guest = self._guest(request)
        done = self.box.progress(guest.rater.name)
        return _to(f"/item/{done.index(False) + 1}" if False in done else "/finished")

    def show_consent(self, request: Request, _: _Form) -> Response:
        guest = self._guest(request, consented=False)
        if guest.rater.consented:
            return _to("/")
        return HTMLResponse(self.pages.consent(guest.mark))

    def take_consent(self, request: Request, form: _Form) -> Response:
        guest = self._guest(request, form, consented=False)
        if form.get("agree") != ["yes"]:
            return HTMLResponse(self.pages.consent(guest.mark, problem=True), 422)
        self.box.consent(guest.rater.name)
        return _to("/")

    def pause(self, request: Request, _: _Form) -> Response:
        guest = self._guest(request)
        done = self.box.progress(guest.rater.name)
        return HTMLResponse(
            self.pages.notice(
                "pause", links=[("/", "go_on")], leave=True, done=sum(done), places=len(done)
            )
        )

    def finished(self, request: Request, _: _Form) -> Response:
        guest = self._guest(request)
        if False in self.box.progress(guest.rater.name):
            return _to("/")
        thanks = self.study.definition.thanks
        return HTMLResponse(
            self.pages.notice(
                "finished",
                links=[("/item/1", "look_again")],
                further=[thanks] if thanks else [],
                leave=True,
            )
        )

    def ask_withdrawal(self, request: Request, _: _Form) -> Response:
        guest = self._guest(request)
        return HTMLResponse(
            self.pages.notice(
                "withdraw",
                links=[("/", "withdraw_not")],
                form=("/withdraw", "withdraw_sure"),
                mark=guest.mark,
            )
        )

    def withdraw(self, request: Request, form: _Form) -> Response:
        guest = self._guest(request, form)
        self.box.withdraw(guest.rater.name)
        return HTMLResponse(self.pages.notice("withdrawn"))

    # ------------------------------------------------------------ items

    def show_item(self, request: Request, _: _Form) -> Response:
        guest = self._guest(request)
        place, done = self._place(guest, request)
        page = self._page(guest, request, place, done)
        ballot = self.box.ballot(guest.rater.name, place.item)
        return HTMLResponse(self.pages.item(page._replace(ballot=ballot)))

    def take_ballot(self, request: Request, form: _Form) -> Response:
        guest = self._guest(request, form)
        place, done = self._place(guest, request)
        is_item = place.item in self.study.items
        read = read_ballot(
            form,
            self.study.questions_of(place.item),
            swapped=place.swapped,
            comments=self.study.definition.comments and is_item,
        )
        problems = {name: self.pages.words[word] for name, word in read.problems.items()}
        if is_item and not self._was_heard(guest, place):
            problems = {"sound": self.pages.words["must_listen"], **problems}
        if problems:
            page = self._page(guest, request, place, done)
            filled = page._replace(ballot=read.ballot, problems=problems)
            return HTMLResponse(self.pages.item(filled), 422)
        self.box.save(guest.rater.name, place.item, read.ballot)
        return _to(self._next(_number(request), done))

    def sound(self, request: Request, _: _Form) -> Response:
        guest = self._guest(request)
        place, _done = self._place(guest, request)
        item = self.study.items.get(place.item)
        part = int(request.path_params["part"])
        name = item and sound_of(item, part, swapped=place.swapped)
        path = name and self.study.sound(name)
        if not path:
            raise HTTPException(404)
        if not self.box.heard(guest.rater.name, place.item):
            self.box.hear(guest.rater.name, place.item)
        return FileResponse(path, media_type="audio/wav", headers={"Cache-Control": _KEPT})

    # ------------------------------------------------------------ for those who run the study

    def admin(self, request: Request, _: _Form) -> Response:
        kind, _space, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not same(hash_of(token.strip()), self.study.admin_hash):
            return PlainTextResponse("not without the admin token\n", 401)
        match request.path_params["what"]:
            case "status":
                return JSONResponse(states_rows(self.study))
            case "votes.csv":
                return PlainTextResponse(votes_frame(self.study).write_csv(), media_type="text/csv")
            case "items.csv":
                return PlainTextResponse(items_frame(self.study).write_csv(), media_type="text/csv")
        raise HTTPException(404)

    def static(self, request: Request, _: _Form) -> Response:
        name = str(request.path_params["name"])
        if name not in _STATIC:
            raise HTTPException(404)
        content = (files("equivoice.rating.app") / "static" / name).read_bytes()
        return Response(content, media_type=_STATIC[name], headers={"Cache-Control": _KEPT})

    # ------------------------------------------------------------ refusals

    async def refuse(self, _: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        name = "not_found" if status in (404, 405) else "stale"
        return HTMLResponse(self.pages.notice(name), status)

    async def broken(self, _: Request, __: Exception) -> Response:
        return HTMLResponse(self.pages.notice("broken"), 503)

    def _no_entry(self) -> Response:
        return HTMLResponse(self.pages.notice("no_entry"), 403)

    # ------------------------------------------------------------ who asks for what

    def _guest(
        self, request: Request, form: _Form | None = None, *, consented: bool = True
    ) -> _Guest:
        """Who asks; forms must hold the mark of a page that was shown to them."""
        token = request.cookies.get(COOKIE, "")
        rater = self.box.rater(hash_of(token)) if is_token(token) else None
        if rater is None:
            raise _StopError(self._no_entry())
        mark = form_mark(self.study.secret, token)
        if form is not None and not same(next(iter(form.get("mark", ())), ""), mark):
            raise _StopError(HTMLResponse(self.pages.notice("stale", links=[("/", "go_on")]), 403))
        if rater.withdrawn:
            raise _StopError(HTMLResponse(self.pages.notice("withdrawn"), 403))
        if consented and not rater.consented:
            raise _StopError(_to("/consent"))
        return _Guest(rater, token, mark)

    def _place(self, guest: _Guest, request: Request) -> tuple[Place, list[bool]]:
        """What stands at the asked place, as far as the rater has come."""
        number = _number(request)
        seats = self.box.seats(guest.rater.name)
        done = [answered for _, answered in seats]
        first_open = done.index(False) + 1 if False in done else len(done)
        if number > first_open:
            raise _StopError(_to("/"))
        if number < 1:
            raise HTTPException(404)
        return seats[number - 1][0], done

    def _page(self, guest: _Guest, request: Request, place: Place, done: list[bool]) -> ItemPage:
        return ItemPage(guest.rater.name, place, _number(request), len(done), sum(done), guest.mark)

    def _was_heard(self, guest: _Guest, place: Place) -> bool:
        item = self.study.items[place.item]
        if not self.study.definition.must_listen or not item.sounds:
            return True
        return self.box.heard(guest.rater.name, place.item)

    def _next(self, number: int, done: list[bool]) -> str:
        """The page after a ballot: a break after so many items, else the next item.

        Lists are answered in their order, so what is answered is a beginning of the list.
        """
        if number == len(done):
            return "/finished"
        every = self.study.definition.break_every
        is_new = not done[number - 1]
        if is_new and every and number % every == 0:
            return f"/pause/{number}"
        return f"/item/{number + 1}"


def _number(request: Request) -> int:
    return int(request.path_params["number"])


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)
