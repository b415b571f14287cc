"""create-, delete- and list- of administrators and applications: who may log in besides devices."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge import display, display_people, roles
from bridge.admin import Admin
from bridge.commands import completing, terminal
from bridge.commands.asking import ForTenant, Yes, confirm, every_page, given, is_alone, text_of
from bridge.speaking import DONE, Speaker, Usage, Work, command, err, out


class Role(StrEnum):
    """What an administrator may do."""

    OWNER = roles.OWNER
    REGISTRAR = roles.REGISTRAR
    VIEWER = roles.VIEWER


PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--new-password-file",
        help="A file with the password it is to have, 8 to 128 characters; - reads it from standard input. Without it "
        "one is made and printed once.",
    ),
]
AskPassword = Annotated[
    bool, typer.Option("--ask-password", help="Ask for the password it is to have, twice, without showing it.")
]


def _password_in(file: Path | None, ask: bool) -> str | None:
    if file is not None and ask:
        raise Usage("give --new-password-file or --ask-password, not both")
    if ask and not terminal.somebody_is_there():
        raise Usage("--ask-password needs a terminal: elsewhere give --new-password-file FILE, or - for standard input")
    if file is None:
        return None
    password = text_of(file).removesuffix("\n").removesuffix("\r")
    if not password or "\n" in password:
        raise Usage(f"{'standard input' if str(file) == '-' else file} has to hold the password, on one line")
    return password


async def _create(
    speaking: Speaker, connection: Admin, payload: dict[str, Any], ask: bool, password: str | None, what: str
) -> int:
    """Create an account; show a generated password alone on standard output, all else on standard error."""
    name = payload["name"]
    terminal.close_to_others(sys.stdout)
    chosen = await terminal.new_password(name) if ask else password
    result = await speaking.ask(connection, speaking.command, {**payload, **given(password=chosen)})
    if speaking.as_json:
        return DONE
    if "password" not in result:
        out.print(display.text(f"{what} is made, with the password that you chose"))
        return DONE
    err.print(display.text(f"{what} is made. This is the password; it is shown this once:"))
    out.print(display.text(result["password"]), soft_wrap=True)
    return DONE


async def _delete(speaking: Speaker, connection: Admin, name: str, yes: bool) -> int:
    await confirm(f"Delete {name}? Its login ends at once.", yes=yes)
    await speaking.ask(connection, speaking.command, {"name": name})
    if not speaking.as_json:
        out.print(display.text(f"{name} is deleted"))
    return DONE


@command("create-administrator")
def create_administrator(
    speaking: Speaker,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    role: Annotated[
        Role,
        typer.Option(help="What it may do: see (viewer), register and accept too (registrar), everything (owner)."),
    ],
    new_password_file: PasswordFile = None,
    ask_password: AskPassword = False,
    for_tenant: ForTenant = None,
) -> Work:
    """Make an administrator. The password that is made for it is printed alone on standard output.

    A file that this is redirected to gets mode 0600.
    """
    password = _password_in(new_password_file, ask_password)
    payload = {"name": name, "role": role.value, **given(tenant=for_tenant)}

    async def work(connection: Admin) -> int:
        return await _create(
            speaking, connection, payload, ask_password, password, f"the administrator {name} ({role.value})"
        )

    return work


@command("delete-administrator")
def delete_administrator(
    speaking: Speaker,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The administrator to delete.", autocompletion=completing.administrators),
    ],
    yes: Yes = False,
) -> Work:
    """Delete an administrator; what it did stays in the audit. Asks in a terminal."""

    async def work(connection: Admin) -> int:
        return await _delete(speaking, connection, name, yes)

    return work


@command("list-administrators")
def list_administrators(
    speaking: Speaker,
) -> Work:
    """List the administrators and what each may do."""

    async def work(connection: Admin) -> int:
        found = await every_page(speaking, connection, "list-administrators", "administrators")
        if not speaking.as_json:
            alone = is_alone(connection, [one["tenant"] for one in found])
            out.print(display_people.administrators_table(found, with_tenant=not alone))
        return DONE

    return work


@command("create-application")
def create_application(
    speaking: Speaker,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    read: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILTER",
            help="A topic filter that it may read; may be repeated. Without any it reads all that devices send.",
        ),
    ] = None,
    write: Annotated[
        list[str] | None,
        typer.Option(metavar="FILTER", help="A topic filter that it may write; may be repeated."),
    ] = None,
    new_password_file: PasswordFile = None,
    ask_password: AskPassword = False,
) -> Work:
    """Make a login for a program. The password that is made for it is printed alone on standard output.

    A file that this is redirected to gets mode 0600.
    """
    password = _password_in(new_password_file, ask_password)
    payload = {"name": name, **given(read=read or None, write=write or None)}

    async def work(connection: Admin) -> int:
        return await _create(speaking, connection, payload, ask_password, password, f"the application {name}")

    return work


@command("delete-application")
def delete_application(
    speaking: Speaker,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The application to delete.", autocompletion=completing.applications)
    ],
    yes: Yes = False,
) -> Work:
    """Delete the login of a program. Asks in a terminal."""

    async def work(connection: Admin) -> int:
        return await _delete(speaking, connection, name, yes)

    return work


@command("list-applications")
def list_applications(
    speaking: Speaker,
) -> Work:
    """List the logins of programs, with what each may read and write."""

    async def work(connection: Admin) -> int:
        found = await every_page(speaking, connection, "list-applications", "applications")
        if speaking.as_json:
            return DONE
        if found:
            out.print(display_people.applications_table(found))
        else:
            out.print("There is no application yet. To make one:")
            speaking.hint("create-application NAME")
        return DONE

    return work
