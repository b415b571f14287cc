"""The walls between the rooms: who may import whom, which room knows which library, and that each room is tested."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ANY = "*"
ROOMS: dict[str, str] = {
    # A room and what it may import of the bridge, from the ground up: only rooms that stand above it in this list.
    "__init__": "",
    "names": "",
    "limits": "",
    "turns": "",
    "clock": "",
    "arrows": "",
    "roles": "",
    "credentials": "",
    "window": "",
    "backoff": "",
    "undumped": "",
    "sockets": "",
    "inbox": "",
    "trust": "",
    "certificates": "",
    "broker": "inbox sockets trust window",
    "health": "",
    "registration": "",
    "decisions": "registration",
    "records": "registration",
    "inventory": "registration",
    "measures": "registration roles",
    "metrics": "measures",
    "claims": "decisions registration",
    "outcomes": "claims decisions inventory registration",
    "rules": "claims decisions inventory outcomes registration",
    "options": "names registration",
    "wire": "credentials names registration",
    "requests": "decisions inventory names registration wire",
    "answers": "credentials decisions records registration requests wire",
    "delimited": "",
    "bulk": "delimited names registration",
    "schema": "",
    "migrations.__init__": "",
    "migrations.env": "schema",
    "migrations.versions.__init__": "",
    "migrations.versions.*": "",
    "rows": "records registration schema",
    "transaction": "decisions names options records registration rows schema",
    "database_file": "",
    "store": "database_file measures options schema transaction",
    "key_rows": "credentials database_file records schema store",
    "queries": "options records registration rows schema",
    "inventory_queries": "records registration rows schema",
    "future_times": "schema",
    "timekeeping": "",
    "minding": "clock future_times store timekeeping",
    "applications": "names options",
    "rulebook": "applications credentials names options records registration",
    "batch": "decisions names records registration rulebook rules transaction",
    "accounts.grants": "roles wire",
    "accounts.__init__": "accounts.grants",
    "accounts.dynsec": "arrows accounts accounts.grants broker credentials wire",
    "admin": "broker wire",
    "intake": "arrows limits measures batch broker credentials decisions names options registration rulebook"
    " store transaction wire",
    "installer": "arrows measures accounts accounts.grants batch credentials decisions inventory queries records"
    " registration rulebook store transaction wire",
    "handlers.desk": "answers arrows batch credentials decisions names queries records registration requests roles"
    " rulebook transaction",
    "reconciler": "accounts arrows measures installer queries records store transaction",
    "handlers.registrations": "answers batch decisions handlers.desk names queries registration requests wire",
    "handlers.reading": "answers handlers.desk queries registration requests wire",
    "handlers.tenant_options": "handlers.desk names options records registration requests",
    "handlers.devices": "answers decisions handlers.desk inventory inventory_queries registration requests",
    "handlers.groups": "answers handlers.desk inventory_queries registration requests",
    "handlers.history": "answers handlers.desk inventory_queries names queries registration requests",
    "handlers.people": "answers applications credentials handlers.desk names options queries records registration"
    " requests roles",
    "handlers.tenants": "answers handlers.desk names queries records registration requests",
    "handlers.bulk": "answers arrows batch bulk credentials decisions handlers.desk inventory names records"
    " registration requests",
    "handlers.__init__": "handlers.bulk handlers.desk handlers.devices handlers.groups handlers.history handlers.people"
    " handlers.reading handlers.registrations handlers.tenant_options handlers.tenants",
    "control": "arrows measures answers batch broker decisions handlers handlers.desk handlers.people names queries"
    " records registration requests roles rulebook store transaction wire",
    "uploading": "bulk delimited names registration",
    "sending": "uploading",
    "brokers": "accounts accounts.dynsec credentials",
    "folder": "",
    "locks": "folder",
    "bootstrap_logins": "",
    "keys_file": "credentials folder",
    "file_modes": "folder",
    "mosquitto_acl": "",
    "dynsec_file": "accounts.dynsec mosquitto_acl",
    "mending": "accounts accounts.dynsec brokers credentials dynsec_file folder",
    "facts": "bootstrap_logins",
    "installation": "accounts accounts.grants bootstrap_logins brokers clock credentials facts folder keys_file"
    " mending names roles wire",
    "rotation": "database_file credentials facts folder installation key_rows keys_file",
    "telling": "folder installation locks",
    "reloading": "bootstrap_logins clock credentials file_modes folder installation locks measures telling",
    "configurations": "brokers folder installation",
    "settings": "limits",
    "logs": "settings",
    "mosquitto_conf": "",
    "encryption": "certificates facts installation mosquitto_conf settings",
    "authority": "certificates encryption facts folder installation trust",
    "certificate_watch": "certificates installation measures trust",
    "broker_advice": "brokers mosquitto_conf",
    "rewriting": "folder",
    "beside_fit": "brokers installation mosquitto_acl mosquitto_conf names",
    "neighbours": "accounts.dynsec beside_fit dynsec_file folder mosquitto_conf",
    "beside_files": "beside_fit facts folder installation mosquitto_acl mosquitto_conf rewriting",
    "httpd": "",
    "notifying": "",
    "stopping": "",
    "stock": "queries records registration schema",
    "vitals": "broker health httpd measures metrics stock store wire",
    # The glue, which may know all that stands above it.
    "housekeeping": ANY,
    "sessions.__init__": ANY,
    "sessions.herald": ANY,
    "sessions.gate": ANY,
    "sessions.info": ANY,
    "sessions.accounts": ANY,
    "sessions.control": ANY,
    "leaving": "sessions stopping",
    "database_watch": "backoff folder health sessions store",
    "service": ANY,
    "children": "",
    "console_child": "backoff children installation settings",
    "gate_room": "broker",
    "beside": "authority beside_files beside_fit broker_advice children clock configurations dynsec_file encryption"
    " facts folder installation mosquitto_acl mosquitto_conf rewriting trust wire",
    "backups.__init__": "",
    "backups.contents": "",
    "backups.archive": "backups",
    "backups.manifest": "backups backups.contents",
    "backups.snapshot": "backups database_file",
    "backups.differing": "credentials database_file records",
    "backups.settling": "backups backups.differing database_file names queries records registration store transaction",
    "backups.placing": "backups backups.archive backups.contents folder",
    "backups.making": "backups backups.archive backups.contents backups.manifest backups.snapshot clock credentials"
    " database_file dynsec_file facts folder installation keys_file wire",
    "backups.unpacking": "backups backups.archive backups.contents backups.manifest credentials facts folder"
    " installation keys_file",
    "backups.staying": "accounts.dynsec backups backups.contents backups.differing backups.manifest backups.settling"
    " brokers credentials dynsec_file facts folder installation keys_file mending",
    "backups.restoring": "backups backups.contents backups.differing backups.manifest backups.placing backups.settling"
    " backups.staying backups.unpacking children clock folder installation keys_file locks",
    "doctor.finding": "dynsec_file folder installation mosquitto_conf",
    "doctor.files": "beside_fit brokers children doctor.finding dynsec_file mosquitto_acl",
    "doctor.database": "database_file doctor.finding",
    "doctor.secrets": "brokers clock doctor.finding file_modes folder",
    "doctor.settings": "broker_advice doctor.finding mosquitto_conf",
    "doctor.machine": "beside_fit children doctor.database doctor.finding mosquitto_conf",
    "doctor.logins": "broker doctor.finding installation registration trust",
    "doctor.certificates": "certificates clock doctor.finding installation trust",
    "doctor.__init__": "doctor.certificates doctor.database doctor.files doctor.finding doctor.logins doctor.machine"
    " doctor.secrets doctor.settings",
    "display": "registration",
    "display_devices": "display",
    "display_people": "display",
    "up": ANY,
    "advice": "",
    "menu": "",
    "speaking": "admin advice backoff broker display menu names roles",
    "running": ANY,
    "consenting": "beside beside_files beside_fit brokers children display dynsec_file encryption facts folder"
    " installation locks mosquitto_conf settings speaking",
    # The web page: it speaks over the control topic, and knows no store, key or folder of the bridge.
    "console.__init__": "",
    "console.texts.__init__": "",
    "console.headers": "",
    "console.guard": "console.headers",
    "console.place": "",
    "console.throttle": "",
    "console.figures": "console.texts",
    "console.charts": "console.figures console.texts registration",
    "console.overview_parts": "console.figures console.texts",
    "console.digits": "",
    "console.session": "admin backoff broker console.digits names roles",
    "console.sessions": "admin broker console.session console.throttle names",
    "console.entrance": "console.guard console.sessions",
    "console.tabs": "console.entrance console.session",
    "console.plain": "console.texts",
    "console.live": "admin console.sessions console.texts",
    "console.persisting": "admin console.session",
    "console.findings": "sending",
    "console.bulk_job": "admin console.findings console.persisting console.session console.texts delimited sending"
    " uploading",
    "console.uploads": "console.bulk_job console.session console.texts",
    "console.upload_routes": "console.bulk_job console.sessions console.texts console.uploads",
    "console.bulk_upload": "console.bulk_job console.findings console.live console.sessions console.texts"
    " console.upload_routes console.uploads",
    "console.acting": "admin console.session console.texts",
    "console.links": "names",
    "console.labels": "console.links console.texts",
    "console.labelling": "admin console.*",
    "console.registering": "admin console.* names",
    "console.listing": "",
    "console.inventory": "",
    "console.once": "admin",
    "console.grouping": "console.listing",
    "console.moving": "admin console.listing",
    "console.logins": "console.acting console.listing console.live console.session",
    "console.past": "console.listing console.texts",
    "console.one_device": "admin console.*",
    "console.shell": "console.bulk_upload console.live console.plain console.sessions console.tabs console.texts",
    "console.viewing": "registration",
    "console.registration_table": "console.viewing console.session console.texts",
    "console.registration_deleting": "console.acting console.session console.texts",
    "console.registration_detail": "admin console.live console.registration_deleting console.session console.texts",
    "console.verdicts": "console.texts",
    "console.option_facts": "console.texts names",
    "console.again": "admin console.persisting console.texts names",
    "console.accepting": "admin console.acting console.again console.live console.once console.session console.texts"
    " console.verdicts names",
    "console.accepting_all": "console.acting console.live console.session console.texts console.verdicts",
    "console.components.__init__": "",
    "console.pages.__init__": "",
    "console.pages.*": "admin bulk console.* delimited names registration roles uploading",
    "console.listening": "console.guard",
    "console.foreign_logs": "",
    "console.server": "admin broker certificates console.* httpd",
    "console.serving": "console.foreign_logs console.place console.server console.session display speaking stopping",
    "commands.completing": "admin broker options registration speaking",
    "commands.terminal": "display speaking",
    "commands.asking": "admin advice commands.completing commands.terminal display menu names requests speaking",
    "commands.properties": "commands.asking speaking",
    "commands.bulk": ANY,
    "commands.registrations": ANY,
    "commands.*": ANY,
    "commands.__init__": ANY,
    "cli": ANY,
    "__main__": "cli",
    "demo": "",
    "console_demo": "demo",
}
LIBRARIES: dict[str, set[str]] = {
    # A library and the rooms that know it.
    "aiomqtt": {"broker", "sockets"},
    "paho": {"broker"},
    "sqlalchemy": {
        "schema",
        "rows",
        "store",
        "transaction",
        "queries",
        "stock",
        "inventory_queries",
        "future_times",
        "key_rows",
        "migrations",
    },
    "alembic": {"store", "migrations"},
    "cryptography": {"certificates", "credentials"},
    "prometheus_client": {"metrics"},
    "pydantic": {"wire", "requests", "settings", "facts", "installation", "backups.manifest"},
    "pydantic_core": {"wire"},
    "pydantic_settings": {"settings"},
    "fastapi": {"console"},
    "nicegui": {"console"},
    "starlette": {"console"},
    "segno": {"console"},
    "socketio": {"console"},
    "uvicorn": {"console"},
    "typer": {"cli", "commands", "console.serving", "consenting", "menu", "speaking", "running"},
    "click": {"cli", "commands", "speaking"},
    "rich": {"commands", "display", "display_devices", "display_people", "speaking", "demo", "console_demo", "cli"},
    "structlog": {
        "console",
        "console_child",
        "neighbours",
        "reloading",
        "timekeeping",
        "housekeeping",
        "database_watch",
        "minding",
        "certificate_watch",
        "gate_room",
        "intake",
        "control",
        "installer",
        "reconciler",
        "sessions",
        "service",
        "up",
        "logs",
        "children",
        "running",
        "stopping",
        "demo",
    },
}
UNTESTED_HERE: dict[str, str] = {
    # Rooms without a test file of their own, and why.
    "__init__": "the version alone",
    "__main__": "one line",
    "clock": "one line",
    "decisions": "data only",
    "measures": "data only, with the metrics in test_metrics",
    "records": "data only",
    "schema": "compared with the migrations in test_store",
    "configurations": "with the installation, in test_installation",
    "backups.__init__": "one exception",
    "backups.contents": "with the manifest, in test_backups_manifest",
    "backups.snapshot": "in test_backups_making",
    "backups.differing": "in test_backups_restoring",
    "backups.settling": "in test_backups_restoring, on real databases",
    "commands.backing_up": "end to end, in test_backup",
    "beside": "end to end",
    "beside_files": "end to end, in test_beside",
    "consenting": "end to end, in test_beside",
    "doctor.__init__": "end to end, in test_doctor",
    "doctor.logins": "end to end, in test_doctor",
    "doctor.certificates": "end to end, in test_tls",
    "commands.doctor": "end to end, in test_doctor",
    "backups.staying": "in test_backups_restoring",
    "commands.keys": "end to end, in test_keys",
    "commands.bootstrap_login": "end to end, in test_keys",
    "database_watch": "in test_service",
    "facts": "in test_installation",
    "cli": "end to end",
    "logs": "end to end",
    "commands.__init__": "a list",
    "commands.asking": "through the commands that ask",
    "demo": "end to end",
    "console_demo": "in a browser, in tests/browser/test_console_demo",
    "display": "through the commands",
    "display_devices": "through the commands",
    "display_people": "through the commands",
    "speaking": "end to end",
    "migrations": "in test_migrations, and run by every test with a database",
    "sessions": "end to end",
    "handlers.__init__": "a table",
    "handlers.desk": "through the one door, in test_control",
    "handlers.registrations": "through the one door, in test_control",
    "handlers.reading": "through the one door, in test_control",
    "handlers.tenant_options": "through the one door, in test_control and test_policy_matrix",
    "accounts.__init__": "a Protocol",
    "console": "in a browser, in tests/browser",
    "commands.console": "in a browser, in tests/browser",
}
TEST_FILES = {
    "accounts.dynsec": "test_dynsec",
    "accounts.grants": "test_grants",
    "commands.bulk": "test_bulk_commands",
    "commands.groups": "test_commands_devices",
    "commands.tenants": "test_commands_people",
    "handlers.bulk": "test_bulk_handler",
    "handlers.devices": "test_devices_handler",
    "handlers.groups": "test_devices_handler",
    "handlers.history": "test_history",
    "handlers.people": "test_people",
    "handlers.tenants": "test_people",
}
"""Test files that are not called after the whole name of their module."""


def modules() -> dict[str, Path]:
    """Return the modules of the bridge by their names below it."""
    paths = (ROOT / "bridge").rglob("*.py")
    return {".".join(path.relative_to(ROOT / "bridge").with_suffix("").parts): path for path in sorted(paths)}


MODULES = modules()


def room_of(module: str) -> str:
    """Return the line of the table that tells of ``module``."""
    return module if module in ROOMS else ".".join([*module.split(".")[:-1], "*"])


@cache
def imports_of(path: Path) -> frozenset[tuple[str, str]]:
    """Return (module, name) of all that ``path`` imports, also inside functions; the name may be empty."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            found |= {(node.module or "", alias.name) for alias in node.names}
    return frozenset(found)


def own_imports(path: Path) -> Iterator[str]:
    """Yield the modules of the bridge that ``path`` imports, packages by their plain name."""
    for module, name in imports_of(path):
        if module.split(".")[0] != "bridge":
            continue
        below = module.removeprefix("bridge").removeprefix(".")
        inner = f"{below}.{name}".strip(".")
        if inner in MODULES or f"{inner}.__init__" in MODULES:
            yield inner
        elif below:
            yield below


def test_every_module_has_its_place_in_the_house() -> None:
    assert [module for module in MODULES if room_of(module) not in ROOMS] == []
    assert [room for room in ROOMS if not room.endswith("*") and room not in MODULES] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_only_what_it_may(module: str) -> None:
    allowed = ROOMS[room_of(module)]
    imported = set(own_imports(MODULES[module]))
    if allowed != ANY:
        houses = tuple(word.removesuffix("*") for word in allowed.split() if word.endswith(".*"))
        assert {one for one in imported if not f"{one}.".startswith(houses or ("-",))} <= set(allowed.split())


@pytest.mark.parametrize("module", MODULES)
def test_arrows_never_go_up(module: str) -> None:
    order = list(ROOMS)
    here = order.index(room_of(module))
    for imported in own_imports(MODULES[module]):
        there = imported if imported in ROOMS else f"{imported}.__init__"
        there = there if there in ROOMS else room_of(imported)
        assert order.index(there) < here, imported


def test_nobody_imports_the_service_but_what_starts_it() -> None:
    assert {module for module, path in MODULES.items() if "service" in own_imports(path)} <= {"up", "running", "cli"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_known_in_its_own_rooms_alone(library: str) -> None:
    knowing = {
        module for module, path in MODULES.items() for name, _ in imports_of(path) if name.split(".")[0] == library
    }
    assert {
        one for one in knowing if one not in LIBRARIES[library] and one.split(".")[0] not in LIBRARIES[library]
    } == set()


def test_no_other_library_is_used() -> None:
    used = {name.split(".")[0] for path in MODULES.values() for name, _ in imports_of(path)}
    assert used - set(sys.stdlib_module_names) - {"bridge"} <= set(LIBRARIES)


@pytest.mark.parametrize(
    "module",
    [
        "registration",
        "inventory",
        "claims",
        "outcomes",
        "rules",
        "names",
        "limits",
        "turns",
        "window",
        "options",
        "applications",
        "bulk",
        "delimited",
    ],
)
def test_the_core_has_no_clock_no_chance_no_log_and_never_waits(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
    impure = {"time", "datetime", "random", "secrets", "os", "logging", "structlog", "asyncio", "socket", "pathlib"}
    imported = {name.split(".")[0] for name, _ in imports_of(MODULES[module])}
    assert not imported & impure
    assert imported <= set(sys.stdlib_module_names) | {"bridge"}


def test_the_simulator_and_the_bridge_know_nothing_of_each_other() -> None:
    for here, there in (("device_sim", "bridge"), ("bridge", "device_sim")):
        for path in (ROOT / here).rglob("*.py"):
            assert not [name for name, _ in imports_of(path) if name.split(".")[0] == there], path


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_test_file_of_its_own_or_a_reason(module: str) -> None:
    name = TEST_FILES.get(module, f"test_{module.replace('.', '_')}")
    tested = (ROOT / "tests" / f"{name}.py").exists()
    # What excuses a package as a whole does not forbid its pure rooms tests of their own.
    excused = module in UNTESTED_HERE or (not tested and module.split(".")[0] in UNTESTED_HERE)
    assert tested != excused


def test_no_excuse_is_left_over() -> None:
    packages = {module.split(".")[0] for module in MODULES}
    assert [one for one in UNTESTED_HERE if one not in MODULES and one not in packages] == []


SOAK: dict[str, str] = {
    # A room of the soak and what it may import of the others, from the ground up.
    "__init__": "",
    "words": "",
    "plan": "words",
    "model": "",
    "figures": "",
    "dying": "",
    "loading": "",
    "breaking": "",
    "nursery": "breaking dying loading",
    "processes": "dying words",
    "fleet": "words",
    "clerk": "",
    "desk": "clerk fleet model words",
    "settling": "desk words",
    "run": "clerk desk figures fleet model plan processes settling words",
    "__main__": "breaking run",
}


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "soak").glob("*.py")), ids=lambda path: path.stem)
def test_a_room_of_the_soak_imports_only_what_it_may(path: Path) -> None:
    rooms = [name.removeprefix("tests.soak.") for name, _ in imports_of(path) if name.startswith("tests.soak.")]
    assert set(rooms) <= set(SOAK[path.stem].split())
    order = list(SOAK)
    assert all(order.index(room) < order.index(path.stem) for room in rooms)


@pytest.mark.parametrize("room", ["words", "plan", "model", "figures"])
def test_what_a_soak_does_and_expects_hangs_on_its_seed_alone(room: str) -> None:
    path = ROOT / "tests" / "soak" / f"{room}.py"
    imported = {name.split(".")[0] for name, _ in imports_of(path)}
    assert imported <= {"random", "collections", "dataclasses", "enum", "itertools", "typing", "bridge", "tests"}
    assert {name for name, _ in imports_of(path) if name.startswith("bridge")} <= {"bridge.arrows"}
    drawn = [
        node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
    ]
    assert set(drawn) <= {"Random"}, "chance is what the seed gives"


KNOWING_THE_BRIDGE = {"spied"}
"""The spies' room puts logins into the brokers' files, for which it needs the bridge's own words."""


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "hostile").glob("*.py")), ids=lambda path: path.stem)
def test_what_must_come_of_attacks_is_not_taken_from_the_bridge_itself(path: Path) -> None:
    known = {name for name, _ in imports_of(path) if name.split(".")[0] == "bridge"}
    assert bool(known) == (path.stem in KNOWING_THE_BRIDGE)


def test_who_runs_a_command_does_not_wait_for_the_database_to_be_loaded() -> None:
    slow = {"sqlalchemy", "alembic", "prometheus_client", "nicegui", "fastapi"}
    look = f"import sys, bridge.cli; print(*sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "\n", "import it in the command that needs it"
