"""The containers' files: what Compose says of them, and each service's command run as a process."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import lines
from tests.e2e.site import BIN, Broker, Process, free_ports, run, wait_until

ROOT = Path(__file__).parent.parent.parent
COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    content = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    found: dict[str, Any] = content["services"]
    return found


@pytest.mark.parametrize("profile", [(), ("--profile", "demo")], ids=["plain", "demo"])
def test_compose_accepts_the_file(profile: tuple[str, ...]) -> None:
    program = shutil.which("docker-compose")
    assert program is not None, "docker-compose is not installed (Debian: apt-get install docker-compose)"
    done = run(program, "-f", str(COMPOSE), *profile, "config", "-q")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_images_are_pinned_and_no_secret_stands_in_the_files(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert bases
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases), bases
    assert all(re.search(r":\d+\.\d+\.\d+$", service["image"]) for service in services.values())
    for text in (dockerfile, COMPOSE.read_text(encoding="utf-8")):
        assert not re.search(r"(?i)(password|secret|token)\s*[:=]", text)


def test_no_service_sees_the_keys_but_the_one_that_makes_them_and_the_bridge(services: dict[str, Any]) -> None:
    seeing = {name for name, one in services.items() for volume in one["volumes"] if volume.startswith("bridge:")}
    assert seeing == {"init", "bridge"}
    knowing = {name for name, one in services.items() for volume in one["volumes"] if volume.startswith("access:")}
    assert knowing == {"init", "bridge", "register"}
    for name in ("operations", "bootstrap"):
        assert services[name]["volumes"] == [f"{name}:/data/{name}-broker"]


class Machine:
    """The services as processes: the folders of the volumes, the ports and the host name of this machine."""

    def __init__(self, folder: Path, services: dict[str, Any]) -> None:
        self.folder = folder
        self.services = services
        self.ports = dict(zip(("1883", "1884", "1885"), map(str, free_ports(3)), strict=True))
        self.running: dict[str, Process] = {}
        for name in ("public", "state"):
            (folder / name).mkdir()
        self.environment: dict[str, Any] = {
            "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin",
            "BOOTSTRAP_BRIDGE_DATA": str(folder / "data"),
            "BOOTSTRAP_BRIDGE_METRICS_PORT": self.ports["1885"],
        }

    def _here(self, word: str) -> str:
        word = re.sub(r"^/usr/sbin/mosquitto$", str(lines.broker()), word)
        word = re.sub(r"(?<![\w/])/(data|public|state)\b", rf"{self.folder}/\1", word)
        word = re.sub(r"(?<=--host )operations", "127.0.0.1", word).replace("0.0.0.0", "127.0.0.1")
        return re.sub(r"\b188[345]\b", lambda match: self.ports[match.group()], word)

    def words(self, name: str) -> list[str]:
        return [self._here(word) for word in self.services[name]["command"]]

    def finish(self, name: str) -> None:
        done = run(*self.words(name), **self.environment)
        assert done.returncode == 0, done.stderr

    def start(self, name: str) -> Process:
        kind = Broker if self.words(name)[0] == str(lines.broker()) else Process
        process = kind.start(self.words(name), self.folder / f"{name}.log", **self.environment)
        self.running[name] = process
        if "healthcheck" in self.services[name]:
            wait_until(lambda: self.is_healthy(name), f"{name} is healthy: {process.output}")
        return process

    def is_healthy(self, name: str) -> bool:
        kind, *test = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [sys.executable if word == "python" else self._here(word) for word in test]
        return run(*words, **self.environment).returncode == 0

    def stop(self) -> None:
        for process in reversed(list(self.running.values())):
            process.stop()


@pytest.fixture
def machine(tmp_path: Path, services: dict[str, Any]) -> Iterator[Machine]:
    made = Machine(tmp_path, services)
    try:
        yield made
    finally:
        made.stop()


def test_each_services_command_runs_and_together_they_do_the_main_job(machine: Machine) -> None:
    do_the_main_job(machine)


def test_the_same_by_tls_when_that_was_said_and_nobody_has_to_be_told_further(machine: Machine) -> None:
    machine.environment["BOOTSTRAP_BRIDGE_LISTENERS"] = "--tls --tls-name broker.example.com"
    do_the_main_job(machine)
    bootstrap = json.loads((machine.folder / "public" / "bootstrap.json").read_text(encoding="utf-8"))
    assert bootstrap["tls"] == {"caFile": "ca.pem"}


def do_the_main_job(machine: Machine) -> None:
    machine.finish("init")
    for name in ("operations", "bootstrap", "bridge"):
        machine.start(name)
    machine.finish("register")
    machine.finish("register")
    machine.start("simulator")

    def counts() -> dict[str, int]:
        done = run(str(BIN / "bootstrap-bridge"), "list", "--json", **machine.environment)
        found: dict[str, int] = json.loads(done.stdout)["result"]["counts"]
        return found

    wait_until(lambda: counts()["PENDING_ACCEPTANCE"] == 20, "all devices have called")
    assert run(str(BIN / "bootstrap-bridge"), "accept-all", **machine.environment).returncode == 0

    def confirmed() -> int:
        done = run(str(BIN / "bootstrap-bridge"), "list", "--json", **machine.environment)
        return sum("confirmedTime" in one for one in json.loads(done.stdout)["result"]["registrations"])

    wait_until(lambda: confirmed() == 20, "all devices have logged in")
