"""stats and watch."""

import json
import sys
from typing import Annotated

import typer

from bridge import display
from bridge.admin import Admin
from bridge.speaking import DONE, Speaker, Work, command, out, until_interrupted


@command("stats")
def stats(
    speaking: Speaker,
    since: Annotated[str | None, typer.Option(help="From when on, as 2026-01-31T12:00Z; a day unless given.")] = None,
) -> Work:
    """Show how many devices are where, how long they wait, and what happened by hour."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "stats", {} if since is None else {"since": since})
        if not speaking.as_json:
            out.print(display.counts_line(result["counts"]))
            for table in display.stats_tables(result):
                out.print(table)
        return DONE

    return work


@command("watch")
def watch(
    speaking: Speaker,
) -> Work:
    """Follow what happens, live, until Ctrl-C."""

    async def work(connection: Admin) -> int:
        async for topic, event in connection.events():
            if speaking.as_json:
                sys.stdout.write(json.dumps({"topic": topic, **event}, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            else:
                out.print(display.event_line(topic, event))
        return DONE

    return until_interrupted(work)
