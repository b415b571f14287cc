"""What decisions follow beside the record: options, tenants, passwords, what applications may."""

import json

import pytest

from bridge.credentials import BadSecret, KeyRing
from bridge.records import ADMINISTRATOR, APPLICATION, DEVICE, Account
from bridge.registration import TokenPolicy
from bridge.rulebook import Rulebook
from tests.world import KEYS

SEED = bytes(range(16))
TENANTS = frozenset({"management", "default"})
APP = Account(
    "app", APPLICATION, "default", "app", SEED, "k1", details=json.dumps({"read": ["plant/+/#"], "write": []})
)


@pytest.fixture
def rulebook() -> Rulebook:
    return Rulebook(KEYS, {}, TENANTS)


def test_a_change_holds_from_the_next_decision_on(rulebook: Rulebook) -> None:
    assert rulebook.policy("default").tokens is TokenPolicy.OPTIONAL
    rulebook.follow({("default", "security-token.policy"): "REQUIRED"}, TENANTS, {("default", "ada"): "owner"})
    assert rulebook.policy("default").tokens is TokenPolicy.REQUIRED
    assert rulebook.policy("north").tokens is TokenPolicy.OPTIONAL
    assert rulebook.roles == {("default", "ada"): "owner"}


def test_a_tenant_is_alone_beside_management_only(rulebook: Rulebook) -> None:
    assert rulebook.is_alone("default")
    rulebook.follow({}, TENANTS | {"north"}, {})
    assert not rulebook.is_alone("default")
    assert not rulebook.is_alone("north")


@pytest.mark.parametrize("kind", [DEVICE, ADMINISTRATOR, APPLICATION])
def test_a_password_is_derived_or_decrypted_whatever_the_kind(rulebook: Rulebook, kind: str) -> None:
    derived = Account("default/device_x", kind, "default", "x", SEED, "k1")
    expected = (
        KEYS.device_password("default", "x", SEED, "k1")
        if kind == DEVICE
        else KEYS.administrator_password("default/device_x", SEED, "k1")
    )
    assert rulebook.password_of(derived) == expected
    secret = KEYS.locked("default/device_x", "chosen-1", "k1")
    chosen = Account("default/device_x", kind, "default", "x", SEED, "k1", secret=secret)
    assert rulebook.password_of(chosen) == "chosen-1"
    assert repr(secret) not in repr(chosen)


def test_a_damaged_password_names_its_account(rulebook: Rulebook) -> None:
    with pytest.raises(BadSecret, match="app"):
        rulebook.password_of(Account("app", APPLICATION, "default", "app", SEED, "k1", secret=b"x"))


def test_an_application_has_what_it_may_as_things_are(rulebook: Rulebook) -> None:
    assert rulebook.application_filters(APP) == ([], [])
    values = {("management", "topics"): ["plant/{id}/#"]}
    rulebook.follow(values, TENANTS, {})
    assert rulebook.application_filters(APP) == (["plant/+/#"], [])
    rulebook.follow(values, TENANTS | {"north"}, {})
    assert rulebook.application_filters(APP) == ([], [])
    assert rulebook.may_use("plant/+/#", "management"), "management's own applications see all"


def test_further_topics_name_the_tenant(rulebook: Rulebook) -> None:
    rulebook.follow({("management", "topics"): ["a/{id}"], ("default", "topics"): ["b/{tenant}/{id}"]}, TENANTS, {})
    assert rulebook.further_topics("default") == ["a/{id}", "b/default/{id}"]
    assert rulebook.further_topics("north") == ["a/{id}"]


def test_new_seeds_belong_to_the_key_in_use() -> None:
    ring = KeyRing({"k1": bytes(32), "k2": bytes(range(32))}, "k2")
    one, other = Rulebook(ring).draw(), Rulebook(ring).draw()
    assert one.key_id == "k2"
    assert (one.seed, one.fingerprint) != (other.seed, other.fingerprint)
