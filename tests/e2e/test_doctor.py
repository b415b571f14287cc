"""The doctor on real brokers: quiet on what is well, and it names what was broken on purpose."""

import json
from pathlib import Path
from typing import Any

from bridge.credentials import mosquitto_hash
from tests.e2e.beside import BesideSite
from tests.e2e.site import AnySite, ApartSite, UpSite, running

SECRETS = ("password", "seed")


def asked(site: AnySite, status: int) -> dict[str, Any]:
    done = site.cli("doctor", "--json")
    assert done.returncode == status, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["problems"] == len([one for one in found["findings"] if one["verdict"] == "problem"])
    assert all(one["do"] for one in found["findings"] if one["verdict"] != "ok")
    for secret in secrets_of(site):
        assert secret not in done.stdout
    return found


def secrets_of(site: AnySite) -> list[str]:
    """All passwords, seeds and keys of the installation."""
    found: list[str] = []

    def collect(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                collect(inner, "password" if name == "keys" else key)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)
        elif name in SECRETS:
            found.append(value)

    for path in ("bridge/keys.json", "bridge/installation.json", "access.json"):
        collect(json.loads((site.data / path).read_text(encoding="utf-8")))
    assert len(found) >= 8
    return found


def problems(found: dict[str, Any]) -> dict[str, str]:
    """What is wrong, by check."""
    words: dict[str, str] = {}
    for one in found["findings"]:
        if one["verdict"] == "problem":
            words[one["check"]] = words.get(one["check"], "") + one["found"]
    return words


def test_an_installation_that_is_well_has_no_problem(site: AnySite) -> None:
    found = asked(site, 0)
    assert problems(found) == {}
    checks = {one["check"] for one in found["findings"]}
    assert {
        *("installation", "operations broker", "bootstrap broker", "bridge", "anonymous login", "bootstrap login"),
        *("owners and modes", "access.json", "database", "keys", "plugin", "accounts", "bootstrap broker rights"),
        *("operations broker settings", "bootstrap broker settings", "encryption", "ports", "open files"),
        *("clock", "disk", "Mosquitto", "accounts file"),
    } <= checks
    assert asked(site, 0)["findings"][0]["verdict"] == "ok", "and looking has disturbed nothing"
    text = site.cli("doctor").stdout
    assert "✔ ok" in text
    assert "Problems: 0" in text


def test_several_things_broken_on_purpose_are_each_named(own_site: UpSite) -> None:
    own_site.start()
    own_site.stop()
    data = own_site.data
    acl = data / "bootstrap-broker" / "acl"
    acl.write_text(acl.read_text(encoding="utf-8") + "pattern readwrite #\n", encoding="utf-8")
    (data / "bridge" / "keys.json").chmod(0o644)
    for broker in ("operations-broker", "bootstrap-broker"):
        conf = data / broker / "mosquitto.conf"
        text = conf.read_text(encoding="utf-8").replace("allow_anonymous false", "allow_anonymous true")
        conf.write_text(text.replace("max_queued_messages 20000", ""), encoding="utf-8")
    accounts = data / "operations-broker" / "dynamic-security.json"
    content = json.loads(accounts.read_text(encoding="utf-8"))
    content["defaultACLAccess"]["publishClientSend"] = True
    shared = own_site.access["bootstrap"]
    content["clients"].append({"username": shared["username"], **mosquitto_hash(shared["password"]).members})
    accounts.write_text(json.dumps(content), encoding="utf-8")
    own_site.processes.update(brokers_of(own_site))
    found = asked(own_site, 1)
    wrong = problems(found)
    assert "lets in a client without a login" in wrong["anonymous login"]
    assert "a stranger" in wrong["bootstrap login"]
    assert "the operations broker lets the shared bootstrap login in" in wrong["bootstrap login"]
    assert "offline" in wrong["bridge"] or "never" in wrong["bridge"]
    assert "keys.json" in wrong["owners and modes"]
    assert "publishClientSend" in wrong["accounts"]
    assert "acl" in wrong["bootstrap broker rights"]
    assert "allow_anonymous" in wrong["operations broker settings"]
    assert "allow_anonymous" in wrong["bootstrap broker settings"]
    advice = [one["found"] for one in found["findings"] if one["verdict"] == "advice"]
    assert any("max_queued_messages" in one for one in advice)


def brokers_of(site: UpSite) -> dict[str, Any]:
    """Start both brokers of an installation by `up` alone, without the bridge."""
    apart = ApartSite(site.data)
    for name in ("operations", "bootstrap"):
        apart.start_broker(name)
    return apart.processes


def test_one_that_stands_still_is_looked_at_all_the_same(own_site: UpSite) -> None:
    own_site.start()
    own_site.stop()
    wrong = problems(asked(own_site, 1))
    assert set(wrong) == {"operations broker", "bootstrap broker"}
    assert "no broker answers" in wrong["operations broker"]


def test_without_an_installation_the_status_is_3(tmp_path: Path) -> None:
    done = UpSite(tmp_path / "nothing").cli("doctor")
    assert done.returncode == 3
    assert "bootstrap-bridge init" in done.stderr


def test_beside_anothers_broker_it_looks_at_that_one(tmp_path: Path) -> None:
    with running(BesideSite(tmp_path / "data")) as site:
        assert isinstance(site, BesideSite)
        found = asked(site, 0)
        assert "others' rights" in {one["check"] for one in found["findings"]}
        with (site.home / "acl").open("a", encoding="utf-8") as file:
            file.write("user new\ntopic readwrite #\n")
        assert "user new" in problems(asked(site, 1))["others' rights"]
