"""What is wished of TLS, and that nobody listens in clear where others can listen unless it was said in plain words."""

from pathlib import Path
from typing import Any

import pytest

from bridge.certificates import BadCertificate
from bridge.encryption import hosts, is_loopback, refuse_clear, wishes, wishes_beside
from bridge.facts import Facts, Tls
from bridge.installation import InstallationFault, make
from bridge.settings import BadSettings, Settings, settings_from

GIVEN = {"tls_certificate": Path("/c.pem"), "tls_key": Path("/c.key"), "tls_ca": Path("/ca.pem")}
TAKEN = Tls(on=True, certificate="/c.pem", key="/c.key", authority="/ca.pem")


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return make(tmp_path / "data").facts


def with_(facts: Facts, **changed: Any) -> Facts:
    return facts.model_copy(update=changed)


def wished(kept: Facts | None, **options: object) -> Tls | None:
    found: Tls | None = wishes(settings_from(**options), kept)["tls"]
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_listeners_in_clear_on_loopback_need_no_word(facts: Facts, host: str) -> None:
    assert is_loopback(host)
    refuse_clear(with_(facts, host=host, bootstrap_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1", "broker.example.com", "localhost.x"])
def test_listeners_in_clear_elsewhere_are_refused_with_both_ways_out(facts: Facts, host: str) -> None:
    for changed in ({"host": host}, {"bootstrap_host": host}, {"listen": host}):
        with pytest.raises(InstallationFault, match=r"without TLS.*--tls.*--plain-on-the-network"):
            refuse_clear(with_(facts, **changed))
        refuse_clear(with_(facts, **changed, plain_on_the_network=True))
        refuse_clear(with_(facts, **changed, tls=Tls(on=True)))


def test_a_name_of_the_network_is_no_matter_where_the_brokers_listen_on_loopback(facts: Facts) -> None:
    refuse_clear(with_(facts, host="broker.example.com", bootstrap_host="broker.example.com", listen="127.0.0.1"))


def test_of_an_operations_broker_of_others_only_the_gate_is_ours_to_refuse(facts: Facts) -> None:
    refuse_clear(with_(facts, host="192.0.2.7"), ["bootstrap"])
    with pytest.raises(InstallationFault, match="the bootstrap broker would listen at 192"):
        refuse_clear(with_(facts, bootstrap_host="192.0.2.7"), ["bootstrap"])


def test_without_a_word_all_stays_as_it_was(facts: Facts) -> None:
    assert wished(None) is None
    assert wished(facts) is None
    assert wished(with_(facts, tls=Tls(on=True, names=["a.example"]))) is None
    assert wished(with_(facts, tls=TAKEN)) is None


def test_tls_is_turned_on_and_off_and_keeps_its_names(facts: Facts) -> None:
    assert wished(None, tls=True) == Tls(on=True)
    on = Tls(on=True, names=["a.example"])
    assert wished(facts, tls=True, tls_name="A.example, 192.0.2.7") == Tls(on=True, names=["a.example", "192.0.2.7"])
    assert wished(with_(facts, tls=on), tls=True) is None
    assert wished(with_(facts, tls=on), tls_name="b.example") == Tls(on=True, names=["b.example"])
    assert wished(with_(facts, tls=on), tls=False) == Tls()
    assert wished(facts, tls=False) is None


def test_given_certificates_turn_tls_on_and_a_plain_tls_comes_back_to_its_own(facts: Facts) -> None:
    assert wished(facts, **GIVEN) == TAKEN
    assert wished(with_(facts, tls=TAKEN), tls=True) == Tls(on=True)


@pytest.mark.parametrize("left_out", list(GIVEN))
def test_given_certificates_are_given_whole(left_out: str) -> None:
    options = {name: path for name, path in GIVEN.items() if name != left_out}
    with pytest.raises(BadSettings, match=f"--{left_out.replace('_', '-')} is missing"):
        wishes(settings_from(**options), None)


def test_beside_a_broker_of_others_its_authority_is_trusted_besides_our_own(facts: Facts) -> None:
    def beside(kept: Facts | None, **options: object) -> Tls | None:
        found: Tls | None = wishes_beside(settings_from(**options), kept)["tls"]
        return found

    trusting = Tls(on=True, beside="/theirs.pem")
    assert beside(None) is None
    assert beside(facts, tls_ca=Path("/theirs.pem")) == trusting
    assert beside(with_(facts, tls=trusting)) is None
    assert beside(with_(facts, tls=trusting), tls_ca=Path("/theirs.pem"), tls=True) is None
    assert beside(with_(facts, tls=trusting), tls=False) == Tls()
    assert beside(facts, **GIVEN) == TAKEN
    with pytest.raises(BadSettings, match="--tls-ca has to name"):
        beside(facts, tls=True)


def test_names_without_tls_and_what_is_no_name_are_refused(facts: Facts) -> None:
    with pytest.raises(BadSettings, match="goes with --tls"):
        wishes(settings_from(tls_name="a.example"), facts)
    with pytest.raises(BadSettings, match="neither a host name nor an address"):
        wishes(settings_from(tls=True, tls_name="a b"), facts)


def test_the_plain_word_is_kept_in_the_folder_and_can_come_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOTSTRAP_BRIDGE_PLAIN_ON_THE_NETWORK", "true")
    monkeypatch.setenv("BOOTSTRAP_BRIDGE_TLS_NAME", "")
    asked = wishes(Settings(), None)
    assert asked == {"tls": None, "plain_on_the_network": True}
    data = tmp_path / "data"
    make(data, host="192.0.2.7", permit=refuse_clear, **asked)
    assert make(data, permit=refuse_clear).facts.plain_on_the_network


def test_nothing_is_kept_of_what_was_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(InstallationFault, match="without TLS"):
        make(data, host="192.0.2.7", permit=refuse_clear)
    assert make(data, permit=refuse_clear).facts.host == "127.0.0.1"
    with pytest.raises(InstallationFault, match="without TLS"):
        make(data, listen="0.0.0.0", permit=refuse_clear)
    assert make(data, permit=refuse_clear).facts.listen is None


def test_a_folder_made_before_there_was_tls_goes_on_without(tmp_path: Path) -> None:
    made = make(tmp_path / "data")
    text = made.facts.model_dump_json(exclude={"tls", "plain_on_the_network"})
    made.folder.facts.write_text(text)
    assert make(tmp_path / "data").facts == made.facts
    assert (made.facts.tls.on, made.authority) == (False, None)


def test_certificates_hold_where_the_brokers_are_reached_and_this_machines_names(facts: Facts) -> None:
    reached = with_(facts, host="Ops.example", bootstrap_host="gate.example", listen="0.0.0.0")
    found = hosts(with_(reached, tls=Tls(on=True, names=["192.0.2.7"])))
    assert found == ("ops.example", "gate.example", "192.0.2.7", "localhost", "127.0.0.1", "::1")
    with pytest.raises(BadCertificate):
        hosts(with_(facts, host="a b"))
