"""Files of devices on a real broker: as programs write them, with bad lines, twice, large, and after a loss."""

import asyncio
import contextlib
import json
import os
import shutil
import time
from typing import Any

import pytest

from tests.e2e.peer import Administrator, administrator, payload_of
from tests.e2e.people import bulk, hears_only, login, new_tenant, numbers_of, person, reason_of
from tests.e2e.scenes import accepted, assert_refused, bring_in, enter, resident, watching
from tests.e2e.site import UpSite

Access = dict[str, Any]
LINES = int(os.environ.get("BOOTSTRAP_BRIDGE_TEST_LINES", "20000"))
"""Lines of the large simple file; 200,000 is what a factory brings."""
FULL_LINES = max(100, LINES // 40)
PART = 1_900_000
FULL_HEAD = "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE"


def credentials_of(device_id: str, password: str, tenant: str = "default") -> dict[str, str]:
    return {"username": f"{tenant}/device_{device_id}", "password": password, "clientId": device_id}


async def assert_logs_in(access: Access, device_id: str, password: str, tenant: str = "default") -> None:
    """The device logs in as soon as its account is there, and may use its topics."""
    username = f"{tenant}/device_{device_id}"
    async with login(access, username, password, device_id) as peer:
        topic = f"devices/{tenant}/{device_id}/mark"
        assert await peer.subscribe(topic) == [1]
        await hears_only(peer, topic)


WRITERS = {
    "excel": '\ufeffID;PATH;NAME\r\n{0}-1;Halle Süd/Werk;"Pumpe ""Süd"""\r\n{0}-2;;\r\n;;\r\n'.encode(),
    "excel-ansi": 'ID;PATH;NAME\r\n{0}-1;Halle Süd/Werk;"Pumpe ""Süd"""\r\n{0}-2;;\r\n'.encode("cp1252"),
    "libreoffice": 'ID,PATH,NAME\n{0}-1,Halle Süd/Werk,"Pumpe ""Süd"""\n{0}-2,,\n'.encode(),
    "libreoffice-quoted": '"ID","PATH","NAME"\n"{0}-1","Halle Süd/Werk","Pumpe ""Süd"""\n"{0}-2","",""\n'.encode(),
    "pandas": ',ID,PATH,NAME\n0,{0}-1,Halle Süd/Werk,"Pumpe ""Süd"""\n1,{0}-2,,\n'.encode(),
    "tabs": 'path\tName\tid\r\nHalle Süd/Werk\t"Pumpe ""Süd"""\t{0}-1\r\n\t\t{0}-2\r\n'.encode(),
    "spaces": ' ID ; PATH ;NAME\n  {0}-1 ; Halle Süd/Werk ;"Pumpe ""Süd"""\n {0}-2 ; ;'.encode(),
}


@pytest.mark.parametrize("writer", WRITERS)
async def test_a_file_as_programs_write_it(access: Access, writer: str) -> None:
    key = f"bulk-{writer}"
    file = WRITERS[writer].replace(b"{0}", key.encode())
    async with administrator(access) as admin:
        assert numbers_of(await bulk(admin, file, "bulk-validate")) == (2, 2, 0, 2)
        assert await admin.code("get", {"id": f"{key}-1"}) == "NOT_FOUND", "validating changes nothing"
        assert numbers_of(await bulk(admin, file)) == (2, 2, 0, 2)
        found = await admin.get(f"{key}-1")
        assert (found["status"], found["group"], found["name"]) == (
            "WAITING_FOR_CONNECTION",
            "Halle Süd/Werk",
            'Pumpe "Süd"',
        )
        assert "group" not in await admin.get(f"{key}-2")
        assert numbers_of(await bulk(admin, file)) == (2, 0, 0, 2), "the same file again says nothing new"


async def test_every_bad_line_fails_alone_with_its_number(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "bad-blocked", "securityToken": ""})
        caller = await enter(stack, access, "bad-blocked", {"securityToken": "t"})
        for _ in range(5):
            await admin.answer("accept", {"id": "bad-blocked", "securityToken": "wrong"})
        assert (await admin.get("bad-blocked"))["status"] == "BLOCKED"
        bad = {
            "bad/slash;": "INVALID_ID",
            ";Group": "INVALID_ID",
            "4.91234E+14;": "INVALID_ID",
            "bad-path;a//b": "MALFORMED_REQUEST",
            "bad-fields;a;b;c;d;e": "MALFORMED_REQUEST",
            "bad-few": "MALFORMED_REQUEST",
            "bad-long;;" + "t" * 257: "MALFORMED_REQUEST",
            "bad-auto;;;true": "TOKEN_REQUIRED",
            "bad-word;;token;perhaps": "MALFORMED_REQUEST",
            "bad-blocked;": "INVALID_STATE",
        }
        lines = ["ID;PATH;TOKEN;AUTOACCEPT", "bad-good-1;;;"]
        codes: dict[int, str] = {}
        for line, code in bad.items():
            codes[len(lines) + 1] = code
            lines.append(line if line in {"bad-fields;a;b;c;d;e", "bad-few"} else line + ";" * (3 - line.count(";")))
        lines.append("bad-good-2;G;;")
        result = await bulk(admin, "\n".join(lines))
        failed = result["failedCreationList"]
        assert {row["line"]: row["code"] for row in failed} == codes
        assert all(row["bulkNewDeviceStatus"] == "FAILED" and len(row["failureReason"]) > 10 for row in failed)
        assert numbers_of(result) == (len(lines) - 1, 2, len(bad), 2)
        assert (await admin.get("bad-good-2"))["group"] == "G"
        assert caller.id == "bad-blocked"


async def test_bad_lines_of_a_full_file_fail_without_repeating_credentials(access: Access) -> None:
    async with administrator(access) as admin:
        lines = [
            "ID;CREDENTIALS;AUTH_TYPE",
            "full-ok;good-secret;BASIC",
            "full-short;1234567;",
            f"full-long;{'x' * 129};",
            "full-none;;",
            "full-cert;good-secret;CERTIFICATES",
            'full-break;"good\nsecret";',
            'full-open;"unclosed-secret;',
        ]
        result = await bulk(admin, "\n".join(lines))
        failed = {row["deviceId"]: row["line"] for row in result["failedCreationList"]}
        assert failed == {
            "full-short": 3,
            "full-long": 4,
            "full-none": 5,
            "full-cert": 6,
            "full-break": 7,
            "full-open": 9,
        }
        for secret in ("1234567", "x" * 20, "good-secret", "unclosed"):
            assert secret not in json.dumps(result)
        await assert_logs_in(access, "full-ok", "good-secret")


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\n\n",
        b"PATH;NAME\na;b\n",
        b"ID;ID\na;b\n",
        b"ID;ICCID\na;b\n",
        b"ID;;NAME\na;b;c",
        b"ID;TOKEN;CREDENTIALS\n",
    ],
    ids=repr,
)
async def test_a_fault_of_the_whole_file_changes_nothing(access: Access, file: bytes) -> None:
    async with administrator(access) as admin:
        for command in ("bulk-validate", "bulk-register"):
            await admin.peer.publish(f"control/default/admin/request/{command}", file)
            answer = await admin.peer.next_json()
            assert (answer["ok"], answer["error"]["code"]) == (False, "BULK_FILE_INVALID"), answer


async def test_the_templates_are_files_to_fill_in(access: Access) -> None:
    async with administrator(access) as admin:
        for kind in ("simple", "full"):
            found = await admin.ok("template", {"kind": kind})
            assert found["filename"].endswith(".csv")
            columns = found["content"].strip().split(";")
            cells = {"ID": f"template-{kind}", "CREDENTIALS": "template-secret", "AUTH_TYPE": "BASIC"}
            line = ";".join(cells.get(column, "") for column in columns)
            assert numbers_of(await bulk(admin, found["content"] + line)) == (1, 1, 0, 1)


async def test_a_full_row_makes_a_device_that_logs_in_without_bootstrap(access: Access) -> None:
    row = "bulk-full-1;LF2PWJoLG1Fz;c8y_Device;Sample;+491555555;c8y_Imei;bulk group/subgroup1;1;BASIC;X1;in"
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        result = await bulk(admin, f"{FULL_HEAD};c8y_Hardware.model;c8y_Hardware.place\n{row}\n")
        assert numbers_of(result) == (1, 1, 0, 1)
        await assert_logs_in(access, "bulk-full-1", "LF2PWJoLG1Fz")
        found = await admin.until("bulk-full-1", "installedTime")
        assert (found["status"], "confirmedTime" in found, found["claims"]) == ("ACCEPTED", True, [])
        device = await admin.ok("get-device", {"id": "bulk-full-1"})
        assert {name: value for name, value in device.items() if name != "creationTime"} == {
            "id": "bulk-full-1",
            "tenant": "default",
            "owner": "default/admin",
            "name": "Sample",
            "type": "c8y_Device",
            "group": "bulk group/subgroup1",
            "iccid": "+491555555",
            "idType": "c8y_Imei",
            "shell": True,
            "authType": "BASIC",
            "properties": {"c8y_Hardware": {"model": "X1", "place": "in"}},
        }
        await assert_refused(access["port"], "default/device_bulk-full-1", "LF2PWJoLG1F", "bulk-full-1")
        caller = await enter(stack, access, "bulk-full-1", {})
        await caller.call()
        assert b"PENDING" in payload_of(await caller.peer.next()), "who calls gets nothing"


async def test_a_new_password_closes_the_session_and_the_same_row_does_not(access: Access) -> None:
    async with administrator(access) as admin:
        first = "ID;CREDENTIALS;NAME\nbulk-live;first-secret;Pump\n"
        assert numbers_of(await bulk(admin, first)) == (1, 1, 0, 1)
        async with login(access, "default/device_bulk-live", "first-secret", "bulk-live") as peer:
            assert await peer.subscribe("devices/default/bulk-live/#") == [1]
            again = await bulk(admin, first)
            assert (numbers_of(again), again["credentialUpdatedList"]) == ((1, 0, 0, 1), [])
            renamed = await bulk(admin, first.replace("Pump", "Pump 2"))
            assert renamed["credentialUpdatedList"] == [], "the inventory alone changes"
            # Something after it has gone all the way through the accounts: the session would be closed by now.
            assert numbers_of(await bulk(admin, "ID;CREDENTIALS\nbulk-later;other-secret\n")) == (1, 1, 0, 1)
            await admin.until("bulk-later", "installedTime")
            await hears_only(peer, "devices/default/bulk-live/mark")
            assert not peer.ended.is_set()
            second = await bulk(admin, first.replace("first-secret", "second-secret"))
            assert second["credentialUpdatedList"] == [
                {"bulkNewDeviceStatus": "CREDENTIAL_UPDATED", "deviceId": "bulk-live"}
            ]
            await peer.thrown_out()
        await assert_logs_in(access, "bulk-live", "second-secret")
        await assert_refused(access["port"], "default/device_bulk-live", "first-secret", "bulk-live")
        assert (await admin.ok("get-device", {"id": "bulk-live"}))["name"] == "Pump"


async def test_a_full_row_takes_over_whatever_stage_a_registration_is_in(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        ids = [f"stage-{name}" for name in ("waiting", "pending", "blocked", "accepted", "confirmed")]
        await admin.ok("register", {"devices": [{"id": one} for one in ids[:4]]})
        callers = [await enter(stack, access, one, {"securityToken": "t"}) for one in ids[1:4]]
        for _ in range(5):
            await admin.answer("accept", {"id": "stage-blocked", "securityToken": "wrong"})
        await admin.ok("accept", {"id": "stage-accepted", "securityToken": "t"})
        old = [await accepted(callers[2]), await bring_in(access, admin, "stage-confirmed")]
        result = await bulk(admin, "ID;CREDENTIALS\n" + "".join(f"{one};secret of {one}\n" for one in ids))
        assert result["numberOfSuccessful"] == 5, result
        updated = {row["deviceId"] for row in result["credentialUpdatedList"]}
        assert updated == {"stage-accepted", "stage-confirmed"}
        for one in ids:
            await assert_logs_in(access, one, f"secret of {one}")
            assert (await admin.get(one))["status"] == "ACCEPTED"
        for credentials in old:
            await assert_refused(
                access["port"], credentials["username"], credentials["password"], credentials["clientId"]
            )


async def test_a_registrar_brings_new_devices_and_changes_no_old_ones(access: Access) -> None:
    async with administrator(access) as admin:
        assert numbers_of(await bulk(admin, "ID;CREDENTIALS\nright-old;owner-secret\n")) == (1, 1, 0, 1)
        await admin.until("right-old", "installedTime")
        made = await admin.ok("create-administrator", {"name": "right-registrar", "role": "registrar"})
        async with person(access, "default", "right-registrar", made["password"]) as one:
            result = await bulk(one, "ID;CREDENTIALS\nright-new;a-secret-of-8\nright-old;taken-over\n")
            (failed,) = result["failedCreationList"]
            assert (failed["deviceId"], failed["code"], failed["line"]) == ("right-old", "NOT_PERMITTED", 3)
            simple = await bulk(one, "ID;NAME\nright-old;Mine\nright-old;\n")
            assert [row["code"] for row in simple["failedCreationList"]] == ["NOT_PERMITTED"]
        await assert_logs_in(access, "right-new", "a-secret-of-8")
        await assert_logs_in(access, "right-old", "owner-secret")


async def test_management_brings_devices_to_tenants_by_a_column(access: Access) -> None:
    async with (
        administrator(access, "management") as root,
        new_tenant(access, root, "factory") as boss,
        watching(access, "management") as watcher,
    ):
        file = "ID;CREDENTIALS;TENANT;PATH\nfac-1;factory-secret;factory;\nfac-2;factory-secret;nowhere;\n"
        file += "fac-3;factory-secret;factory;A\nfac-4;factory-secret;;\nfac-5;factory-secret;default;\n"
        result = await bulk(root, file)
        codes = {row["deviceId"]: row["code"] for row in result["failedCreationList"]}
        assert codes == {"fac-2": "UNKNOWN_TENANT", "fac-3": "TENANT_AND_GROUP", "fac-4": "UNKNOWN_TENANT"}
        await assert_logs_in(access, "fac-1", "factory-secret", "factory")
        await assert_logs_in(access, "fac-5", "factory-secret")
        assert (await boss.ok("get-device", {"id": "fac-1"}))["owner"] == "management/root"
        topics = {(await watcher.message(""))[0] for _ in range(2)}
        assert topics == {"events/factory/bulk", "events/default/bulk"}
        entries = (await boss.ok("audit", {}))["entries"]
        assert [(one["actor"], one["action"]) for one in entries if one["action"] == "bulk-register"] == [
            ("management/root", "bulk-register")
        ]


async def _people_and_devices(access: Access, admin: Administrator) -> list[tuple[str, str, str | None]]:
    """Make one of each kind of account; return their logins."""
    await bulk(admin, "ID;CREDENTIALS\nback-full;full-secret-1\n")
    derived = await bring_in(access, admin, "back-called")
    await admin.ok("create-administrator", {"name": "back-chosen", "role": "viewer", "password": "chosen secret 1"})
    made = await admin.ok("create-administrator", {"name": "back-made", "role": "registrar"})
    application = await admin.ok("create-application", {"name": "back-app"})
    await admin.ok("create-application", {"name": "back-app-chosen", "password": "chosen secret 2"})
    logins: list[tuple[str, str, str | None]] = [
        ("default/device_back-full", "full-secret-1", "back-full"),
        (derived["username"], derived["password"], derived["clientId"]),
        ("back-chosen", "chosen secret 1", None),
        ("back-made", made["password"], None),
        ("back-app", application["password"], None),
        ("back-app-chosen", "chosen secret 2", None),
    ]
    for username, password, client_id in logins:
        async with login(access, username, password, client_id):
            pass
    return logins


async def test_all_accounts_come_back_after_the_brokers_file_was_lost_or_is_old(own_site: UpSite) -> None:
    own_site.start()
    access = own_site.access
    file = own_site.data / "operations-broker" / "dynamic-security.json"
    async with administrator(access) as admin:
        await bulk(admin, "ID;CREDENTIALS\nback-leaving;leaving-secret\nback-changing;old-secret-1\n")
        await admin.ok("create-administrator", {"name": "back-old", "role": "owner", "password": "old secret 3"})
        for name, password in (("back-leaving", "leaving-secret"), ("back-changing", "old-secret-1")):
            await assert_logs_in(access, name, password)
        async with login(access, "back-old", "old secret 3"):
            pass
    own_site.stop()
    shutil.copy(file, own_site.data / "backup")
    own_site.start()
    async with administrator(access) as admin:
        logins = await _people_and_devices(access, admin)
        await admin.ok("delete-device", {"id": "back-leaving"})
        await bulk(admin, "ID;CREDENTIALS\nback-changing;new-secret-1\n")
        await admin.ok("delete-administrator", {"name": "back-old"})
        await assert_logs_in(access, "back-changing", "new-secret-1")
    logins.append(("default/device_back-changing", "new-secret-1", "back-changing"))
    for kind in ("lost", "old"):
        own_site.stop()
        file.unlink()
        if kind == "old":
            shutil.copy(own_site.data / "backup", file)
        own_site.start()
        assert own_site.access == access, "the first administrators keep their passwords"
        for username, password, client_id in logins:
            async with login(access, username, password, client_id):
                pass
        for username, password, client_id in (
            ("default/device_back-leaving", "leaving-secret", "back-leaving"),
            ("default/device_back-changing", "old-secret-1", "back-changing"),
            ("back-old", "old secret 3", None),
        ):
            await assert_refused(access["port"], username, password, client_id)
        async with resident(access, credentials_of("back-full", "full-secret-1")) as peer:
            assert await reason_of(peer, "devices/default/back-full/x") in {0, 16}
            assert await reason_of(peer, "devices/default/back-called/x") == 0x87


async def test_many_full_rows_and_all_log_in(own_site: UpSite) -> None:
    own_site.start()
    access = own_site.access
    rows = {f"mass-{number:05}": f"secret-{number:05}-{number * 7919 % 9973}" for number in range(FULL_LINES)}
    async with administrator(access) as admin:
        began = time.monotonic()
        result = await bulk(admin, "ID;CREDENTIALS\n" + "".join(f"{one};{secret}\n" for one, secret in rows.items()))
        answered = time.monotonic() - began
        assert numbers_of(result) == (FULL_LINES, FULL_LINES, 0, FULL_LINES)
        async with asyncio.timeout(300):
            left = list(rows)
            while left:
                if "installedTime" in await admin.get(left[-1]):
                    left.pop()
        print(f"{FULL_LINES} full rows: answered in {answered:.1f} s, installed in {time.monotonic() - began:.1f} s")
        sample = list(rows)[:: max(1, FULL_LINES // 50)]
        for device_id in sample:
            async with resident(access, credentials_of(device_id, rows[device_id])):
                pass
        again = await bulk(admin, "ID;CREDENTIALS\n" + "".join(f"{one};{secret}\n" for one, secret in rows.items()))
        assert (numbers_of(again), again["credentialUpdatedList"]) == ((FULL_LINES, 0, 0, FULL_LINES), [])


async def test_a_large_simple_file_in_parts(own_site: UpSite) -> None:
    own_site.start()
    head = b"ID;PATH\n"
    lines = [b"large-%06d;Plant %d/Line %d\n" % (number, number % 10, number % 100) for number in range(LINES)]
    parts = [bytearray(head)]
    for line in lines:
        if len(parts[-1]) + len(line) > PART:
            parts.append(bytearray(head))
        parts[-1] += line
    async with administrator(own_site.access) as admin:
        began = time.monotonic()
        total = 0
        for part in parts:
            result = await bulk(admin, bytes(part))
            assert result["numberOfFailed"] == 0
            total += result["numberOfCreated"]
        print(f"{LINES} simple lines in {len(parts)} parts: {time.monotonic() - began:.1f} s")
        assert total == LINES
        assert (await admin.ok("list", {"limit": 1}))["counts"]["WAITING_FOR_CONNECTION"] == LINES
        assert (await admin.get(f"large-{LINES - 1:06}"))["group"].startswith("Plant ")
        await admin.peer.publish("control/default/admin/request/bulk-register", head + b"x" * PART)
        assert (await admin.peer.next_json())["error"]["code"] == "LIMIT_REACHED"
