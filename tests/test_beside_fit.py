"""Where the bridge can stand beside a broker; the refusals themselves are seen end to end, in test_beside."""

from pathlib import Path

import pytest

from bridge.beside_fit import (
    BesideFault,
    chosen_administrators,
    chosen_listener,
    refuse_unwritable,
    refuse_what_cannot_be_kept,
)
from bridge.mosquitto_acl import families
from bridge.mosquitto_conf import Configuration, read


def written(tmp_path: Path, text: str) -> Configuration:
    path = tmp_path / "mosquitto.conf"
    path.write_text(text, encoding="utf-8")
    return read(path)


def test_of_several_listeners_the_only_one_without_tls_is_taken(tmp_path: Path) -> None:
    text = "listener 8883\ncertfile /c\nlistener 9001\nprotocol websockets\nlistener 1885\n"
    assert chosen_listener(written(tmp_path, text), None).port == 1885


def test_where_tls_is_wanted_the_only_listener_with_a_certificate_is_taken(tmp_path: Path) -> None:
    text = "listener 8883\ncertfile /c\nlistener 8884\npsk_hint x\nlistener 1885\n"
    assert chosen_listener(written(tmp_path, text), None, encrypted=True).port == 8883
    with pytest.raises(BesideFault, match=r"with TLS on port 1885.*--tls-ca"):
        chosen_listener(written(tmp_path, text), 1885, encrypted=True)


@pytest.mark.parametrize(("port", "words"), [(8883, "TLS"), (7, "port 7"), (9001, "websockets")])
def test_a_listener_that_the_bridge_cannot_use_is_refused_with_what_there_is(
    tmp_path: Path, port: int, words: str
) -> None:
    text = "listener 8883\ncertfile /c\nlistener 9001\nprotocol websockets\nlistener 1885\n"
    with pytest.raises(BesideFault, match=words):
        chosen_listener(written(tmp_path, text), port)


def test_administrators_take_names_that_nobody_has() -> None:
    assert chosen_administrators(set(), None, None) == (("management", "root"), ("default", "admin"))
    assert chosen_administrators({"admin"}, None, None) == (("management", "bridge-root"), ("default", "bridge-admin"))
    taken = {"admin", "bridge-root"}
    assert chosen_administrators(taken, None, None) == (("management", "bridge2-root"), ("default", "bridge2-admin"))
    assert chosen_administrators(set(), "my.", None) == (("management", "my.root"), ("default", "my.admin"))


def test_administrators_that_exist_are_kept_unless_they_shadow_somebody() -> None:
    kept = [("management", "root"), ("default", "admin")]
    assert chosen_administrators({"old"}, None, kept) == tuple(kept)
    with pytest.raises(BesideFault, match="admin"):
        chosen_administrators({"admin"}, None, kept)


@pytest.mark.parametrize(
    ("topic", "refused"),
    [
        ("# in 0", True),
        ("# both 0", True),
        ("# out 0", False),
        ("devices/#", False),
        ("# in 0 far/", False),
        ("plant/# in", False),
        ("+/x in 1 control/", True),
    ],
)
def test_a_connection_that_brings_in_our_topics_is_refused(tmp_path: Path, topic: str, refused: bool) -> None:
    configuration = written(tmp_path, f"listener 1883\nconnection far\naddress far.example\ntopic {topic}\n")
    listener = chosen_listener(configuration, None)
    if refused:
        with pytest.raises(BesideFault, match="connection far"):
            refuse_what_cannot_be_kept(configuration, listener, families(""))
    else:
        refuse_what_cannot_be_kept(configuration, listener, families(""))


@pytest.mark.parametrize(("versions", "refused"), [("3, 4", True), ("3,4,5", False), ("5", False), ("4 ,5", False)])
def test_a_listener_that_does_not_take_mqtt_5_is_refused(tmp_path: Path, versions: str, refused: bool) -> None:
    configuration = written(tmp_path, f"listener 1883\naccept_protocol_versions {versions}\n")
    listener = chosen_listener(configuration, None)
    if refused:
        with pytest.raises(BesideFault, match="speaks 5"):
            refuse_what_cannot_be_kept(configuration, listener, families(""))
    else:
        refuse_what_cannot_be_kept(configuration, listener, families(""))


def test_a_file_of_somebody_elses_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "acl"
    path.write_text("", encoding="utf-8")
    refuse_unwritable(path)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(BesideFault, match="as root"):
        refuse_unwritable(path)
