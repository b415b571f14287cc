"""list-groups, create-group and delete-group."""

from typing import Annotated

import typer

from bridge import display, display_devices
from bridge.admin import Admin
from bridge.commands import completing
from bridge.commands.asking import every_page
from bridge.speaking import DONE, Speaker, Work, command, out

Path = Annotated[
    str,
    typer.Argument(metavar="PATH", help="The group, as 'Group A/Group B'.", autocompletion=completing.group_paths),
]


@command("list-groups")
def list_groups(
    speaking: Speaker,
) -> Work:
    """Show the groups as a tree, with the number of devices in each; in a pipe one path a line."""

    async def work(connection: Admin) -> int:
        groups = await every_page(speaking, connection, "list-groups", "groups")
        if speaking.as_json:
            return DONE
        if not groups:
            out.print("There is no group yet. One is made when a device names it, or by:")
            speaking.hint("create-group 'Group A/Group B'")
        elif out.is_terminal:
            out.print(display_devices.groups_tree(groups))
        else:
            out.print(display_devices.groups_table(groups))
        return DONE

    return work


@command("create-group")
def create_group(
    speaking: Speaker,
    path: Path,
) -> Work:
    """Make a group, and those above it."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "create-group", {"path": path})
        if not speaking.as_json:
            out.print(display.text(f"the group {result['path']} is made"))
        return DONE

    return work


@command("delete-group")
def delete_group(
    speaking: Speaker,
    path: Path,
) -> Work:
    """Delete a group in which no device is."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "delete-group", {"path": path})
        if not speaking.as_json:
            out.print(display.text(f"the group {result['path']} is deleted"))
        return DONE

    return work
