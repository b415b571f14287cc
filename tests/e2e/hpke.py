"""HPKE base mode opened by hand, RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM."""

import base64
import hashlib
import hmac
import json
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

    def open(self, sealed: str, device_id: str) -> dict[str, Any]:
        """Open a sealed answer; raise ``InvalidTag`` if it is for another key or device."""
        assert "=" not in sealed
        raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        enc, ciphertext = raw[:32], raw[32:]
        shared = self.private.exchange(X25519PublicKey.from_public_bytes(enc))
        secret = expand(KEM, extract(KEM, b"", b"eae_prk", shared), b"shared_secret", enc + self.raw, 32)
        info = extract(SUITE, b"", b"info_hash", f"bootstrap/v1/{device_id}".encode())
        context = b"\0" + extract(SUITE, b"", b"psk_id_hash", b"") + info
        key = extract(SUITE, secret, b"secret", b"")
        plain = AESGCM(expand(SUITE, key, b"key", context, 16)).decrypt(
            expand(SUITE, key, b"base_nonce", context, 12), ciphertext, b""
        )
        content: dict[str, Any] = json.loads(plain)
        return content
