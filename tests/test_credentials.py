"""Keys, passwords, digests, sealed answers, and the hashes that Mosquitto stores."""

import base64
import hashlib
import hmac
import re
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from bridge.credentials import (
    PURPOSES,
    BadPublicKey,
    BadSecret,
    KeyRing,
    derive_key,
    key_fingerprint,
    mark_of,
    mosquitto_hash,
    new_master_key,
    new_secret,
    parse_public_key,
    seal,
    to_base64url,
)

CONTRACT = Path(__file__).parent.parent / "docs" / "contract.md"
MASTER = bytes(range(32))
SEED = bytes(range(16))
RING = KeyRing({"k1": MASTER}, "k1")
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
"""All points of low order (RFC 7748, section 6.1)."""
NOT_CANONICAL = [
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0900000000000000000000000000000000000000000000000000000000000080",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
"""Points that are written in another way than their owner's library writes them; the first two are of low order too."""


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf_extract(salt: bytes, material: bytes) -> bytes:
    return hmac.digest(salt, material, hashlib.sha256)


def hkdf_expand(key: bytes, info: bytes, length: int) -> bytes:
    output, block, number = b"", b"", 1
    while len(output) < length:
        block = hmac.digest(key, block + info + bytes([number]), hashlib.sha256)
        output, number = output + block, number + 1
    return output[:length]


def opened_by_hand(private: X25519PrivateKey, sealed: bytes, info: bytes) -> bytes:
    """RFC 9180, sections 4.1, 5.1 and 5.2, base mode, from nothing but HMAC, X25519 and AES-GCM."""

    def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
        return hkdf_extract(salt or bytes(32), b"HPKE-v1" + suite + label + material)

    def expand(suite: bytes, key: bytes, label: bytes, context: bytes, length: int) -> bytes:
        return hkdf_expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context, length)

    enc, ciphertext = sealed[:32], sealed[32:]
    kem = b"KEM\x00\x20"
    shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + private.public_key().public_bytes_raw()
    secret = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", context, 32)
    suite = b"HPKE\x00\x20\x00\x01\x00\x01"
    schedule = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    prk = extract(suite, secret, b"secret", b"")
    key = expand(suite, prk, b"key", schedule, 16)
    nonce = expand(suite, prk, b"base_nonce", schedule, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def test_the_password_of_the_contracts_example_is_the_contracts() -> None:
    assert RING.device_password("t1", "pump-7", SEED, "k1") == "kcmz4vyrbeqf4d5e5ifrzmhrn3t7yuji"


def test_a_password_follows_the_recipe_of_the_contract() -> None:
    key = hkdf_expand(hkdf_extract(bytes(32), MASTER), b"bootstrap-bridge/v1/device-password", 32)
    seed = bytes(16)
    mac = hmac.digest(key, b"v1/north/pump-8/" + base64.urlsafe_b64encode(seed).rstrip(b"="), hashlib.sha256)
    expected = base64.b32encode(mac[:20]).decode().lower()
    assert RING.device_password("north", "pump-8", seed, "k1") == expected


def test_a_password_hangs_on_tenant_device_seed_and_master_key() -> None:
    other = KeyRing({"k2": bytes(32)}, "k2")
    passwords = {
        RING.device_password("t1", "pump-7", SEED, "k1"),
        RING.device_password("t2", "pump-7", SEED, "k1"),
        RING.device_password("t1", "pump-8", SEED, "k1"),
        RING.device_password("t1", "pump-7", bytes(16), "k1"),
        other.device_password("t1", "pump-7", SEED, "k2"),
        RING.administrator_password("pump-7", SEED, "k1"),
    }
    assert len(passwords) == 6
    assert all(len(one) == 32 and set(one) <= set("abcdefghijklmnopqrstuvwxyz234567") for one in passwords)


def test_after_a_rotation_old_passwords_and_digests_stay_what_they_were() -> None:
    rotated = KeyRing({"k1": MASTER, "k2": bytes(32)}, "k2")
    assert rotated.device_password("t1", "pump-7", SEED, "k1") == RING.device_password("t1", "pump-7", SEED, "k1")
    assert rotated.token_digest("pump-7", "s3cret") == RING.token_digest("pump-7", "s3cret")
    assert rotated.request_digest("accept", b"{}") == RING.request_digest("accept", b"{}")


def test_a_record_that_names_a_lost_key_is_an_error_and_no_other_password() -> None:
    with pytest.raises(KeyError):
        RING.device_password("t1", "pump-7", SEED, "k0")


def test_purposes_have_keys_of_their_own() -> None:
    assert derive_key(MASTER, "token-digest") != derive_key(MASTER, "request-digest")


def test_equal_tokens_of_two_devices_have_different_digests() -> None:
    assert RING.token_digest("pump-7", "s3cret") == RING.token_digest("pump-7", "s3cret")
    assert RING.token_digest("pump-7", "s3cret") != RING.token_digest("pump-8", "s3cret")
    assert RING.token_digest("pump-7", "s3cret") != RING.token_digest("pump-7", "S3cret")


def test_a_digest_cannot_be_recomputed_without_the_key() -> None:
    other = KeyRing({"k1": bytes(32)}, "k1")
    assert RING.token_digest("pump-7", "s3cret") != other.token_digest("pump-7", "s3cret")
    assert RING.request_digest("accept", b"x") != other.request_digest("accept", b"x")


def test_where_the_id_ends_and_the_token_begins_is_part_of_the_digest() -> None:
    assert RING.token_digest("pump", "-7x") != RING.token_digest("pump-7", "x")
    assert RING.request_digest("a", b"bc") != RING.request_digest("ab", b"c")


def test_what_is_printed_of_a_key_ring_holds_no_key() -> None:
    RING.device_password("t1", "pump-7", SEED, "k1")
    RING.token_digest("pump-7", "s3cret")
    assert repr(RING) == "KeyRing(current='k1')"


def test_drawn_keys_and_secrets_differ() -> None:
    assert len({new_master_key() for _ in range(20)}) == 20
    assert len({new_secret() for _ in range(20)}) == 20
    assert len(new_master_key()) == len(new_secret()) == 32


def test_a_mark_changes_with_the_seed_and_does_not_tell_it() -> None:
    assert mark_of(SEED) == mark_of(SEED) != mark_of(bytes(16))
    assert SEED.hex() not in mark_of(SEED)


@given(st.binary(max_size=40))
def test_base64url_without_padding_can_be_read_back(data: bytes) -> None:
    assert decoded(to_base64url(data)) == data
    assert "=" not in to_base64url(data)


@given(st.binary(min_size=1, max_size=400), st.sampled_from(["pump-7", "Gerät-ß", "x" * 255]))
def test_a_sealed_answer_is_opened_by_hand_as_rfc_9180_says(plaintext: bytes, device_id: str) -> None:
    private = X25519PrivateKey.generate()
    public = to_base64url(private.public_key().public_bytes_raw())
    sealed = decoded(seal(plaintext, public, device_id))
    info = b"bootstrap/v1/" + device_id.encode()
    assert opened_by_hand(private, sealed, info) == plaintext
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
    assert suite.decrypt(sealed, private, info=info) == plaintext


def test_a_sealed_answer_opens_for_its_device_and_its_key_alone() -> None:
    private = X25519PrivateKey.generate()
    sealed = decoded(seal(b"secret", to_base64url(private.public_key().public_bytes_raw()), "pump-7"))
    with pytest.raises(InvalidTag):
        opened_by_hand(private, sealed, b"bootstrap/v1/pump-8")
    with pytest.raises(InvalidTag):
        opened_by_hand(X25519PrivateKey.generate(), sealed, b"bootstrap/v1/pump-7")


def test_two_seals_of_the_same_answer_differ() -> None:
    public = to_base64url(X25519PrivateKey.generate().public_key().public_bytes_raw())
    assert seal(b"secret", public, "pump-7") != seal(b"secret", public, "pump-7")


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_point_of_low_order_is_refused_when_it_is_sent(point: str) -> None:
    with pytest.raises(BadPublicKey, match="low order"):
        parse_public_key(to_base64url(bytes.fromhex(point)))


@pytest.mark.parametrize("point", NOT_CANONICAL)
def test_a_point_in_another_form_is_refused_when_it_is_sent(point: str) -> None:
    with pytest.raises(BadPublicKey, match="canonical"):
        parse_public_key(to_base64url(bytes.fromhex(point)))


def test_the_largest_number_that_is_canonical_and_no_point_of_low_order_is_taken() -> None:
    raw = (2**255 - 21).to_bytes(32, "little")
    assert parse_public_key(to_base64url(raw)) == raw


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadPublicKey):
        parse_public_key(to_base64url(b"\x09" * length))


@pytest.mark.parametrize(
    "text", ["", "A" * 43 + "=", "+" * 43, "/" * 43, "A" * 42 + "é", "A" * 42 + " ", "A" * 42 + "\n"]
)
def test_a_key_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(BadPublicKey):
        parse_public_key(text)


def test_a_key_has_one_spelling_only() -> None:
    public = to_base64url(b"\x09" + bytes(31))
    assert parse_public_key(public) == b"\x09" + bytes(31)
    assert public[-1] == "A"
    with pytest.raises(BadPublicKey):
        parse_public_key(public[:-1] + "B")  # the same 32 bytes, with bits left over


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        raw = parse_public_key(text)
    except BadPublicKey:
        return
    assert to_base64url(raw) == text


def test_a_key_is_shown_as_a_device_displays_it() -> None:
    raw = b"\x09" + bytes(31)
    digest = hashlib.sha256(raw).hexdigest()
    shown = key_fingerprint(to_base64url(raw))
    assert shown.replace(" ", "") == digest[:32]
    assert [len(group) for group in shown.split(" ")] == [4] * 8


def test_mosquitto_can_check_a_hashed_password() -> None:
    hashed = mosquitto_hash("pässword")
    empty, kind, iterations, salt, digest = hashed.line.split("$")
    assert (empty, kind) == ("", "7")
    again = hashlib.pbkdf2_hmac("sha512", "pässword".encode(), base64.b64decode(salt), int(iterations), 64)
    assert base64.b64decode(digest) == again
    assert hashed.members == {"password": digest, "salt": salt, "iterations": int(iterations)}


def test_equal_passwords_are_hashed_differently() -> None:
    assert mosquitto_hash("x").line != mosquitto_hash("x").line


# Passwords that somebody chose.


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=128))
def test_a_chosen_password_is_read_back_as_it_was(password: str) -> None:
    assert RING.unlocked("t1/device_x", RING.locked("t1/device_x", password, "k1"), "k1") == password


def test_a_chosen_password_is_bound_to_its_account_and_its_key() -> None:
    ring = KeyRing({"k1": MASTER, "k2": bytes(32)}, "k1")
    secret = ring.locked("t1/device_x", "chosen-1", "k1")
    for username, key in (("t1/device_y", "k1"), ("t2/device_x", "k1"), ("t1/device_x", "k2")):
        with pytest.raises(BadSecret, match=username):
            ring.unlocked(username, secret, key)
    with pytest.raises(KeyError):
        ring.unlocked("t1/device_x", secret, "lost")


def test_a_chosen_password_that_was_tampered_with_is_found_out() -> None:
    secret = RING.locked("ada", "chosen-1", "k1")
    for place in range(len(secret)):
        changed = secret[:place] + bytes([secret[place] ^ 1]) + secret[place + 1 :]
        with pytest.raises(BadSecret):
            RING.unlocked("ada", changed, "k1")
    for length in (0, 1, 12, 27, len(secret) - 1):
        with pytest.raises(BadSecret):
            RING.unlocked("ada", secret[:length], "k1")


def test_a_chosen_password_looks_different_each_time_and_follows_aes_gcm() -> None:
    one, other = (RING.locked("ada", "chosen-1", "k1") for _ in range(2))
    assert one != other
    assert b"chosen-1" not in one
    assert AESGCM(derive_key(MASTER, "credentials")).decrypt(one[:12], one[12:], b"ada") == b"chosen-1"


def test_what_is_told_of_a_bad_secret_and_printed_of_a_ring_holds_no_password() -> None:
    secret = RING.locked("ada", "chosen-1", "k1")
    with pytest.raises(BadSecret) as caught:
        RING.unlocked("bob", secret, "k1")
    for shown in (str(caught.value), repr(caught.value), repr(RING)):
        assert "chosen-1" not in shown
        assert repr(secret) not in shown
    assert caught.value.__cause__ is None


# What stands in databases and brokers since the first version, made by hand: another recipe would be another password.


def test_the_password_of_an_administrator_is_made_as_in_the_first_version() -> None:
    assert RING.administrator_password("root", SEED, "k1") == "ggujyflaxgdao3wx446ripithejnfjly"


def test_digests_and_marks_are_made_as_in_the_first_version() -> None:
    assert RING.token_digest("pump-7", "s3cret") == "f609d085535c72587ffa33e85725af6b424db8934cfcfe25549364bc97baeec5"
    assert RING.request_digest("accept", b"{}") == "0e370c334a474f352ba009fab6a9f00026d7aed1c4f4a9345a001ef4e38a17b0"
    assert mark_of(SEED) == "4ec66c414b8683be3db8d2f4a9071673"


def test_a_password_that_was_locked_by_the_first_version_is_unlocked() -> None:
    secret = bytes.fromhex("0000000000000000000000003e07f82eb4bc1ad347bca00d522a986a3c5889f234d771549c15e1d403f39a")
    assert RING.unlocked("sam", secret, "k1") == "chosen-password"


def test_secrets_are_as_long_and_as_plain_as_they_are_said_to_be() -> None:
    assert len(new_master_key()) == 32
    secret = new_secret()
    assert len(secret) == 32
    assert set(secret) <= set("abcdefghijklmnopqrstuvwxyz234567")
    hashed = mosquitto_hash("x")
    assert (len(hashed.salt), len(hashed.digest)) == (12, 64)


def test_a_key_that_is_no_base64url_is_told_so() -> None:
    with pytest.raises(BadPublicKey, match="base64url"):
        parse_public_key("!" * 43)


# One key for each purpose, and none of them the master.


def test_each_purpose_has_a_key_of_its_own_as_the_page_publishes_it() -> None:
    published = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| `([0-9a-f]{64})` \|$", CONTRACT.read_text(), re.MULTILINE))
    assert published == {purpose: derive_key(MASTER, purpose).hex() for purpose in PURPOSES}
    assert len({*published.values(), MASTER.hex()}) == len(PURPOSES) + 1


def test_no_purpose_uses_the_key_of_another_or_the_master_itself() -> None:
    """What each purpose makes is made again by hand from its own key, and is nothing that another key makes."""
    ring = KeyRing({"k1": MASTER}, "k1")
    made = {
        "device-password": ring.device_password("t1", "x", SEED, "k1"),
        "administrator-password": ring.administrator_password("x", SEED, "k1"),
        "token-digest": ring.token_digest("x", "t"),
        "request-digest": ring.request_digest("x", b"t"),
    }
    seed = to_base64url(SEED)
    messages = {
        "device-password": f"v1/t1/x/{seed}".encode(),
        "administrator-password": f"v1/x/{seed}".encode(),
        "token-digest": b"x\0t",
        "request-digest": b"x\0t",
    }
    for purpose, message in messages.items():
        for used in (*PURPOSES, None):
            key = MASTER if used is None else derive_key(MASTER, used)
            digest = hmac.digest(key, message, hashlib.sha256)
            forms = (digest.hex(), base64.b32encode(digest[:20]).decode().lower())
            assert (made[purpose] in forms) == (used == purpose), (purpose, used)
    secret = ring.locked("x", "chosen-1", "k1")
    for purpose in PURPOSES:
        if purpose != "credentials":
            with pytest.raises(InvalidTag):
                AESGCM(derive_key(MASTER, purpose)).decrypt(secret[:12], secret[12:], b"x")
    with pytest.raises(InvalidTag):
        AESGCM(MASTER).decrypt(secret[:12], secret[12:], b"x")


# Rotation.


def rotated() -> KeyRing:
    return RING.rotated("k2", bytes(range(32, 64)))


def test_a_new_key_is_current_and_what_the_old_one_made_stays() -> None:
    ring = rotated()
    assert ring.current == "k2"
    assert ring.device_password("t1", "pump-7", SEED, "k1") == RING.device_password("t1", "pump-7", SEED, "k1")
    assert ring.device_password("t1", "pump-7", SEED, "k2") != RING.device_password("t1", "pump-7", SEED, "k1")
    assert ring.unlocked("ada", RING.locked("ada", "chosen-1", "k1"), "k1") == "chosen-1"


@pytest.mark.parametrize("gone", [(), ("k1",)])
def test_digests_stay_what_they_were_whichever_keys_there_are(gone: tuple[str, ...]) -> None:
    ring = rotated().without(gone)
    assert ring.token_digest("pump-7", "s3cret") == RING.token_digest("pump-7", "s3cret")
    assert ring.request_digest("accept", b"{}") == RING.request_digest("accept", b"{}")
    again = ring.rotated("k3", bytes(32)).without(("k2",))
    assert again.token_digest("pump-7", "s3cret") == RING.token_digest("pump-7", "s3cret")


def test_a_key_that_was_removed_makes_nothing_any_more() -> None:
    ring = rotated().without(("k1",))
    assert set(ring.masters) == {"k2"}
    with pytest.raises(KeyError):
        ring.device_password("t1", "pump-7", SEED, "k1")


def test_a_ring_remembers_what_work_in_hand_may_need() -> None:
    ring = rotated().without(("k1",)).remembering(RING)
    assert ring.current == "k2"
    assert ring.device_password("t1", "pump-7", SEED, "k1") == RING.device_password("t1", "pump-7", SEED, "k1")
    assert ring.token_digest("pump-7", "s3cret") == RING.token_digest("pump-7", "s3cret")


def test_rings_of_one_installation_agree_and_others_do_not() -> None:
    ring = rotated()
    assert ring.agrees_with(RING)
    assert ring.without(("k1",)).agrees_with(RING)
    assert not KeyRing({"k1": bytes(32)}, "k1").agrees_with(RING), "another key under the same id"
    assert not KeyRing({"other": bytes(32)}, "other").agrees_with(RING), "other digests"


def test_what_is_printed_of_a_rotated_ring_holds_no_key() -> None:
    assert repr(rotated()) == "KeyRing(current='k2')"
