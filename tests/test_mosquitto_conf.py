"""A Mosquitto configuration read as Mosquitto reads it."""

from pathlib import Path

import pytest

from bridge.mosquitto_conf import Configuration, ConfigurationFault, read


def written(folder: Path, text: str) -> Configuration:
    path = folder / "mosquitto.conf"
    path.write_text(text, encoding="utf-8")
    return read(path)


def test_the_last_value_of_a_setting_counts_and_comments_do_not(tmp_path: Path) -> None:
    found = written(tmp_path, "# max_queued_messages 1\n  max_queued_messages 10\nmax_queued_messages   20\n\n")
    assert found.value("max_queued_messages") == "20"
    assert found.settings["max_queued_messages"].place == f"{tmp_path}/mosquitto.conf:3"
    assert found.number("max_queued_messages", 1) == 20
    assert found.number("max_inflight_messages", 20) == 20


def test_each_listener_has_its_own_settings_wherever_it_stands(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        "listener 1883 127.0.0.1\nmax_connections 10\nlistener 8883\ncertfile /c\nlistener 9001 0.0.0.0\n"
        "protocol websockets\nlistener 0 /run/mqtt.sock\nallow_anonymous true\n",
    )
    assert [one.at for one in found.listeners] == ["127.0.0.1:1883", "*:8883", "0.0.0.0:9001", "socket /run/mqtt.sock"]
    assert [one.is_plain_mqtt for one in found.listeners] == [True, False, False, False]
    assert [one.is_loopback for one in found.listeners] == [True, False, False, True]
    assert [one.is_encrypted for one in found.listeners] == [False, True, False, False]
    assert found.listeners[0].value("max_connections") == "10"
    assert found.allows_anonymous


@pytest.mark.parametrize(
    ("text", "at", "anonymous"),
    [
        ("", "127.0.0.1:1883", True),
        ("port 1885\n", "*:1885", False),
        ("port 1885\nbind_address 127.0.0.1\n", "127.0.0.1:1885", False),
        ("bind_address 127.0.0.1\n", "127.0.0.1:1883", False),
        ("max_connections 5\n", "*:1883", True),
        ("listener 1885\n", "*:1885", False),
    ],
)
def test_without_a_listener_line_mosquitto_has_one_all_the_same(
    tmp_path: Path, text: str, at: str, anonymous: bool
) -> None:
    found = written(tmp_path, text)
    assert ([one.at for one in found.listeners], found.allows_anonymous) == ([at], anonymous)


def test_a_folder_is_included_in_the_order_of_its_names(tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "b.conf").write_text("max_queued_messages 2\n", encoding="utf-8")
    (folder / "a.conf").write_text("max_queued_messages 1\nlistener 1885\n", encoding="utf-8")
    (folder / "c.conf.off").write_text("max_queued_messages 3\n", encoding="utf-8")
    found = written(tmp_path, f"listener 1883\ninclude_dir {folder}\nmax_connections 7\n")
    assert found.value("max_queued_messages") == "2"
    assert [path.name for path in found.files] == ["mosquitto.conf", "a.conf", "b.conf"]
    assert [(one.port, one.value("max_connections")) for one in found.listeners] == [(1883, "7"), (1885, "")]
    assert found.include_dirs == (folder,)


@pytest.mark.parametrize(
    ("for_all", "here", "anonymous"),
    [("false", "true", True), ("true", "false", True), ("false", "false", False), ("false", None, False)],
)
def test_since_2_1_a_listener_may_let_in_clients_without_a_login(
    tmp_path: Path, for_all: str, here: str | None, anonymous: bool
) -> None:
    lines = [f"allow_anonymous {for_all}", "listener 1883", "listener 1885"]
    lines += [f"listener_allow_anonymous {here}"] if here else []
    assert written(tmp_path, "\n".join(lines) + "\n").allows_anonymous is anonymous
    assert not written(
        tmp_path, "listener 1883\nallow_anonymous true\nlistener_allow_anonymous false\n"
    ).allows_anonymous


def test_plugins_have_their_options_and_connections_their_topics(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        "plugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /d.json\n"
        "connection up\naddress up.example\nremote_password secret\ntopic a/# out\nmax_queued_messages 5\n",
    )
    assert found.dynamic_security is not None
    assert found.dynamic_security.options == {"config_file": "/d.json"}
    assert [(one.name, [line.value for line in one.topics]) for one in found.connections] == [("up", ["a/# out"])]
    assert found.value("max_queued_messages") == "5"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [("listener often\n", "no port"), ("include_dir /not/there\n", "not there"), ("port 70000\n", "no port")],
)
def test_what_mosquitto_would_not_take_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationFault, match=words):
        written(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match=r"nowhere\.conf"):
        read(tmp_path / "nowhere.conf")
    (tmp_path / "latin.conf").write_bytes(b"# \xe9\n")
    with pytest.raises(ConfigurationFault, match="UTF-8"):
        read(tmp_path / "latin.conf")
    (tmp_path / "self.conf").write_text(f"include_dir {tmp_path}\n", encoding="utf-8")
    (tmp_path / "latin.conf").unlink()
    with pytest.raises(ConfigurationFault, match="includes itself"):
        read(tmp_path / "self.conf")
