"""The files of both brokers: nothing that a template sets is lost, and nothing is open that need not be."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from bridge import brokers
from bridge.accounts import Login, grants
from bridge.accounts.dynsec import TEXTNAME
from bridge.wire import Topics

TEMPLATES = ["mosquitto.conf", "mosquitto-bootstrap.conf"]


def settings_in(text: str) -> list[tuple[str, str]]:
    lines = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, value) for word, _, value in lines]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_rendered_configuration_keeps_every_setting_but_those_that_were_given(name: str) -> None:
    text = brokers.template(name)
    rendered = brokers.rendered(text, {"listener": "7 ::1"}, ["user root"])
    expected = [("listener", "7 ::1") if word == "listener" else (word, value) for word, value in settings_in(text)]
    assert settings_in(rendered) == [*expected, ("user", "root")]
    assert [line for line in rendered.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]
    assert rendered.endswith("\n")


def test_a_setting_that_the_template_does_not_have_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="colour"):
        brokers.rendered("listener 1883\n", {"colour": "red"})


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_lets_anybody_in_without_a_login(name: str) -> None:
    settings = settings_in(brokers.template(name))
    assert ("allow_anonymous", "false") in settings
    assert ("set_tcp_nodelay", "true") in settings
    assert ("max_topic_alias", "0") in settings
    assert len([word for word, _ in settings if word == "listener"]) == 1


def test_the_bootstrap_broker_keeps_nothing_and_bounds_everything() -> None:
    settings = dict(settings_in(brokers.template("mosquitto-bootstrap.conf")))
    assert settings["listener"] == "1884"
    assert settings["persistence"] == "false"
    assert settings["allow_zero_length_clientid"] == "false"
    assert settings["max_packet_size"] == "20480"
    bounds = ("max_connections", "max_inflight_messages", "max_queued_messages", "max_queued_bytes", "memory_limit")
    assert all(int(settings[bound]) > 0 for bound in bounds)
    assert not {"max_qos", "retain_available", "max_keepalive"} & set(settings), "they disconnect devices that exist"


def test_the_operations_broker_takes_a_whole_bulk_file_and_lives_on() -> None:
    settings = dict(settings_in(brokers.template("mosquitto.conf")))
    assert settings["listener"] == "1883"
    assert settings["persistence"] == "true"
    assert settings["max_packet_size"] == "2000000"
    assert "plugin_opt_config_file" in settings
    assert not {"password_file", "acl_file", "per_listener_settings"} & set(settings)


def test_a_caller_sends_its_own_call_and_hears_its_own_answer() -> None:
    assert brokers.bootstrap_acl("").splitlines() == [
        "user bridge",
        "topic read bootstrap/+/request",
        "topic read bootstrap/+/request/+",
        "topic write bootstrap/+/request",
        "topic write bootstrap/+/request/+",
        "topic write bootstrap/+/response",
        "topic write bootstrap/+/response/+",
        "pattern write bootstrap/%c/request",
        "pattern read bootstrap/%c/response",
        "pattern write bootstrap/+/request/%c",
        "pattern read bootstrap/+/response/%c",
    ]


def test_below_a_prefix_every_line_of_the_acl_is_below_it() -> None:
    rules = [line.split()[2] for line in brokers.bootstrap_acl("site/one/").splitlines()[1:]]
    assert all(rule.startswith("site/one/bootstrap/") for rule in rules)


def test_a_password_file_has_a_hashed_line_for_each_user() -> None:
    first, second = brokers.password_lines({"devicebootstrap": "s3cret", "bridge": "other"}).splitlines()
    assert first.startswith("devicebootstrap:$7$")
    assert second.startswith("bridge:$7$")
    _, _, iterations, salt, digest = first.split("$")
    again = hashlib.pbkdf2_hmac("sha512", b"s3cret", base64.b64decode(salt), int(iterations))
    assert base64.b64decode(digest) == again


def test_the_dynamic_security_file_is_closed_by_default_and_has_no_password_in_clear() -> None:
    own = Login("bridge-info", "s3cret-1", "service", grants.for_bridge_info(Topics()), "client-1")
    root = Login("root", "s3cret-2", "mark", grants.for_administrator(Topics(), "management", "root", "owner"))
    text = brokers.dynamic_security([own], [root])
    content = json.loads(text)
    assert content["defaultACLAccess"] == {
        "publishClientSend": False,
        "publishClientReceive": False,
        "subscribe": False,
        "unsubscribe": True,
    }
    assert "s3cret" not in text
    clients = {client["username"]: client for client in content["clients"]}
    assert clients["bridge-info"]["clientid"] == "client-1"
    assert clients["bridge-info"]["textname"] != TEXTNAME, "the bridge must not compare or remove itself"
    assert clients["root"]["textname"] == TEXTNAME
    roles = {role["rolename"]: role["acls"] for role in content["roles"]}
    for login in (own, root):
        (role,) = clients[login.username]["roles"]
        assert roles[role["rolename"]] == [grant.members for grant in login.grants]


@pytest.mark.parametrize("folder", ["lib", "lib64", "lib/riscv64-linux-gnu"])
def test_the_plugin_that_came_with_the_program_is_preferred(folder: str, tmp_path: Path) -> None:
    program, plugin = tmp_path / "sbin" / "mosquitto", tmp_path / folder / brokers.PLUGIN
    for path in (program, plugin):
        path.parent.mkdir(parents=True)
        path.touch()
    by_link = tmp_path / "elsewhere" / "mosquitto"
    by_link.parent.mkdir()
    by_link.symlink_to(program)
    assert brokers.find_plugin(program) == plugin
    assert brokers.find_plugin(by_link) == plugin, "a link to the program is the program"


def test_a_program_without_a_plugin_beside_it_takes_what_the_system_has(tmp_path: Path) -> None:
    assert brokers.find_plugin(tmp_path / "sbin" / "mosquitto") == brokers.find_plugin()
