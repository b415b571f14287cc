"""Sealed answers on `cryptography` 47 or newer: what a call carries, what a display shows, opening an answer.

Yours to copy and to change; check changes with vectors/sealed.json. A key is `X25519PrivateKey.generate()`; keep its 32
bytes, `key.private_bytes_raw()`, like a password. `X25519PrivateKey.from_private_bytes` makes it again.
"""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite


def public_key(key: X25519PrivateKey) -> str:
    """Return what a call carries as publicKey."""
    return base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()


def fingerprint(key: X25519PrivateKey) -> str:
    """Return what a display shows for comparison: 32 hex digits in groups of four."""
    digits = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def open_answer(key: X25519PrivateKey, device_id: str, sealed: str) -> bytes:
    """Return the JSON text in a sealed answer. Raises InvalidTag if it is not for this key and device."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    return suite.decrypt(raw, key, info=f"bootstrap/v1/{device_id}".encode())
