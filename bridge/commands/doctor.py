"""doctor: looks at the installation itself, not over the control topic, so that it works on one that stands still."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bridge import display, doctor
from bridge.doctor import Finding, Verdict
from bridge.speaking import DONE, NOT_REACHED, REFUSED, OwnFolder, OwnJson, app, err, out

_SHOWN = {Verdict.OK: ("✔", "green"), Verdict.ADVICE: ("▲", "yellow"), Verdict.PROBLEM: ("✖", "bold red")}


@app.command("doctor")
def doctor_(
    data: OwnFolder = Path("var"),
    database: Annotated[
        str | None,
        typer.Option(
            envvar="BOOTSTRAP_BRIDGE_DATABASE", help="Another database than DIR/bridge/registrations.db, as a URL."
        ),
    ] = None,
    files_group: Annotated[
        str | None,
        typer.Option(
            envvar="BOOTSTRAP_BRIDGE_FILES_GROUP",
            help="A group that is trusted as the owner is, name or number.",
        ),
    ] = None,
    as_json: OwnJson = False,
) -> None:
    """Look at brokers, files and settings as they are, and say what to change."""
    try:
        found = asyncio.run(doctor.examine(data, database, files_group))
    except doctor.NothingThere as error:
        err.print(display.text(str(error)), style="red")
        raise typer.Exit(NOT_REACHED) from None
    number = Counter(one.verdict for one in found)
    if as_json:
        content = {
            "findings": [one.members for one in found],
            "problems": number[Verdict.PROBLEM],
            "advice": number[Verdict.ADVICE],
        }
        sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")
    else:
        _show(found)
        summary = f"Problems: {number[Verdict.PROBLEM]}, advice: {number[Verdict.ADVICE]}."
        out.print(summary, highlight=False)
    raise typer.Exit(REFUSED if number[Verdict.PROBLEM] else DONE)


def _show(found: Sequence[Finding]) -> None:
    for one in found:
        icon, style = _SHOWN[one.verdict]
        line = Text(f"{icon} {one.verdict.value:<8}", style=style)
        line.append(f"{one.check}: ", style="bold")
        line.append_text(display.text(one.found))
        if one.do:
            line.append(" → ", style=style)
            line.append_text(display.text(one.do))
        out.print(line, highlight=False)
