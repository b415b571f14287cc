"""list-tenants and create-tenant: for management, which speaks here unless another administrator is named."""

from typing import Annotated

import typer

from bridge import display, display_people
from bridge.admin import Admin
from bridge.commands.asking import every_page, given
from bridge.speaking import DONE, Speaker, Work, command, out


@command("list-tenants")
def list_tenants(
    speaking: Speaker,
) -> Work:
    """List the tenants. For management alone."""

    async def work(connection: Admin) -> int:
        found = await every_page(speaking, connection, "list-tenants", "tenants")
        if not speaking.as_json:
            out.print(display_people.tenants_table(found))
        return DONE

    return work


@command("create-tenant")
def create_tenant(
    speaking: Speaker,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The tenant id: a-z, 0-9, _ and -.")],
    name: Annotated[str | None, typer.Option(help="A name for people to read.")] = None,
) -> Work:
    """Make a tenant: devices, groups and administrators of its own. For management alone."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "create-tenant", {"id": id_, **given(name=name)})
        if not speaking.as_json:
            out.print(display.text(f"the tenant {result['id']} is made. Next, its first administrator:"))
            speaking.hint(f"create-administrator NAME --role owner --for-tenant {id_}")
        return DONE

    return work
