"""Tracebacks in the log: they tell where, and not what variables hold, for passwords are among it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries import Canaries

FAULT = """
import structlog
from bridge.logs import configure_logging

configure_logging("info", "{form}")


def credentials_for(digits):
    password = "never-" + str(digits)
    raise ValueError("a fault of the bridge")


try:
    credentials_for(4711)
except ValueError:
    structlog.get_logger("intake").exception("not answered", device="pump-7")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_in_the_log_tells_where_and_no_secret(form: str) -> None:
    ended = subprocess.run([sys.executable, "-c", FAULT.format(form=form)], capture_output=True, text=True, check=True)
    assert "credentials_for" in ended.stderr
    assert "a fault of the bridge" in ended.stderr
    assert "never-4711" not in ended.stderr


@pytest.mark.parametrize("form", [pytest.param("text", marks=pytest.mark.long), "json"])
def test_whatever_fails_while_secrets_are_under_way_no_word_of_it_holds_one(form: str, tmp_path: Path) -> None:
    # Every function once, then the database: see tests/faults_in_flight.py.
    words = [sys.executable, "-m", "tests.faults_in_flight", form, str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    result, canaries = json.loads(ended.stdout), Canaries()
    canaries.known = result["canaries"]
    assert result["failed"] > 400, "functions that failed"
    assert len(canaries.known) > 100
    assert ended.stderr.count("Injected: in ") > 400, "it is told where"
    assert "[SQL parameters hidden due to hide_parameters=True]" in ended.stderr
    assert canaries.found_in(ended.stderr) == set()
