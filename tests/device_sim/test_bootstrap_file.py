"""Reading bootstrap.json."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from device_sim.bootstrap_file import BootstrapFileError, read_bootstrap_file
from tests.device_sim.certificates import make_certificates

WHOLE: dict[str, Any] = {
    "host": "broker.example",
    "port": 1883,
    "bootstrapPort": 1884,
    "topicPrefix": "",
    "tls": None,
    "bootstrap": {"username": "devicebootstrap", "password": "everybody knows"},
}


def written(directory: Path, content: object) -> Path:
    """Write a JSON value, or bytes, and return the file."""
    path = directory / "bootstrap.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_a_whole_file_is_read_and_what_else_it_holds_is_ignored(tmp_path: Path) -> None:
    brokers = read_bootstrap_file(written(tmp_path, WHOLE | {"administrators": []}))
    assert (brokers.host, brokers.operations_port, brokers.bootstrap_port) == ("broker.example", 1883, 1884)
    assert (brokers.username, brokers.password, brokers.prefix) == ("devicebootstrap", "everybody knows", "")
    assert brokers.tls is None
    assert "everybody knows" not in repr(brokers)


@pytest.mark.parametrize(
    ("text", "prefix"), [("", ""), (None, ""), ("plant", "plant/"), ("plant/7/", "plant/7/"), ("/plant", "/plant/")]
)
def test_a_topic_prefix_ends_with_one_slash(tmp_path: Path, text: str | None, prefix: str) -> None:
    assert read_bootstrap_file(written(tmp_path, WHOLE | {"topicPrefix": text})).prefix == prefix


def test_a_relative_ca_file_is_looked_for_beside_it(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    brokers = read_bootstrap_file(written(tmp_path, WHOLE | {"tls": {"caFile": "ca.pem"}}))
    assert brokers.tls
    assert brokers.tls.verify_mode is ssl.CERT_REQUIRED
    assert brokers.tls.check_hostname


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "Invalid JSON"),
        (b"[]", "object"),
        ({}, "host: Field required; port: Field required"),
        (WHOLE | {"port": "1883"}, "port: Input should be a valid integer"),
        (WHOLE | {"bootstrapPort": 0}, "bootstrapPort"),
        (WHOLE | {"bootstrapPort": True}, "bootstrapPort"),
        (WHOLE | {"host": ""}, "host"),
        (WHOLE | {"host": "a..b"}, "no host name"),
        (WHOLE | {"topicPrefix": "a/#"}, "wildcard"),
        (WHOLE | {"bootstrap": {"username": "u", "password": 12345}}, "bootstrap.password"),
        (WHOLE | {"tls": {"caFile": "missing.pem"}}, "missing.pem cannot be used: No such file"),
        (WHOLE | {"tls": {"caFile": "bootstrap.json"}}, "bootstrap.json cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(BootstrapFileError, match=reason) as caught:
        read_bootstrap_file(written(tmp_path, content))
    assert "12345" not in str(caught.value)


def test_a_missing_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BootstrapFileError, match="'bootstrap-bridge up' writes it"):
        read_bootstrap_file(tmp_path / "bootstrap.json")
    with pytest.raises(BootstrapFileError, match="cannot be read"):
        read_bootstrap_file(tmp_path)
