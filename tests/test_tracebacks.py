"""Tracebacks in the log: they tell where, and not what variables hold, for passwords are among it."""

import subprocess
import sys

import pytest

FAULT = """
import structlog
from bridge.cli import configure_logging

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
