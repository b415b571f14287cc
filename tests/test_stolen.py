"""What a thief has: of a database without keys, of keys without a database, and of both."""

import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge import installation
from bridge.backups import making
from bridge.credentials import derive_key
from bridge.records import Change
from bridge.registration import Registration
from bridge.transaction import Transaction
from tests.lived import CHOSEN, change, lived_in, rows
from tests.making import waiting
from tests.test_backups_making import members

DEVICE = "box-1"
TOKEN = "4711"
"""Short, as labels have them."""
GUESSES = [f"{number:04}" for number in range(10_000)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation that knows the short token of a device."""
    made = lived_in(tmp_path / "data")
    one: Registration = waiting(id=DEVICE, token=made.keys.token_digest(DEVICE, TOKEN))

    async def register(transaction: Transaction) -> None:
        await transaction.save([Change(None, one)])

    change(made.folder.path, register)
    return made.folder.path


def unkeyed(token: str) -> Iterator[str]:
    """Yield what a digest without a key could be, in hex: hashes and MACs over what a thief of the database knows."""
    raw, name = token.encode(), DEVICE.encode()
    for text in (raw, name + raw, name + b"\0" + raw, raw + name, name + b":" + raw, name + b"/" + raw):
        for kind in ("sha256", "sha512", "sha1", "md5", "sha3_256", "blake2s"):
            yield hashlib.new(kind, text).hexdigest()[:64]
    for key, text in ((name, raw), (b"", raw), (raw, name), (b"", name + b"\0" + raw), (bytes(32), name + b"\0" + raw)):
        yield hmac.digest(key, text, hashlib.sha256).hex()


def test_a_short_token_cannot_be_guessed_at_its_digest_without_the_key(data: Path) -> None:
    (digest,) = rows(data, f"SELECT token FROM registrations WHERE id = '{DEVICE}'")
    assert digest not in {made for guess in GUESSES for made in unkeyed(guess)}
    foreign = derive_key(bytes(32), "token-digest")
    assert digest not in {_digest(foreign, guess) for guess in GUESSES}


def test_with_database_and_keys_it_is_guessed_at_once_as_the_page_says(data: Path) -> None:
    (digest,) = rows(data, f"SELECT token FROM registrations WHERE id = '{DEVICE}'")
    keys = installation.read_keys(data / "bridge" / "keys.json")
    key = derive_key(keys.masters[keys.current], "token-digest")
    assert [guess for guess in GUESSES if _digest(key, guess) == digest] == [TOKEN]


def _digest(key: bytes, token: str) -> str:
    return hmac.digest(key, DEVICE.encode() + b"\0" + token.encode(), hashlib.sha256).hex()


def test_no_password_stands_in_a_backup_without_keys_however_it_is_written(data: Path, tmp_path: Path) -> None:
    made = installation.load(data)
    making.back_up(making.Wishes(data, tmp_path / "apart.backup", without_keys=True))
    packed = b"".join(members(tmp_path / "apart.backup").values())
    secrets = [CHOSEN, made.facts.bootstrap_password, made.facts.accounts.password, made.facts.control.client_id]
    for username, subject, seed, key in rows(data, "SELECT username, subject, seed, key_id FROM accounts"):
        secrets.append(made.keys.device_password("default", subject, seed, key))
        secrets.append(made.keys.administrator_password(username, seed, key))
    for secret in secrets:
        raw = secret.encode()
        for form in (
            raw,
            raw.hex().encode(),
            *(base64.b64encode(bytes(n) + raw)[4 if n else 0 : -4] for n in range(3)),
        ):
            assert form not in packed
    for master in made.keys.masters.values():
        assert master not in packed
        assert base64.b64encode(master).rstrip(b"=") not in packed


def test_keys_without_the_database_come_to_no_password_of_a_device(data: Path, tmp_path: Path) -> None:
    """The same device under the same key has another password with each acceptance: 128 random bits are in the rows."""
    keys = installation.read_keys(data / "bridge" / "keys.json")
    ((tenant, seed, key),) = rows(data, "SELECT tenant, seed, key_id FROM accounts WHERE subject = 'pump-1'")
    right = keys.device_password(tenant, "pump-1", seed, key)
    assert len(seed) == 16
    for bit in range(128):
        other = (int.from_bytes(seed, "big") ^ (1 << bit)).to_bytes(16, "big")
        assert keys.device_password(tenant, "pump-1", other, key) != right
    making.back_up_keys(data, tmp_path / "keys", force=False)
    assert seed not in (tmp_path / "keys").read_bytes()
    assert seed.hex().encode() not in (tmp_path / "keys").read_bytes()


def test_what_people_chose_is_a_ciphertext_that_is_bound_to_its_account(data: Path) -> None:
    with closing(sqlite3.connect(data / "bridge" / "registrations.db")) as connection:
        ((secret,),) = connection.execute("SELECT secret FROM accounts WHERE username = 'kim'").fetchall()
    assert len(secret) == 12 + len(CHOSEN) + 16
    assert CHOSEN.encode() not in secret
