"""HPKE base mode by hand, RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. It opens and it seals.

It is a third reading of the RFC, beside those of the bridge and of the simulator, and made of other parts: HMAC, X25519
and AES-GCM alone. `tests/test_vectors.py` holds it against the values that the RFC prints.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEM = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0001))


def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return hmac.digest(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01", "sha256")[:length]


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def info_of(device_id: str) -> bytes:
    """What the contract binds an answer to."""
    return f"bootstrap/v1/{device_id}".encode()


@dataclass(frozen=True, slots=True)
class Context:
    """What both sides arrive at (sections 4.1 and 5.1): the shared secret, and key and nonce of the one message."""

    shared_secret: bytes = field(repr=False)
    key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)

    @classmethod
    def of(cls, exchanged: bytes, enc: bytes, recipient: bytes, info: bytes) -> "Context":
        """Derive it from the exchange of both keys, both public keys, and the ``info``."""
        shared = expand(KEM, extract(KEM, b"", b"eae_prk", exchanged), b"shared_secret", enc + recipient, 32)
        context = b"\0" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
        secret = extract(SUITE, shared, b"secret", b"")
        key, nonce = expand(SUITE, secret, b"key", context, 16), expand(SUITE, secret, b"base_nonce", context, 12)
        return cls(shared, key, nonce)


class Key:
    """A device's X25519 key pair."""

    def __init__(self, raw: bytes | None = None) -> None:
        self.private = X25519PrivateKey.from_private_bytes(raw) if raw else X25519PrivateKey.generate()
        self.raw = self.private.public_key().public_bytes_raw()
        self.public = base64url(self.raw)

    @property
    def fingerprint(self) -> str:
        digits = hashlib.sha256(self.raw).hexdigest()[:32]
        return " ".join(digits[start : start + 4] for start in range(0, 32, 4))

    def context(self, enc: bytes, info: bytes) -> Context:
        return Context.of(self.private.exchange(X25519PublicKey.from_public_bytes(enc)), enc, self.raw, info)

    def open_text(self, sealed: str, device_id: str) -> bytes:
        """Open a sealed answer; raise ``InvalidTag`` if it is for another key or device."""
        assert "=" not in sealed
        raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        context = self.context(raw[:32], info_of(device_id))
        return AESGCM(context.key).decrypt(context.nonce, raw[32:], b"")

    def open(self, sealed: str, device_id: str) -> dict[str, Any]:
        """Open a sealed answer and read the object in it; raise ``InvalidTag`` if it is for another key or device."""
        content: dict[str, Any] = json.loads(self.open_text(sealed, device_id))
        return content


def sealing(ephemeral: Key, recipient: bytes, info: bytes) -> Context:
    """Return what a sender has whose own key is ``ephemeral``. Real ones draw it; a given one comes out alike."""
    exchanged = ephemeral.private.exchange(X25519PublicKey.from_public_bytes(recipient))
    return Context.of(exchanged, ephemeral.raw, recipient, info)


def sealed_text(ephemeral: Key, recipient: bytes, device_id: str, plaintext: bytes) -> str:
    """Seal an answer as the contract has it, with a given key of the sender."""
    context = sealing(ephemeral, recipient, info_of(device_id))
    return base64url(ephemeral.raw + AESGCM(context.key).encrypt(context.nonce, plaintext, b""))
