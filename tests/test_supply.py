"""What is shipped: the lock files, licences and known vulnerabilities."""

import json
import sys
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, cast

import pytest
from supply import audit, licences, lock
from supply.__main__ import BUILD, RUNTIME, faults

DIGEST = "--hash=sha256:" + "a" * 64
ALLOWED = {"MIT", "BSD-3-Clause", "Apache-2.0"}


class Package:
    """A package that is installed, as far as anybody here looks at it."""

    def __init__(self, version: str, requires: list[str], stated: dict[str, str]) -> None:
        self.version = version
        self.requires = requires
        self.metadata = Message()
        for name, text in stated.items():
            for one in text.split(";"):
                self.metadata[name.replace("_", "-")] = one


def package(version: str = "1.0", *requires: str, **stated: str) -> Distribution:
    return cast("Distribution", Package(version, list(requires), stated))


def pins(*lines: str) -> dict[str, lock.Pin]:
    return lock.read("".join(f"{line} \\\n    {DIGEST}\n" for line in lines))


def test_the_lock_files_and_licences_are_as_they_should_be() -> None:
    assert faults() == []


@pytest.mark.parametrize("path", [RUNTIME, BUILD], ids=lambda path: path.name)
def test_a_lock_names_versions_and_digests_and_nothing_of_the_machine_it_was_made_on(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(lock.read(text)) > 4
    assert not [word for word in ("://", "index-url", "find-links", "file:", "/home", "/tmp") if word in text]


def test_the_lock_is_good_for_the_machines_that_the_readme_names() -> None:
    found = lock.read(RUNTIME.read_text(encoding="utf-8"))
    # A release that has compiled parts has many files; with one digest it would fit one kind of machine.
    assert all(len(found[name].hashes) > 20 for name in ("pydantic-core", "cryptography", "greenlet"))


@pytest.mark.parametrize(
    "text",
    [
        "--index-url https://example.org/simple\n",
        "--extra-index-url file:///opt/more\n",
        f"one @ https://example.org/one.whl {DIGEST}\n",
        f"one>=1 {DIGEST}\n",
        f"one==1.* , !=1.1 {DIGEST}\n",
        "one==1.0\n",
        "-e .\n",
        f"one==1.0 {DIGEST}\nOne==1.1 {DIGEST}\n",
    ],
)
def test_a_lock_with_anything_but_versions_and_digests_is_none(text: str) -> None:
    with pytest.raises(lock.BadLock):
        lock.read(text)


def test_what_a_lock_lacks_or_has_otherwise_or_too_much_is_told() -> None:
    locked = pins("one==1.0", "two==2.0", "old==1.0", "elsewhere==1.0 ; sys_platform == 'nowhere'")
    installed = {"one": package("1.0", "two<2", "three"), "two": package("2.1")}
    assert list(lock.faults(locked, ["one>=1.5", "four ; sys_platform == 'nowhere'"], installed)) == [
        "one 1.0 is locked where one>=1.5 is asked for: make lock",
        "two 2.0 is locked where two<2 is asked for: make lock",
        "three is needed and not locked: make lock",
        "two 2.1 is installed where 2.0 is locked: make setup",
        "old is locked and nobody needs it: make lock",
    ]


def test_a_lock_that_fits_has_no_fault() -> None:
    locked = pins("one==1.0", "two==2.0")
    installed = {"one": package("1.0", "Two>=2", "three ; extra == 'more'"), "two": package("2.0")}
    assert list(lock.faults(locked, ["one"], installed)) == []


def test_what_is_needed_includes_the_extras_that_are_asked_for_and_no_others() -> None:
    found = lock.graph("bootstrap-bridge")
    assert "greenlet" in found["sqlalchemy"], "asked for as sqlalchemy[asyncio]"
    assert not {"pytest", "mypy", "ruff", "asyncpg"} & set(found)
    assert set(lock.closure("bootstrap-bridge")) == set(found) - {"bootstrap-bridge"}


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({"License_Expression": "MIT OR Apache-2.0", "License": "whatever"}, "MIT OR Apache-2.0"),
        ({"License": "BSD-3-Clause"}, "BSD-3-Clause"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({"License": "see the file", "Classifier": "License :: OSI Approved :: ISC License (ISCL)"}, "ISC"),
        (
            {"Classifier": "License :: OSI Approved :: MIT License;License :: OSI Approved :: Apache Software License"},
            "Apache-2.0 AND MIT",
        ),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, None),
        ({"Classifier": "License :: OSI Approved :: MIT License;License :: Other/Proprietary License"}, None),
        ({"License": "Beerware-ish"}, None),
        ({}, None),
    ],
)
def test_a_licence_is_what_a_package_says_exactly(stated: dict[str, str], found: str | None) -> None:
    assert licences.stated(package(**stated)) == found


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("EPL-2.0 OR BSD-3-Clause", True),
        ("MIT AND Apache-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND (GPL-2.0-only OR Apache-2.0)", True),
        ("(MIT OR GPL-3.0-only) AND GPL-2.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("LicenseRef-Ours", False),
    ],
)
def test_one_side_of_or_and_both_of_and_must_be_allowed(expression: str, may: bool) -> None:
    assert licences.allows(ALLOWED, expression) is may


def test_a_licence_that_is_unknown_or_not_allowed_is_told_and_so_is_an_exception_that_is_left_over() -> None:
    installed = {
        "good": package(License_Expression="MIT"),
        "silent": package(),
        "strict": package(License_Expression="GPL-3.0-only"),
        "read": package(License="BSD"),
        "unsaid": package(),
        "mended": package(License_Expression="MIT"),
    }
    table = {
        "read": {"licence": "BSD-3-Clause", "why": "its file"},
        "unsaid": {"licence": "MIT"},
        "mended": {"licence": "MIT", "why": "once it said nothing"},
        "gone": {"licence": "MIT", "why": "left"},
    }
    found = list(licences.faults(installed, {"allowed": sorted(ALLOWED), "stated": table}))
    assert [one.split()[0].rstrip(":") for one in found] == ["mended", "silent", "strict", "unsaid", "gone"]
    assert "states no licence that is exact" in found[1]
    assert "GPL-3.0-only" in found[2]


def answer(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


WELL: dict[str, Any] = {"name": "one", "version": "1.0", "vulns": []}
SKIPPED: dict[str, Any] = {"name": "two", "skip_reason": "Dependency not found on PyPI"}
ILL: dict[str, Any] = {
    "name": "three",
    "version": "3.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1"], "aliases": ["CVE-1"], "description": ""}],
}


def test_what_has_no_known_vulnerability_is_well_only_if_all_of_it_was_asked_for() -> None:
    report = audit.read(answer(WELL), {})
    assert (report.status(strict=True), report.status(strict=False)) == (0, 0)
    assert report.lines() == ["1 dependencies: the advisory database knows no vulnerability of these versions"]


def test_what_could_not_be_asked_is_said_and_is_no_success() -> None:
    report = audit.read(answer(WELL, SKIPPED), {})
    assert (report.status(strict=True), report.status(strict=False)) == (audit.NOT_CHECKED, 0)
    (line,) = report.lines()
    assert line.startswith("NOT CHECKED for known vulnerabilities: 1 of 2 dependencies")
    assert "no vulnerability" not in line


def test_a_vulnerability_counts_whether_or_not_the_rest_could_be_asked() -> None:
    report = audit.read(answer(WELL, SKIPPED, ILL), {})
    assert (report.status(strict=True), report.status(strict=False)) == (audit.FOUND, audit.FOUND)
    assert report.lines()[-1] == "VULNERABLE: three 3.0 PYSEC-1, mended in 3.1"


def test_an_accepted_vulnerability_is_shown_with_its_reason_and_fails_nothing() -> None:
    report = audit.read(answer(ILL), {"CVE-1": "we never parse that"})
    assert report.status(strict=True) == 0
    assert report.lines()[0] == "accepted: three 3.0 PYSEC-1: we never parse that"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit('Connection refused')", "Connection refused"),
        ("import sys; sys.exit(1)", "ended with status 1"),
        ("print('{')", "ended with status 0"),
        ("import time; time.sleep(60)", "took longer"),
    ],
)
def test_a_database_that_cannot_be_asked_or_says_nothing_of_use_is_not_taken_for_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    imposter = tmp_path / "pip-audit"
    imposter.write_text(f"#!{sys.executable}\n{program}\n", encoding="utf-8")
    imposter.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(imposter))
    monkeypatch.setattr(audit, "_SECONDS", 1)
    report = audit.audit(RUNTIME, {})
    assert (report.checked, report.status(strict=True)) == (0, audit.NOT_CHECKED)
    assert reason in report.lines()[0]
