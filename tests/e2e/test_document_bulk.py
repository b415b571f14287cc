"""What users know of bulk registration, sentence by sentence; it goes on where ``test_document`` ends."""

import contextlib
from typing import Any

import pytest

from tests.e2e.peer import administrator
from tests.e2e.people import bulk, login, new_tenant, numbers_of, status_of
from tests.e2e.scenes import accepted, bring_in, enter, resident

Access = dict[str, Any]
WAITING, PENDING, ACCEPTED = "WAITING_FOR_CONNECTION", "PENDING_ACCEPTANCE", "ACCEPTED"


class TestBulkDeviceRegistration:
    """Files."""

    async def test_the_format_decides_between_simple_and_full(self, access: Access) -> None:
        """Bulk device registration: the columns of the file tell which kind it is."""
        async with administrator(access) as admin:
            await bulk(admin, "ID;PATH\ndoc-kind-simple;\n")
            await bulk(admin, "ID;CREDENTIALS\ndoc-kind-full;kind-secret\n")
            assert await status_of(admin, "doc-kind-simple") == WAITING
            assert await status_of(admin, "doc-kind-full") == ACCEPTED

    async def test_the_device_completes_its_own_representation(self, access: Access) -> None:
        """Bulk device registration, note: the entry is elementary until the device says more of itself."""
        async with administrator(access) as admin:
            await bulk(admin, "ID;CREDENTIALS;NAME\ndoc-elementary;elementary-secret;Given\n")
            async with login(access, "default/device_doc-elementary", "elementary-secret", "doc-elementary") as peer:
                said = b'{"type":"pump","c8y_Hardware":{"model":"X1"},"id":"other"}'
                await peer.publish("devices/default/doc-elementary/info", said)
                while (found := await admin.ok("get-device", {"id": "doc-elementary"}))["type"] != "pump":
                    assert not peer.ended.is_set()
            assert (found["id"], found["name"]) == ("doc-elementary", "Given")
            assert found["properties"] == {"c8y_Hardware": {"model": "X1"}}

    async def test_simple_groups_are_made_and_the_normal_process_goes_on(self, access: Access) -> None:
        """Simple registration: groups that lack are made, each line waits for connection, then all is as by hand."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            await bulk(admin, "ID;PATH\nDocDevice1;Doc A\nDocDevice2;Doc A/Doc B\t\t\t\n")
            paths = {one["path"] for one in (await admin.ok("list-groups", {"limit": 1000}))["groups"]}
            assert {"Doc A", "Doc A/Doc B"} <= paths
            assert [await status_of(admin, f"DocDevice{number}") for number in (1, 2)] == [WAITING, WAITING]
            caller = await enter(stack, access, "DocDevice2", {})
            assert await status_of(admin, "DocDevice2") == PENDING
            await admin.ok("accept", {"id": "DocDevice2"})
            async with resident(access, await accepted(caller)):
                pass
            await admin.until("DocDevice2", "installedTime")  # noted just after the credentials left
            assert (await admin.ok("get-device", {"id": "DocDevice2"}))["group"] == "Doc A/Doc B"

    async def test_full_needs_ids_and_credentials_only(self, access: Access) -> None:
        """Full registration: id and credentials are the least; user name and password follow from them."""
        async with administrator(access) as admin:
            assert numbers_of(await bulk(admin, "ID;CREDENTIALS\ndoc-least;LF2PWJoLG1Fz\n")) == (1, 1, 0, 1)
            async with login(access, "default/device_doc-least", "LF2PWJoLG1Fz", "doc-least"):
                pass

    async def test_full_the_other_columns_are_in_the_inventory(self, access: Access) -> None:
        """Full registration: type, name, ICCID, kind of id, path and shell are found in the device's entry."""
        async with administrator(access) as admin:
            head = "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE"
            rows = [
                "doc064ce800a;LF2PWJoLG1Fz;c8y_Device;Sample_Device1;+491555555;c8y_Serial;doc group/subgroup1;1;BASIC",
                "doc064ce8077;OowoGKAbiNJs;c8y_Device;Sample_Device2;+491555555;c8y_Serial;doc group/subgroup2;1;BASIC",
            ]
            result = await bulk(admin, "\n".join([head, *rows]))
            assert numbers_of(result) == (2, 2, 0, 2), "how many were registered is told"
            for row in rows:
                device_id, _, kind, name, iccid, id_type, path, _, auth = row.split(";")
                found = await admin.ok("get-device", {"id": device_id})
                names = ("type", "name", "iccid", "idType", "group", "shell", "authType")
                assert [found[one] for one in names] == [kind, name, iccid, id_type, path, True, auth]

    async def test_the_answer_tells_numbers_and_errors(self, access: Access) -> None:
        """Bulk device registration: how many devices came in is told, and each error with its reason."""
        async with administrator(access) as admin:
            result = await bulk(admin, "ID;CREDENTIALS\ndoc-told-1;told-secret\ndoc/told;told-secret\ndoc-told-3;\n")
            assert numbers_of(result) == (3, 1, 2, 1)
            assert [(row["line"], bool(row["failureReason"])) for row in result["failedCreationList"]] == [
                (3, True),
                (4, True),
            ]

    @pytest.mark.parametrize("kind", ["simple", "full"])
    async def test_there_is_a_template_for_each_kind(self, access: Access, kind: str) -> None:
        """Bulk device registration: templates of both kinds can be had, with the columns as they are described."""
        columns = {"simple": "ID;PATH", "full": "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE"}
        async with administrator(access) as admin:
            found = await admin.ok("template", {"kind": kind})
            assert found["content"].splitlines()[0] == columns[kind]

    async def test_a_device_that_exists_is_updated_from_the_file(self, access: Access) -> None:
        """Bulk device registration, note: over a device that is there already its data is replaced by the file's."""
        async with administrator(access) as admin:
            old = await bring_in(access, admin, "doc-exists", name="Old name", group="Doc old")
            async with resident(access, old) as peer:
                await bulk(admin, "ID;CREDENTIALS;NAME;PATH\ndoc-exists;brand-new-secret;New name;Doc new\n")
                await peer.thrown_out()
            async with login(access, "default/device_doc-exists", "brand-new-secret", "doc-exists"):
                pass
            found = await admin.ok("get-device", {"id": "doc-exists"})
            assert (found["name"], found["group"]) == ("New name", "Doc new")

    async def test_semicolons_are_the_separator_that_spreadsheets_are_told(self, access: Access) -> None:
        """To import CSV data in a spreadsheet: what it saves with semicolons is read, also quoted and with a mark."""
        async with administrator(access) as admin:
            saved = '\ufeff"ID";"PATH"\r\n"doc-sheet-1";"Doc sheet; north"\r\n'
            assert numbers_of(await bulk(admin, saved)) == (1, 1, 0, 1)
            assert (await admin.get("doc-sheet-1"))["group"] == "Doc sheet; north"

    async def test_management_registers_across_tenants_by_a_column(self, access: Access) -> None:
        """Bulk device registration, note: a Tenant column, imported from management, spreads devices over tenants."""
        async with administrator(access, "management") as root, new_tenant(access, root, "doc-across") as boss:
            file = "ID;PATH;Tenant\ndoc-across-1;;doc-across\ndoc-across-2;;default\n"
            assert numbers_of(await bulk(root, file)) == (2, 2, 0, 2)
            assert (await boss.get("doc-across-1"))["tenant"] == "doc-across"
            assert (await root.get("doc-across-2"))["tenant"] == "default"
