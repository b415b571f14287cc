"""Units and alert rules, looked at by the programs that use them."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.site import BIN, Process, free_ports, run, wait_until

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
UNITS = ("bootstrap-bridge", "bootstrap-bridge-gate", "bootstrap-bridge-console")
WORST = 1.5
"""Exposure, of 10, that a unit may have at the most."""


def analyze(*words: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("systemd-analyze")
    assert program is not None, "systemd-analyze is not installed (Debian: apt-get install systemd)"
    return run(program, *words)


def promtool() -> str:
    found = ROOT / "build" / "prometheus" / "promtool"
    assert found.exists(), "make promtool gets it"
    return str(found)


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    units = sorted((DOCS / "systemd").iterdir())
    assert {f"{name}.service" for name in UNITS} < {unit.name for unit in units}
    for unit in units:
        text = unit.read_text(encoding="utf-8")
        text = text.replace("/opt/bootstrap-bridge/bin/bootstrap-bridge", str(BIN / "bootstrap-bridge"))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    done = analyze("verify", *(str(tmp_path / unit.name) for unit in units))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_hardened_as_far_as_the_documentation_says(name: str) -> None:
    path = DOCS / "systemd" / f"{name}.service"
    done = analyze("security", "--offline=yes", f"--threshold={WORST * 10:.0f}", "--no-pager", str(path))
    assert done.returncode == 0, done.stdout
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert found is not None
    page = (DOCS / "operating.md").read_text(encoding="utf-8")
    sentence = r"the bridge's unit an exposure of (\S+), the bootstrap broker's of (\S+) and the console's of (\S+) "
    told = re.search(sentence, page)
    assert told is not None
    assert found[1] == told[UNITS.index(name) + 1]


def test_prometheus_understands_the_alert_rules_and_they_fire_when_they_should() -> None:
    rules = DOCS / "prometheus" / "alerts.yml"
    done = run(promtool(), "check", "rules", str(rules))
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(promtool(), "test", "rules", str(DOCS / "prometheus" / "alerts.test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_fires_too_late_would_be_found(tmp_path: Path) -> None:
    text = (DOCS / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    (tmp_path / "alerts.yml").write_text(text.replace("for: 2m", "for: 20m"), encoding="utf-8")
    shutil.copy(DOCS / "prometheus" / "alerts.test.yml", tmp_path)
    done = run(promtool(), "test", "rules", str(tmp_path / "alerts.test.yml"))
    assert done.returncode != 0
    assert "BootstrapBridgeDown" in done.stdout + done.stderr


def test_prometheus_finds_nothing_wrong_with_the_page_of_figures() -> None:
    words = [
        str(BIN / "python"),
        "-c",
        "from bridge.metrics import Metrics; print(Metrics('1').page().decode(), end='')",
    ]
    page = run(*words)
    assert page.returncode == 0, page.stderr
    done = run(promtool(), "check", "metrics", stdin=page.stdout)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_bridge_runs_where_no_memory_is_written_and_run() -> None:
    """What MemoryDenyWriteExecute forbids, the kernel forbids here too (PR_SET_MDWE, Linux 6.3)."""
    program = (
        "import ctypes, json, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "refused = libc.prctl(65, 1, 0, 0, 0)\n"
        "import asyncio, tempfile, pathlib\n"
        "from bridge import service, installation\n"
        "from bridge.store import Store\n"
        "from bridge.credentials import seal\n"
        "async def use():\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        made = installation.make(pathlib.Path(folder))\n"
        "        store = await Store.open(made.database_url)\n"
        "        async with store.write() as transaction:\n"
        "            await transaction.ensure_tenants(0)\n"
        "        await store.close()\n"
        "asyncio.run(use())\n"
        "print(json.dumps(refused))\n"
    )
    done = run(str(BIN / "python"), "-c", program)
    assert done.returncode == 0, done.stderr
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    assert json.loads(done.stdout) == (0 if release >= (6, 3) else -1)


def test_the_console_serves_where_no_memory_is_written_and_run(tmp_path: Path) -> None:
    """The same for its unit, with all that it loads."""
    (port,) = free_ports(1)
    options = ["console", "--host", "127.0.0.1", "--port", "1", "--console-port", str(port)]
    program = (
        "import ctypes, sys\n"
        "ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0)\n"
        f"sys.argv[1:] = {options}\n"
        "from bridge.cli import main\n"
        "main()\n"
    )
    process = Process.start([str(BIN / "python"), "-c", program], tmp_path / "console.log")
    try:
        wait_until(lambda: "ready" in process.output or process.process.poll() is not None, "the console serves", 120)
        assert process.process.poll() is None, process.output
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=30) as page:
            assert b"password" in page.read()
    finally:
        process.stop()
