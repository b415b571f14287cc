"""The device's half of sealed answers (the contract, section 3): a key pair, its fingerprint, opening an answer."""

import base64
import hashlib
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

KEY_BYTES = 32

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")  # Python itself takes other characters too
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


class UnsealError(ValueError):
    """The sealed answer was not made for this key and this device, or was changed on its way."""

    def __str__(self) -> str:
        return "the sealed answer does not open with this device's key"


def new_private_key() -> bytes:
    """Make a fresh X25519 private key, 32 raw bytes."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_key(private_key: bytes) -> bytes:
    """Return the 32 raw bytes of the public key that belongs to ``private_key``."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def key_fingerprint(private_key: bytes) -> str:
    """Return what the device shows for comparison: 32 hex digits in groups of four, one space between."""
    digits = hashlib.sha256(public_key(private_key)).hexdigest()[:32]
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def unseal(private_key: bytes, device_id: str, sealed: bytes) -> bytes:
    """Open ``sealed`` (``enc`` and ciphertext, RFC 9180 base mode) and return the JSON text in it.

    Raises UnsealError when it does not open.
    """
    key = X25519PrivateKey.from_private_bytes(private_key)
    try:
        return _SUITE.decrypt(sealed, key, info=f"bootstrap/v1/{device_id}".encode())
    except InvalidTag:
        raise UnsealError from None


def to_base64url(data: bytes) -> str:
    """Write ``data`` in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read base64url without padding; raises ValueError for any other character, padding or length."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
