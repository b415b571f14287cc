"""Keys, passwords, digests and sealed answers. Nothing here touches a file, a broker or the database."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidKey, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX = "bootstrap-bridge/v1/"
PURPOSES: Final = (
    *("device-password", "administrator-password", "credentials", "token-digest", "request-digest"),
    *("backup-check", "backup-manifest", "backup-files"),
)
"""What keys are derived for. Each has one of its own, and nothing is made with a master key itself."""
DIGESTS: Final = ("token-digest", "request-digest")
"""The purposes whose keys outlive a rotation: what was digested once has to be recognised again."""
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
_P = 2**255 - 19
"""The prime of Curve25519 (RFC 7748, section 4.1)."""
_TRIAL = X25519PrivateKey.generate()
"""Any key finds a point of low order: all are multiples of 8 (RFC 7748, section 5), and eight times it is nothing."""
_MOSQUITTO_ITERATIONS = 101
"""Rounds of PBKDF2 as mosquitto_passwd takes them; what is hashed here has 160 random bits, not a person's choice."""


class BadPublicKey(ValueError):
    """A public key that nothing can be sealed for; the sentence says why."""


class BadSecret(ValueError):
    """A stored password that cannot be decrypted; the sentence names the account."""


def derive_key(master: bytes, purpose: str) -> bytes:
    """Derive the 32-byte key for one ``purpose`` from a ``master`` key of 32 bytes (HKDF-SHA256, RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=(_PREFIX + purpose).encode()).derive(master)


def to_base64url(data: bytes) -> str:
    """Encode without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _password(key: bytes, message: str) -> str:
    digest = hmac.digest(key, message.encode(), hashlib.sha256)
    return base64.b32encode(digest[:20]).decode().lower()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The master keys by their ids, and which of them new acceptances use.

    ``digests`` are keys of the purposes ``DIGESTS`` that stand by themselves, since the first rotation; before it they
    are derived from the first master key. Raises KeyError where a record names a key that is not there.
    """

    masters: Mapping[str, bytes] = field(repr=False)
    current: str
    digests: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    _passwords: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _others: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _vaults: dict[str, AESGCM] = field(default_factory=dict, repr=False, compare=False)

    def rotated(self, key_id: str, master: bytes) -> "KeyRing":
        """Return a ring in which ``master`` is current. All digests stay as they are, also without the old keys."""
        assert key_id not in self.masters
        return KeyRing({**self.masters, key_id: master}, key_id, {one: self.digest_key(one) for one in DIGESTS})

    def without(self, key_ids: Collection[str]) -> "KeyRing":
        """Return a ring without these master keys, none of them current. All digests stay as they are."""
        assert self.current not in key_ids
        left = {key_id: master for key_id, master in self.masters.items() if key_id not in key_ids}
        return KeyRing(left, self.current, {one: self.digest_key(one) for one in DIGESTS})

    def remembering(self, earlier: "KeyRing") -> "KeyRing":
        """Return this ring with all master keys of an ``earlier`` one, for work that began with that."""
        return KeyRing({**earlier.masters, **self.masters}, self.current, self.digests)

    def agrees_with(self, earlier: "KeyRing") -> bool:
        """Tell whether keys that both have are the same, so that what was made with one is known to the other."""
        both = self.masters.keys() & earlier.masters.keys()
        same = all(hmac.compare_digest(self.masters[one], earlier.masters[one]) for one in both)
        return same and all(hmac.compare_digest(self.digest_key(one), earlier.digest_key(one)) for one in DIGESTS)

    def device_password(self, tenant: str, device_id: str, seed: bytes, key_id: str) -> str:
        """Derive a device's password: 32 characters of a-z and 2-7 (the contract, section 3)."""
        if key_id not in self._passwords:
            self._passwords[key_id] = derive_key(self.masters[key_id], "device-password")
        return _password(self._passwords[key_id], f"v1/{tenant}/{device_id}/{to_base64url(seed)}")

    def administrator_password(self, name: str, seed: bytes, key_id: str) -> str:
        """Derive the password of an administrator's account that the bridge made."""
        key = derive_key(self.masters[key_id], "administrator-password")
        return _password(key, f"v1/{name}/{to_base64url(seed)}")

    def locked(self, username: str, password: str, key_id: str) -> bytes:
        """Encrypt a password that somebody chose, bound to its account: AES-256-GCM, the nonce of 12 bytes first."""
        nonce = secrets.token_bytes(12)
        return nonce + self._vault(key_id).encrypt(nonce, password.encode(), username.encode())

    def unlocked(self, username: str, secret: bytes, key_id: str) -> str:
        """Decrypt what ``locked`` made. Raises BadSecret if it is not of this account, key or form."""
        try:
            return self._vault(key_id).decrypt(secret[:12], secret[12:], username.encode()).decode()
        except (InvalidTag, ValueError):
            raise BadSecret(
                f"the stored password of {username} cannot be decrypted: it or its key is damaged"
            ) from None

    def _vault(self, key_id: str) -> AESGCM:
        if key_id not in self._vaults:
            self._vaults[key_id] = AESGCM(derive_key(self.masters[key_id], "credentials"))
        return self._vaults[key_id]

    def digest_key(self, purpose: str) -> bytes:
        """Return the key of one of ``DIGESTS``."""
        if purpose in self.digests:
            return self.digests[purpose]
        if purpose not in self._others:
            self._others[purpose] = derive_key(self.masters[next(iter(self.masters))], purpose)
        return self._others[purpose]

    def token_digest(self, device_id: str, token: str) -> str:
        """Digest a trimmed security token under a key, in hex; equal tokens of two devices differ."""
        message = device_id.encode() + b"\0" + token.encode()
        return hmac.digest(self.digest_key("token-digest"), message, hashlib.sha256).hex()

    def request_digest(self, command: str, payload: bytes) -> str:
        """Digest a request, which may hold a token, to recognise its repeat."""
        return hmac.digest(self.digest_key("request-digest"), command.encode() + b"\0" + payload, hashlib.sha256).hex()


def new_master_key() -> bytes:
    """Draw a master key of 32 bytes."""
    return secrets.token_bytes(32)


def new_secret() -> str:
    """Draw a secret of 32 characters a-z and 2-7, for a login or a client id."""
    return base64.b32encode(secrets.token_bytes(20)).decode().lower()


def key_check(master: bytes) -> str:
    """Return what tells a master key from another without telling it: a backup holds that of each key it needs."""
    return derive_key(master, "backup-check").hex()


def backup_mac(master: bytes, manifest: bytes) -> str:
    """Return what only the owner of ``master`` can make for a backup's manifest."""
    return hmac.digest(derive_key(master, "backup-manifest"), manifest, hashlib.sha256).hex()


def sealed_file(master: bytes, name: str, content: bytes) -> bytes:
    """Encrypt a file for a backup without keys, bound to its name: AES-256-GCM, the nonce of 12 bytes first."""
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(derive_key(master, "backup-files")).encrypt(nonce, content, name.encode())


def opened_file(master: bytes, name: str, sealed: bytes) -> bytes:
    """Decrypt what ``sealed_file`` made. Raises BadSecret."""
    try:
        return AESGCM(derive_key(master, "backup-files")).decrypt(sealed[:12], sealed[12:], name.encode())
    except (InvalidTag, ValueError):
        raise BadSecret(f"{name} cannot be decrypted: it or its key is damaged") from None


def mark_of(seed: bytes) -> str:
    """Return what tells one password of an account from another, without telling the password."""
    return hashlib.sha256(b"bootstrap-bridge/v1/mark" + seed).hexdigest()[:32]


def parse_public_key(text: str) -> bytes:
    """Return the 32 bytes of a raw X25519 public key, given as base64url without padding.

    The key is tried in an exchange, so that a bad one is refused at the call and never later (RFC 7748, section 6.1).
    So is one in another form than that in which a private key's own public key is written. An exchange takes it for the
    same point (section 5), but an answer is sealed for the bytes of a key (RFC 9180, section 4.1): its owner could not
    open it, and one key would have several fingerprints. Raises BadPublicKey.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadPublicKey("publicKey is not base64url") from None
    if len(raw) != 32 or to_base64url(raw) != text:
        raise BadPublicKey("publicKey is not 32 bytes in base64url without padding")
    if int.from_bytes(raw, "little") >= _P:
        raise BadPublicKey("publicKey is not canonical: it is a number of 2^255 - 19 or more")
    try:
        _TRIAL.exchange(X25519PublicKey.from_public_bytes(raw))
    except (ValueError, InvalidKey):
        raise BadPublicKey("publicKey is a point of low order") from None
    return raw


def key_fingerprint(public_key: str) -> str:
    """Return what a device displays of its key: 32 hex digits of SHA-256, in groups of four."""
    digest = hashlib.sha256(base64.urlsafe_b64decode(public_key + "=")).hexdigest()[:32]
    return " ".join(digest[i : i + 4] for i in range(0, 32, 4))


def seal(plaintext: bytes, public_key: str, device_id: str) -> str:
    """Seal an answer for the owner of ``public_key`` (base64url): RFC 9180 base mode, ``enc`` then ciphertext."""
    key = X25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(public_key + "="))
    return to_base64url(_SUITE.encrypt(plaintext, key, info=f"bootstrap/v1/{device_id}".encode()))


@dataclass(frozen=True, slots=True)
class MosquittoHash:
    """A password as Mosquitto stores it: PBKDF2-HMAC-SHA512."""

    digest: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    iterations: int

    @property
    def line(self) -> str:
        """The form of a password file."""
        return f"$7${self.iterations}${_base64(self.salt)}${_base64(self.digest)}"

    @property
    def members(self) -> dict[str, str | int]:
        """The form of the dynamic security file."""
        return {"password": _base64(self.digest), "salt": _base64(self.salt), "iterations": self.iterations}


def mosquitto_line(members: Mapping[str, Any]) -> str | None:
    """Return the form of a password file for the members of an account in the dynamic security file; None if none."""
    try:
        return f"$7${members['iterations']}${members['salt']}${members['password']}"
    except KeyError:
        return None


def verifies(line: str, password: str) -> bool:
    """Tell whether a line of a Mosquitto file is of ``password``. One of a form unknown here is taken for right."""
    match line.strip().split("$"):
        case ["", "7", iterations, salt, digest]:
            try:
                raw = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
                made = hashlib.pbkdf2_hmac("sha512", password.encode(), raw[0], int(iterations), 64)
            except ValueError:
                return False
            return hmac.compare_digest(made, raw[1])
        case ["", kind, *_] if kind:
            return True
    return False


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def mosquitto_hash(password: str) -> MosquittoHash:
    """Hash ``password`` for a Mosquitto file, with a fresh salt of 12 bytes."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _MOSQUITTO_ITERATIONS, 64)
    return MosquittoHash(digest, salt, _MOSQUITTO_ITERATIONS)
