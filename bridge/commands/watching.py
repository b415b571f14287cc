"""stats, watch and audit: what is, what happens, and what has been done by whom."""

import sys
from typing import Annotated

import typer

from bridge import display, display_people
from bridge.admin import Admin
from bridge.commands.asking import Cursor, Limit, Since, given, show_more
from bridge.speaking import DONE, Speaker, Work, command, out


@command("stats")
def stats(
    speaking: Speaker,
    since: Since = None,
) -> Work:
    """Show how many devices are where, how long they wait, and what happened by hour; of a day unless told."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "stats", given(since=since))
        if not speaking.as_json:
            out.print(display.counts_line(result["counts"]))
            for table in display.stats_tables(result):
                out.print(table)
        return DONE

    return work


@command("watch", lasting=True)
def watch(
    speaking: Speaker,
) -> Work:
    """Follow what happens, live, until Ctrl-C; when the broker was away, it goes on.

    What happened meanwhile is not told: see `audit --since`.
    """

    async def work(connection: Admin) -> int:
        async for topic, event in connection.events():
            if speaking.as_json:
                sys.stdout.write(display.json_line({"topic": topic, **event}))
                sys.stdout.flush()
            else:
                out.print(display.event_line(topic, event, connection.tenant))
        return DONE

    return work


@command("audit")
def audit(
    speaking: Speaker,
    id_: Annotated[str | None, typer.Option("--id", help="Only what was done to this device.")] = None,
    since: Since = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Work:
    """Show who did what, when, and what came of it."""
    payload = given(id=id_, since=since, limit=limit, cursor=cursor)

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "audit", payload)
        if speaking.as_json:
            return DONE
        if result["entries"]:
            for line in display_people.audit_lines(result["entries"], connection.tenant):
                out.print(line)
        else:
            out.print("Nothing has been done." if id_ is None and since is None else "Nothing of that has been done.")
        show_more(result)
        return DONE

    return work
