"""Write docs/commands.md from the command line itself: every command with its help, options, examples.

Run it with `make docs` after a change of a command; a test says when it was forgotten.
"""

import inspect
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Any, Final, cast, get_args, get_origin

import typer

from bridge.cli import app
from bridge.menu import PANELS, PROGRAM, Menu, examples_of, panel_of
from bridge.speaking import OF_CONNECTION

PAGE = Path(__file__).parent / "commands.md"
SHARED: Final = frozenset(OF_CONNECTION)

INTRODUCTION: Final = f"""# The commands

Written by `make docs` from the command line itself; `{PROGRAM} COMMAND --help` says the same.

In a terminal the commands ask for what is missing and before what cannot be undone. In a pipe nothing is asked and
nothing is coloured; with `--json` each prints the bridge's answer as it came. Requests for many devices are cut into as
many messages as are needed.

`{PROGRAM} --install-completion` installs completion for your shell: commands, options, their values, and device ids,
groups and names, for which it asks the bridge.

| exit status | means |
|---|---|
| 0 | done |
| 1 | refused: the bridge said no, to some of it or to all; standard error says why |
| 2 | wrong usage |
| 3 | broker or bridge not reached |
| 130 | ended by Ctrl-C |
"""

CONNECTION: Final = """## What all administrator's commands take

They find broker and login in these options, else in the variables, else in the `access.json` of `--data`. The password
of an administrator is never an argument: it comes from `--password-file`, the variable `BOOTSTRAP_BRIDGE_PASSWORD`, or
`access.json`.
"""


def menu() -> Menu:
    """Return the command line."""
    return cast("Menu", typer.main.get_command(app))


def parameters(command: Any) -> list[Any]:
    """Return what a command takes and a person sees, without --help."""
    return [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _named(parameter: Any, annotation: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return f"`{name}{'...' if parameter.nargs == -1 else ''}`"
    names = " ".join((*parameter.opts, *parameter.secondary_opts))
    return f"`{names}`" if parameter.is_flag else f"`{names} {parameter.metavar or _kind(annotation)}`"


def _kind(annotation: Any) -> str:
    """Return in a word what an option takes: of Annotated, lists and unions with None the type within."""
    within = [one for one in get_args(annotation) if isinstance(one, type | GenericAlias | UnionType)]
    if get_origin(annotation) is not None and within:
        return _kind(within[0])
    if issubclass(annotation, Enum):
        return " \\| ".join(str(one.value) for one in annotation)
    return {str: "TEXT", int: "NUMBER", float: "NUMBER"}.get(annotation, str(annotation.__name__).upper())


def _meaning(parameter: Any) -> str:
    text = _cell((parameter.help or "").replace("\\[", "["))
    default = parameter.default
    notes = []
    if parameter.required and parameter.param_type_name == "option":
        notes.append("required")
    if parameter.multiple and "repeated" not in text and "several" not in text:
        notes.append("may be repeated")
    if not callable(default) and default not in (None, False, True, (), []) and "default:" not in text:
        notes.append(f"default: `{getattr(default, 'value', default)}`")
    if parameter.envvar and parameter.param_type_name == "option":
        notes.append(f"variable: `{parameter.envvar}`")
    return text + (f" ({'; '.join(notes)})" if notes else "")


def _table(command: Any, rows: Sequence[Any]) -> str:
    annotations = inspect.signature(command.callback).parameters
    lines = [f"| {_named(one, annotations[one.name].annotation)} | {_meaning(one)} |" for one in rows]
    return "\n".join(["| takes | meaning |", "|---|---|", *lines])


def _command(name: str, command: Any) -> Iterator[str]:
    yield f"### {name}"
    yield " ".join((command.help or "").split())
    is_own = "user" not in {one.name for one in command.params}  # not an administrator's command
    own = [one for one in parameters(command) if is_own or one.name not in SHARED]
    if own:
        yield _table(command, own)
    yield "\n".join(["```sh", *examples_of(name), "```"])


def page() -> str:
    """Return the whole page."""
    commands = menu().commands
    parts = [INTRODUCTION.rstrip(), _contents(commands)]
    for panel, names in PANELS.items():
        present = [name for name in names if name in commands]
        if present:
            parts.append(f"## {panel}")
        for name in present:
            parts.extend(_command(name, commands[name]))
    some = commands["list"]
    parts += [CONNECTION.rstrip(), _table(some, [one for one in parameters(some) if one.name in SHARED])]
    return "\n\n".join(parts) + "\n"


def _contents(commands: Any) -> str:
    lines = ["| you want | commands |", "|---|---|"]
    for panel, names in PANELS.items():
        present = [f"[{name}](#{name})" for name in names if name in commands]
        if present:
            lines.append(f"| {panel} | {', '.join(present)} |")
    return "\n".join(lines)


def left_out() -> list[str]:
    """Return the commands that have no place in the menu, and so none on the page."""
    return [name for name in menu().commands if panel_of(name) is None]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
