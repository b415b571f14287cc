"""How things stand: what happened, how long devices took, who waits for a person, and what happens right now."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from fastapi import Request
from nicegui import Client, events, ui
from nicegui.element import Element

from bridge.console import charts
from bridge.console.figures import HAPPENINGS, RANGES, STEPS, Pulse, bars, began, duration, labels
from bridge.console.live import Live, while_open
from bridge.console.overview_parts import Chart, FiguresTable, Latest, RangeChoice
from bridge.console.session import Session
from bridge.console.shell import page
from bridge.console.texts import counted, section, text

EVERY: Final = 2.0
"""Seconds between two looks at the figures: the bridge has other things to do while a herd calls."""
SHOWN: Final = 12
"""Last events that are shown."""


class Standing:
    """Registrations by status, who waits, and how long devices took."""

    def __init__(self) -> None:
        with _card("status"):
            with ui.element("div").classes("ringed"):
                self._ring = Chart("status_chart", "8.5rem")
                with ui.element("ul").classes("counts"):
                    self._counts = {name: self._count(name) for name in section("status")}
            self._none = ui.label(text("overview.none")).classes("quiet")
        with _card("waiting"):
            self._pending = ui.label().classes("large")
            with ui.element("div").classes("oldest") as self._oldest_row:
                ui.label(text("overview.oldest")).classes("quiet")
                self._oldest = ui.label().classes("figure")
            self._see = ui.element("a").props('href="/?status=PENDING_ACCEPTANCE"').classes("btn")
            with self._see:
                ui.label(text("overview.see_waiting"))
        with _card("latency"):
            self._intro = ui.label().classes("quiet")
            with ui.element("dl").classes("times") as self._times:
                self._figures = {name: self._time(name) for name in ("p50", "p95", "p99")}
            self._bars = Chart("latency_chart", "5rem")

    @staticmethod
    def _count(status: str) -> ui.label:
        with ui.element("li"), ui.element("a").props(f'href="/?status={status}"'):
            ui.element("span").classes(f"dot {status}")
            ui.label(text(f"status.{status}"))
            return ui.label("0").classes("figure")

    @staticmethod
    def _time(name: str) -> ui.label:
        with ui.element("div"):
            with ui.element("dt"):
                ui.label(text(f"overview.{name}"))
            with ui.element("dd"):
                return ui.label().classes("figure")

    def show(self, stats: Mapping[str, Any], looked: str, now: datetime) -> None:
        """Show the bridge's ``stats``."""
        counts: dict[str, int] = {name: stats["counts"].get(name, 0) for name in self._counts}
        for name, label in self._counts.items():
            label.set_text(f"{counts[name]:,}")
        self._ring.draw(charts.by_status(counts))
        self._none.set_visibility(not any(counts.values()))
        pending = counts["PENDING_ACCEPTANCE"]
        self._pending.set_text(counted("overview.pending", pending) if pending else text("overview.nobody_waits"))
        oldest = stats.get("oldestPending")
        self._oldest_row.set_visibility(oldest is not None)
        self._see.set_visibility(bool(pending))
        if oldest is not None:
            self._oldest.set_text(duration(max(0.0, (now - datetime.fromisoformat(oldest)).total_seconds())))
        took = {name: value for name, value in stats["callToConfirmedSeconds"].items() if value is not None}
        within = text(f"overview.in_{looked}")
        self._intro.set_text(text("overview.latency_intro" if took else "overview.latency_none", range=within))
        self._times.set_visibility(bool(took))
        self._bars.set_visibility(bool(took))
        for name, value in took.items():
            self._figures[name].set_text(duration(value))
        if took:
            self._bars.draw(charts.latency(took))


class Now:
    """What happens in this minute, and the last events; drawn each second as long as something happens."""

    def __init__(self, session: Session, client: Client) -> None:
        self._pulse = Pulse()
        self._last: deque[dict[str, Any]] = deque(maxlen=SHOWN)
        self._numbers = count()
        self._news = False
        self._clock = asyncio.get_running_loop().time
        with _card("now", wide=True):
            self._words = ui.label(text("overview.now_quiet"))
            _legend(STEPS)
            self._chart = Chart("now_chart", "9rem")
        self._latest: Latest | None = None
        self.show()
        while_open(client, session.hear(self._hear))
        ui.timer(1.0, self.show, immediate=False)

    def list_latest(self) -> None:
        """Add the card of the last events here."""
        with _card("latest", wide=True):
            self._latest = Latest()

    def _hear(self, topic: str, event: Mapping[str, Any]) -> None:
        kind = str(event.get("event"))
        self._pulse.beat(kind, self._clock())
        what = event.get("id") or text("overview.latest_bulk", number=f"{event.get('numberOfAll', 0):,}")
        shown = {"event": kind, "what": what, "by": event.get("by"), "at": event.get("at")}
        self._last.appendleft({**shown, "number": next(self._numbers)})
        self._news = True

    def show(self) -> None:
        """Show this second."""
        at = self._clock()
        totals = self._pulse.totals(at)
        busy = {name: totals.get(name, 0) for name in STEPS}
        self._words.set_text(
            text(
                "overview.now_busy",
                calls=f"{busy['requested']:,}",
                accepted=f"{busy['accepted']:,}",
                delivered=f"{busy['delivered']:,}",
                confirmed=f"{busy['confirmed']:,}",
            )
            if any(busy.values())
            else text("overview.now_quiet")
        )
        self._chart.draw(charts.pulse({name: self._pulse.course(name, at) for name in STEPS}))
        if self._news and self._latest is not None:
            self._news = False
            self._latest.show(list(self._last))


class Activity:
    """What happened in the time that is looked back on, as bars and as a table."""

    def __init__(self) -> None:
        with _card("activity", wide=True):
            ui.label(text("overview.activity_intro")).classes("quiet")
            self._nothing = ui.label().classes("quiet")
            _legend(HAPPENINGS)
            self._chart = Chart("activity_chart", "18rem")
            columns = [text("overview.time"), *(text(f"overview.{name}") for name in HAPPENINGS)]
            self._table = FiguresTable(text("overview.activity"), columns)

    def show(self, stats: Mapping[str, Any], looked: str, now: datetime, zone: int) -> None:
        """Show the bridge's ``stats`` by a clock that is ``zone`` minutes ahead of UTC."""
        shown = bars(stats["series"], RANGES[looked], now, zone)
        names = labels(shown, RANGES[looked])
        nothing = not any(any(one.numbers.values()) for one in shown)
        self._nothing.set_visibility(nothing)
        self._nothing.set_text(text("overview.activity_none", range=text(f"overview.in_{looked}")))
        self._chart.draw(charts.activity(shown, names))
        rows = [[name, *one.numbers.values()] for name, one in zip(names, shown, strict=True)]
        self._table.show(rows[::-1])


def _card(name: str, *, wide: bool = False) -> Element:
    card = ui.element("section").classes("card" + (" wide" if wide else ""))
    with card:
        ui.html(text(f"overview.{name}"), sanitize=False, tag="h2")
    return card


def _legend(names: Iterable[str]) -> None:
    with ui.element("ul").classes("legend"):
        for name in names:
            with ui.element("li"):
                ui.element("span").classes(f"dot {name}")
                ui.label(text(f"overview.{name}"))


@page("/overview")
async def overview(session: Session, request: Request) -> None:
    """Build the page. The address keeps the time that is looked back on: ``range=week``."""
    client = ui.context.client
    asked = request.query_params.get("range", "")
    looked = asked if asked in RANGES else next(iter(RANGES))
    zone: int | None = None
    with ui.element("div").classes("page-head"):
        ui.html(text("overview.title"), sanitize=False, tag="h1")
        choice = RangeChoice(looked)
    loading = ui.label(text("shell.loading")).classes("quiet").props('role="status"')
    with ui.element("div").classes("overview") as shown:
        standing = Standing()
        now_card = Now(session, client)
        activity = Activity()
        now_card.list_latest()
    shown.set_visibility(False)

    async def load() -> None:
        now = datetime.now(UTC)
        since = began(RANGES[looked], now, zone or 0)
        stats = await session.request("stats", {"since": since.isoformat().replace("+00:00", "Z")})
        loading.set_visibility(False)
        shown.set_visibility(True)
        standing.show(stats, looked, now)
        if zone is not None:  # before, its hours would jump
            activity.show(stats, looked, now, zone)

    async def choose(event: events.GenericEventArguments) -> None:
        nonlocal looked
        if isinstance(event.args, str) and event.args in RANGES:
            looked = event.args
            session.touch()
            await live.now()

    async def connected() -> None:
        nonlocal zone
        ahead = await client.run_javascript("-new Date().getTimezoneOffset()", timeout=10.0)
        zone = ahead if isinstance(ahead, int) and abs(ahead) <= 16 * 60 else 0
        live.refresh()

    choice.on("choose", choose)
    live = Live(session, load, pace=EVERY)
    await live.now()
    client.on_connect(connected)
    ui.timer(60.0, live.refresh, immediate=False)  # who waits, waits longer, and hours begin
