"""Bulk files sent twice, in parts, interrupted, tried without doing: nothing is done twice, lost or told."""

import contextlib
import json
import time
from pathlib import Path

import pytest

from bridge.decisions import BulkEvent
from bridge.handlers.bulk import CHUNK
from bridge.records import Account
from bridge.transaction import Transaction
from tests.files import CREDENTIALS, FULL, NORA, RITA, VERA, brought, failures, numbers, tables, tallied, told
from tests.world import World

# Again, twice, in parts.

MIXED = f"{FULL}a;{CREDENTIALS};A;G/H\nb;{CREDENTIALS};;\nb;{CREDENTIALS};B;\n;{CREDENTIALS};;\nc;short;;\n"


async def test_the_same_files_again_change_nothing(world: World) -> None:
    simple = "ID;PATH;TOKEN;AUTOACCEPT;NAME\nd;G;s3cret;true;D\ne;K;;;\n"
    assert numbers(await told(world, simple)) == (2, 2, 0, 2)
    assert numbers(await told(world, MIXED)) == (5, 2, 2, 3)
    await world.installer.drain()
    before = await tables(world)
    world.script.clear()
    world.clock.turn(5)
    again = await told(world, simple)
    assert numbers(again) == (2, 0, 0, 2)
    assert numbers(await told(world, "ID;CREDENTIALS\n" + f"a;{CREDENTIALS}\nb;{CREDENTIALS}\n")) == (2, 0, 0, 2)
    assert await tables(world) == before
    await world.installer.drain()
    assert world.script == []


async def test_an_id_twice_in_a_file_is_taken_in_order(world: World) -> None:
    result = await told(world, f"{FULL}a;first-password;One;\na;second-password;Two;\na;second-password;Two;\n")
    assert numbers(result) == (3, 1, 0, 3)
    assert len(result["credentialUpdatedList"]) == 1
    await world.installer.drain()
    assert world.accounts.there["default/device_a"].password == "second-password"
    device = await world.device("a")
    assert device is not None
    assert device.name == "Two"
    assert numbers(await told(world, "ID;PATH\ns;A\ns;B\n")) == (2, 1, 0, 2)
    assert (await world.done("get", {"id": "s"}))["group"] == "B"


async def test_a_bad_line_fails_alone_with_its_line_and_its_cell(world: World) -> None:
    result = await told(world, 'ID;PATH;NAME\na;;"two\nlines"\nb c;;\nd;x//y;\ne;;\nf;;;too much\n;A;\n')
    assert numbers(result) == (6, 2, 4, 2)
    assert failures(result) == [
        ("b c", "INVALID_ID", 4),
        ("d", "MALFORMED_REQUEST", 5),
        ("f", "MALFORMED_REQUEST", 7),
        (None, "INVALID_ID", 8),
    ]
    assert all(len(one["failureReason"]) > 10 for one in result["failedCreationList"])


@pytest.mark.parametrize(
    "content", [b"", b"PATH\nA\n", b"ID;ID;PATH\na;a;\n", b"ID;COLOUR\na;red\n", b"PK\x03\x04zip", b"\x81\xff\n"]
)
async def test_a_fault_of_the_whole_file_changes_nothing(world: World, content: bytes) -> None:
    before = await tables(world)
    for command in ("bulk-register", "bulk-validate"):
        assert await world.refused(command, content) == "BULK_FILE_INVALID"
    assert await tables(world) == before


async def test_a_file_above_the_limit_is_to_be_split(world: World) -> None:
    handled = await world.answer("bulk-register", b"ID;PATH\n" + b"x" * 1_900_000)
    assert handled["error"]["code"] == "LIMIT_REACHED"
    assert "each with the header" in handled["error"]["message"]


async def test_a_file_without_lines_is_done_and_told(world: World) -> None:
    assert numbers(await told(world, "ID;PATH\n")) == (0, 0, 0, 0)
    (entry,) = (await world.done("audit"))["entries"]
    assert (entry["action"], entry["details"]["complete"]) == ("bulk-register", True)


def many(start: int, stop: int) -> str:
    return "".join(f"p{number:05};G\n" for number in range(start, stop))


async def test_a_file_of_several_parts_is_one_answer_one_event_and_one_audit_entry(world: World) -> None:
    text = "ID;PATH\n" + many(0, CHUNK + 200) + "b c;G\n" + many(0, 1)
    handled = await world.ask("bulk-register", text.encode())
    result = json.loads(handled.payload)["result"]
    assert numbers(result) == (CHUNK + 202, CHUNK + 200, 1, CHUNK + 201)
    assert failures(result) == [("b c", "INVALID_ID", CHUNK + 202)]
    (event,) = handled.events
    assert isinstance(event, BulkEvent)
    assert event.numbers == {key: value for key, value in result.items() if key.startswith("numberOf")}
    for device_id in ("p00000", f"p{CHUNK + 100:05}"):
        (entry,) = (await world.done("audit", {"id": device_id}))["entries"]
        assert tallied(entry) == {**event.numbers, "complete": True}
    assert (await world.done("stats"))["series"][0]["registered"] == CHUNK + 200
    assert (await world.done("list", {"limit": 1}))["counts"]["WAITING_FOR_CONNECTION"] == CHUNK + 200


@pytest.mark.parametrize("role", [None, "registrar", "viewer"])
async def test_a_role_that_goes_while_a_file_is_worked_on_holds_from_the_next_part_on(
    world: World, role: str | None
) -> None:
    await brought(world, "device")
    text = "ID;PATH\n" + many(0, CHUNK) + "pump-7;H\n"
    roles = dict(world.rulebook.roles)
    parts = 0
    follow = world.store.write

    def write() -> contextlib.AbstractAsyncContextManager[Transaction]:
        nonlocal parts
        parts += 1
        if parts == 2:
            changed = {key: value for key, value in roles.items() if key != ("default", "admin")}
            changed |= {} if role is None else {("default", "admin"): role}
            world.rulebook.follow(world.rulebook.values, world.rulebook.tenants, changed)
        return follow()

    world.store.write = write  # type: ignore[assignment]
    answer = await world.answer("bulk-register", text.encode())
    if role == "registrar":
        assert failures(answer["result"]) == [("pump-7", "NOT_PERMITTED", CHUNK + 2)]
    else:
        assert answer["error"]["code"] == "NOT_PERMITTED"
    device = await world.device("pump-7")
    assert device is not None
    assert device.group != "H"


@pytest.mark.long
async def test_a_dry_run_of_many_ids_that_come_again_costs_linear_time(world: World) -> None:
    many_ids = 30_000  # in more than one part, and as many as a message holds twice
    text = "ID;CREDENTIALS\n" + "".join(f"d{number};{CREDENTIALS}\n" for number in range(many_ids)) * 2
    began = time.process_time()
    assert numbers(await told(world, text, command="bulk-validate")) == (2 * many_ids, many_ids, 0, 2 * many_ids)
    assert time.process_time() - began < 20


async def test_what_a_fault_interrupts_is_kept_in_whole_parts_and_sent_again(world: World) -> None:
    text = "ID;PATH\n" + many(0, CHUNK + 10)
    async with world.store.write() as transaction:
        await transaction.connection.exec_driver_sql(
            f"CREATE TRIGGER full BEFORE INSERT ON registrations WHEN NEW.id = 'p{CHUNK + 5:05}' "
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    answer = await world.answer("bulk-register", text.encode(), correlation=b"c1")
    assert answer["error"]["code"] == "INTERNAL"
    assert "stays" in answer["error"]["message"]
    (entry,) = (await world.done("audit"))["entries"]
    assert (entry["details"]["numberOfCreated"], entry["details"]["complete"]) == (CHUNK, False)
    async with world.store.write() as transaction:
        await transaction.connection.exec_driver_sql("DROP TRIGGER full")
    result = json.loads((await world.ask("bulk-register", text.encode(), correlation=b"c1")).payload)["result"]
    assert numbers(result) == (CHUNK + 10, 10, 0, CHUNK + 10)


async def test_an_answer_shows_the_first_thousand_failures_and_counts_all(world: World) -> None:
    result = await told(world, "ID;PATH\n" + "b c;\n" * 1_200)
    assert numbers(result) == (1_200, 0, 1_200, 0)
    assert (len(result["failedCreationList"]), result["truncated"]) == (1_000, True)


async def test_a_repeat_gets_the_same_answer_and_is_not_done_twice(world: World) -> None:
    content = f"{FULL}a;{CREDENTIALS};;\n".encode()
    first = await world.ask("bulk-register", content, correlation=b"c1")
    await world.done("delete-device", {"id": "a"})
    again = await world.ask("bulk-register", content, correlation=b"c1")
    assert (again.payload, again.events, bool(again.account_work)) == (first.payload, [], False)
    assert await world.device("a") is None
    other = await world.ask("bulk-register", content + b"b;other-password;;\n", correlation=b"c1")
    assert json.loads(other.payload)["error"]["code"] == "MALFORMED_REQUEST"


# bulk-validate.


@pytest.mark.long
@pytest.mark.parametrize("who", ["default/admin", RITA])
async def test_a_dry_run_tells_what_would_come_of_it_and_changes_nothing(world: World, who: str) -> None:
    for state in ("installed", "foreign"):
        await brought(world, state) if state == "installed" else await world.done("register", {"id": "x"}, who=NORA)
    await told(world, f"{FULL}held;{CREDENTIALS};;\n")
    simple = "ID;PATH;NAME\npump-7;A;New\nx;A;\n" + many(0, CHUNK).replace("\n", ";\n") + "p00000;H;\nnew;;\nb c;;\n"
    full = (
        f"{FULL}pump-7;{CREDENTIALS};New;\nheld;{CREDENTIALS};;\nx;{CREDENTIALS};;\n"
        + "".join(f"q{number:05};{CREDENTIALS};;\n" for number in range(CHUNK))
        + f"q00000;{CREDENTIALS};;\nq00001;another-password;;\nq00001;another-password;;\npump-7;{CREDENTIALS};;\n"
    )
    for text in (simple, full):
        before = await tables(world)
        handled = await world.ask("bulk-validate", text.encode(), who=who)
        assert (handled.events, bool(handled.account_work)) == ([], False)
        assert await tables(world) == before
        dry = json.loads(handled.payload)["result"]
        assert dry["numberOfCreated"] >= CHUNK
        assert dry == await told(world, text, who=who)


async def test_a_viewer_sends_no_files(world: World) -> None:
    for command in ("bulk-register", "bulk-validate"):
        assert await world.refused(command, b"ID;PATH\na;\n", who=VERA) == "NOT_PERMITTED"


@pytest.mark.parametrize(("kind", "of_kind"), [("simple", "PATH"), ("full", "CREDENTIALS")])
async def test_a_template_is_a_file_that_is_understood(world: World, kind: str, of_kind: str) -> None:
    found = await world.done("template", {"kind": kind}, who=VERA)
    assert found["filename"].endswith(".csv")
    assert of_kind in found["content"]
    assert numbers(await told(world, found["content"], command="bulk-validate")) == (0, 0, 0, 0)


# Secrets.


async def test_credentials_stand_in_clear_nowhere(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"{FULL}a;{CREDENTIALS};;\nb c;{CREDENTIALS};;\nd;{CREDENTIALS};;x//y\n"
    said = []
    for command in ("bulk-validate", "bulk-register"):
        handled = await world.ask(command, text.encode(), correlation=b"c1")
        said += [handled.payload.decode(), repr(handled)]
    said += [
        repr(await tables(world)),
        json.dumps(await world.done("audit")),
        repr(await world.account("default/device_a")),
    ]
    await world.installer.drain()
    said += [repr(world.accounts.there), repr(world.told), *capsys.readouterr()]
    assert CREDENTIALS not in "".join(said)
    account = await world.account("default/device_a")
    assert isinstance(account, Account)
    assert account.secret is not None
    kept = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))  # noqa: ASYNC240 - small, and a test
    assert len(kept) > 10_000
    assert CREDENTIALS.encode() not in kept
