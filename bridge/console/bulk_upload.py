"""The dialog of bulk registration: choose a file, see what it would do, register it, see what it did.

One is in the frame of each page, since the work goes on while the person looks at other pages.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from fastapi import FastAPI
from nicegui import Client, events, ui
from nicegui.element import Element

from bridge.console import upload_routes
from bridge.console.bulk_job import BUSY, Job, Phase
from bridge.console.findings import STEP
from bridge.console.live import telling, while_open
from bridge.console.sessions import Session, Sessions
from bridge.console.texts import counted, section, text
from bridge.console.uploads import NoUpload, Uploads

_uploads: list[Uploads] = []
"""The one of this process, once it serves."""
_boards: "WeakKeyDictionary[Client, Board]" = WeakKeyDictionary()

MEGABYTE: Final = 1_048_576


def serve(app: FastAPI, people: Sessions, cookie_name: str, limit: int) -> None:
    """Take files of at most ``limit`` bytes."""
    _uploads[:] = [Uploads(limit)]
    upload_routes.serve(app, _uploads[0], people, cookie_name)


def board(session: Session) -> None:
    """Put what tells of a file at work, and its dialog, into the frame of a page."""
    if session.may("bulk-register"):
        _boards[ui.context.client] = Board(session)


def dialog(session: Session, done: Callable[[], object]) -> None:
    """Open the dialog on this page; ``done`` is called when devices have been registered."""
    with telling():
        _boards[ui.context.client].open(done)


class Board(Element, component="components/bulk_upload.js"):
    """The dialog with the file of the session, and the button in the bar that opens it while there is one."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._desk = _uploads[0].desk(session.key, session)
        self._done: Callable[[], object] = lambda: None
        self._first = 0
        self._was: Phase | None = None
        limit = f"{self._desk.limit / MEGABYTE:,.0f}"
        self._props["texts"] = {
            **section("bulk"),
            "limit": text("bulk.limit", limit=limit),
            "too_large": text("bulk.too_large", limit=limit),
        }
        self._props["limit"] = self._desk.limit
        self._props["management"] = session.of_management
        self._props["opened"] = 0
        self._props["ticket"] = ""
        handlers: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[None] | None]] = {
            "choose": self._choose,
            "register": lambda _: self._with_job(Job.register),
            "stop": lambda _: self._with_job(Job.stop),
            "discard": lambda _: self._desk.discard(),
            "page": self._page,
            "template": self._template,
        }
        for name, handler in handlers.items():
            self.on(name, self._handled(handler))
        self._look()
        while_open(self.client, self._desk.watch(self._look))
        while_open(self.client, self._leave)

    def _leave(self) -> None:
        # What a page wants to be told holds the page, and would keep it here for as long as the process lives.
        _boards.pop(self.client, None)
        self._done = lambda: None

    def open(self, done: Callable[[], object]) -> None:
        """Open the dialog."""
        self._done = done
        self._props["opened"] += 1
        self.update()

    def _handled(
        self, handler: Callable[[Mapping[str, Any]], Awaitable[None] | None]
    ) -> Callable[[events.GenericEventArguments], Awaitable[None]]:
        async def handle(event: events.GenericEventArguments) -> None:
            self._session.touch()
            waits = handler(event.args if isinstance(event.args, dict) else {})
            if waits is not None:
                await waits

        return handle

    def _choose(self, args: Mapping[str, Any]) -> None:
        name, size = args.get("name"), args.get("size")
        self._props["ticket"] = ""
        if isinstance(name, str) and isinstance(size, int):
            try:
                self._props["ticket"] = self._desk.ticket(name, size)
            except NoUpload as error:
                self.run_method("fail", str(error))  # no property, since one that stays the same is not told again
        self.update()

    def _with_job(self, act: Callable[[Job], None]) -> None:
        if self._desk.job is not None:
            act(self._desk.job)

    def _page(self, args: Mapping[str, Any]) -> None:
        first = args.get("first")
        self._first = first if isinstance(first, int) else 0
        self._look()

    async def _template(self, args: Mapping[str, Any]) -> None:
        kind = "full" if args.get("kind") == "full" else "simple"
        with telling(self.client):
            result = await self._session.request("template", {"kind": kind})
            self.run_method("save", result["filename"], result["content"])

    def _look(self) -> None:
        job = self._desk.job
        phase = None if job is None else job.phase
        if phase is not self._was:
            self._was, self._first = phase, 0
            if phase in {Phase.DONE, Phase.STOPPED}:
                with self.client:
                    self._done()
        if job is None:
            self._props["ticket"] = ""
        self._props["job"] = None if job is None else shown(job)
        self._props["failures"] = None if job is None else failures(job, self._first)
        self.update()


def shown(job: Job) -> dict[str, Any]:
    """Return what the dialog shows of a job."""
    tally = job.findings.tally if job.findings is not None else None
    done = tally.lines if tally is not None else 0
    percent = text("bulk.percent", number=f"{100 * job.fraction:.0f}")
    is_check = job.phase in {Phase.CHECKING, Phase.CHECKED}
    said: dict[str, Any] = {
        "name": job.name,
        "size": job.size,
        "phase": job.phase,
        "busy": job.phase in BUSY,
        "fraction": job.fraction,
        "percent": percent,
        "waiting": job.waiting,
        "stopping": job.stopping,
        "fault": job.fault,
        "title": text(f"bulk.{job.phase.value}"),
        "intro": "",
        "counts": [],
        "renewed": "",
        "register": "",
        "chip": _chip(job, percent),
        "lines": _progress(job, done),
    }
    if tally is None or job.phase in {Phase.RECEIVING, Phase.CHECKING, Phase.REGISTERING, Phase.FAULTY}:
        return said
    if job.phase is Phase.STOPPED:
        said["intro"] = text("bulk.stopped_intro", done=f"{done:,}", lines=f"{job.lines:,}")
    else:
        said["intro"] = counted(f"bulk.{job.phase.value}_intro", done)
    words = ("would_create", "would_be_there", "would_fail") if is_check else ("created", "there", "failed")
    numbers = (tally.created, tally.there, tally.failed)
    said["counts"] = [
        {"number": f"{number:,}", "words": text(f"bulk.{word}"), "kind": kind if number else "none"}
        for word, number, kind in zip(words, numbers, ("good", "wait", "bad"), strict=True)
    ]
    if tally.renewed:
        least = text("bulk.renewed_least") if tally.renewed_more else ""
        said["renewed"] = least + counted("bulk.renewed_would" if is_check else "bulk.renewed", tally.renewed)
    if job.phase is Phase.CHECKED and tally.successful:
        said["register"] = counted("bulk.register", tally.successful)
    return said


def _progress(job: Job, done: int) -> str:
    if job.phase is Phase.REGISTERING:
        return text("bulk.lines_of", done=f"{done:,}", lines=f"{job.lines:,}")
    return counted("bulk.lines_done", done) if job.phase is Phase.CHECKING else ""


def _chip(job: Job, percent: str) -> str:
    if job.phase in BUSY:
        return text("bulk.chip_busy", percent=percent)
    words = {Phase.CHECKED: "ready", Phase.DONE: "done", Phase.STOPPED: "stopped", Phase.FAULTY: "faulty"}
    return text(f"bulk.chip_{words[job.phase]}")


def failures(job: Job, first: int) -> dict[str, Any] | None:
    """Return the failed lines from the ``first`` on, as many as a page shows; None where there are none to show."""
    if job.findings is None or job.phase in BUSY or not job.findings.number:
        return None
    first = max(0, min(first, job.findings.number - 1)) // STEP * STEP
    rows = job.findings.page(first)
    last = first + len(rows)
    total = job.findings.number
    return {
        "first": first,
        "rows": rows,
        "step": STEP,
        "range": text("bulk.range", first=f"{first + 1:,}", last=f"{last:,}", total=f"{total:,}"),
        "more": counted("bulk.more", total - last) if total > last else "",
    }
