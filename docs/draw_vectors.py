"""Write docs/vectors/sealed.json: what implementers of sealed answers check their work with.

Made by the tests' own reading of RFC 9180 (`tests/e2e/hpke.py`), not by the bridge, with keys that are given instead of
drawn, so that each run writes the same. Run it with `make docs`; a test says when it was forgotten.
"""

import base64
import json
from pathlib import Path
from typing import Any, Final

from tests.e2e.hpke import Key, base64url, info_of, sealed_text, sealing

PAGE: Final = Path(__file__).parent / "vectors" / "sealed.json"
P: Final = 2**255 - 19
"""The prime of Curve25519 (RFC 7748, section 4.1)."""
ORDER_8: Final = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
"""The two points of order 8; 0 is of order 2, and 1 and P - 1 are of order 4 (RFC 7748, section 6.1)."""
RFC_9180: Final = {
    # Appendix A.1.1, and the first message of A.1.1.1, as the RFC prints them.
    "skRm": "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    "pkRm": "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    "skEm": "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
    "enc": "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    "info": "4f6465206f6e2061204772656369616e2055726e",
    "shared_secret": "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
    "key": "4531685d41d65f03dc48f6b8302c05b0",
    "base_nonce": "56d890e5accaaf011cff4b7d",
    "pt": "4265617574792069732074727574682c20747275746820626561757479",
    "aad": "436f756e742d30",
    "ct": "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
}
ABOUT: Final = (
    "Test vectors for sealed answers (the contract, section 3). Everything of 'answers' must come out as it stands, "
    "nothing of 'unopenable' may open, and the bridge refuses every key of 'refusedKeys'. 'rfc9180' is the RFC's own "
    "vector for these algorithms, in its names. Bytes are in hex, but for publicKey and sealed, which are as on the "
    "wire. The private keys are public knowledge: never use them."
)


def _answer(tenant: str, device_id: str, password: str) -> str:
    content = {"status": "ACCEPTED", "tenant": tenant, "deviceId": device_id}
    content |= {"username": f"{tenant}/device_{device_id}", "password": password, "clientId": device_id}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _key(first: int) -> Key:
    return Key(bytes((first + 7 * place) % 256 for place in range(32)))


def _vector(name: str, key: Key, ephemeral: Key, device_id: str, plaintext: str) -> dict[str, str]:
    info = info_of(device_id)
    steps = sealing(ephemeral, key.raw, info)
    return {
        "name": name,
        "privateKey": key.private.private_bytes_raw().hex(),
        "publicKey": key.public,
        "keyFingerprint": key.fingerprint,
        "deviceId": device_id,
        "info": info.hex(),
        "ephemeralPrivateKey": ephemeral.private.private_bytes_raw().hex(),
        "enc": ephemeral.raw.hex(),
        "sharedSecret": steps.shared_secret.hex(),
        "aeadKey": steps.key.hex(),
        "aeadNonce": steps.nonce.hex(),
        "plaintext": plaintext,
        "sealed": sealed_text(ephemeral, key.raw, device_id, plaintext.encode()),
    }


def _answers() -> list[dict[str, str]]:
    first = Key(bytes(range(32)))
    other = '{ "clientId": "pump-8",\n  "later": [1, {"more": null}], "password": "aaaabbbbccccddddeeeeffffgggghhhh",\n'
    other += '  "username": "t1/device_pump-8", "deviceId": "pump-8", "tenant": "t1", "status": "ACCEPTED" }\n'
    longest = "🔥" * 255
    return [
        _vector(
            "the example of the contract",
            first,
            _key(0x20),
            "pump-7",
            _answer("t1", "pump-7", "kcmz4vyrbeqf4d5e5ifrzmhrn3t7yuji"),
        ),
        _vector(
            "another key: the same answer is sealed anew for each call",
            _key(0x77),
            _key(0x21),
            "pump-7",
            _answer("t1", "pump-7", "kcmz4vyrbeqf4d5e5ifrzmhrn3t7yuji"),
        ),
        _vector(
            "a device id beyond ASCII is UTF-8 in info and in the plaintext",
            _key(0x01),
            _key(0x22),
            "Wärmepumpe-7",
            _answer("default", "Wärmepumpe-7", "p7q2xkz3mhr5tdy6w4ncjfbsgvla2e7i"),
        ),
        _vector(
            "a device id in another script, a tenant with dashes",
            _key(0x30),
            _key(0x23),
            "ポンプ七号",
            _answer("plant_2-b", "ポンプ七号", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ),
        _vector(
            "the longest device id: 255 characters of four bytes each",
            _key(0x44),
            _key(0x24),
            longest,
            _answer("default", longest, "zyxwvutsrqponmlkjihgfedcba765432"),
        ),
        _vector(
            "the private key of RFC 9180, A.1",
            Key(bytes.fromhex(RFC_9180["skRm"])),
            Key(bytes.fromhex(RFC_9180["skEm"])),
            "pump-7",
            _answer("default", "pump-7", "23456723456723456723456723456723"),
        ),
        _vector(
            "members in another order, white space and a member that is new: read JSON, ignore what you do not know",
            first,
            _key(0x26),
            "pump-8",
            other,
        ),
    ]


def _raw(sealed: str) -> bytes:
    return base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))


def _unopenable(answers: list[dict[str, str]]) -> list[dict[str, str]]:
    good, foreign = answers[0], answers[1]
    raw = _raw(good["sealed"])
    cases = {
        "the last bit of the tag was changed": raw[:-1] + bytes([raw[-1] ^ 1]),
        "the first bit of the ciphertext was changed": raw[:32] + bytes([raw[32] ^ 0x80]) + raw[33:],
        "enc was changed": bytes([raw[0] ^ 1]) + raw[1:],
        "the high bit of enc is set, which is the same point but not the same bytes": raw[:31]
        + bytes([raw[31] ^ 0x80])
        + raw[32:],
        "the last byte is missing": raw[:-1],
        "a byte more": raw + b"\0",
        "enc alone": raw[:32],
        "shorter than enc": raw[:31],
        "nothing": b"",
        "enc is of low order, for which anybody knows the shared secret": bytes(32) + raw[32:],
        "sealed for another key": _raw(foreign["sealed"]),
    }
    found = [
        {"why": why, "privateKey": good["privateKey"], "deviceId": "pump-7", "sealed": base64url(changed)}
        for why, changed in cases.items()
    ]
    for why, device_id in (
        ("sealed for another device", "pump-8"),
        ("sealed for a name in other letters", "PUMP-7"),
    ):
        found.append({"why": why, "privateKey": good["privateKey"], "deviceId": device_id, "sealed": good["sealed"]})
    return found


def _refused() -> list[dict[str, str]]:
    good = Key(bytes(range(32)))
    text, number = good.public, int.from_bytes(good.raw, "little")
    spelled = {
        "": "empty",
        text[:-1]: "42 characters: not 32 bytes",
        text + "=": "padding",
        text[:-4]: "30 bytes",
        base64url(good.raw[:31]): "31 bytes",
        base64url(good.raw + b"\0"): "33 bytes",
        base64url(good.raw * 2): "two keys",
        text[:-1] + chr(ord(text[-1]) + 1): "bits left over in the last character are not zero",
        "+" + text[1:]: "'+' is of plain base64; base64url has '-'",
        "/" + text[1:]: "'/' is of plain base64; base64url has '_'",
        text[:20] + " " + text[21:]: "a space",
        text + "\n": "a line feed at the end",
        " " + text: "a space at the beginning",
        text[:20] + "ä" + text[21:]: "a letter beyond ASCII",
        good.raw.hex(): "hex",
        good.raw.hex().upper(): "hex in capital letters",
        "-----BEGIN PUBLIC KEY-----": "PEM",
        base64url(bytes.fromhex("302a300506032b656e032100") + good.raw): "DER around the key",
        base64url(b"\x04" + good.raw): "a byte before the key that tells its kind",
    }
    low = {
        "low order: 0 (order 2)": 0,
        "low order: 1 (order 4)": 1,
        "low order: p - 1 (order 4)": P - 1,
        "low order: the first point of order 8": ORDER_8[0],
        "low order: the second point of order 8": ORDER_8[1],
    }
    numbers: dict[str, int] = {}
    for why, value in low.items():
        numbers[why] = value
        numbers[f"{why}, with the high bit set"] = value | 2**255
    for more in range(19):
        rest = "low order, and " if more < 2 else ""
        numbers[f"{rest}not canonical: p + {more} is written as {more}"] = P + more
        numbers[f"{rest}not canonical: p + {more}, with the high bit set"] = (P + more) | 2**255
    numbers["not canonical: a good key with the high bit set"] = number | 2**255
    points = {base64url(value.to_bytes(32, "little")): why for why, value in numbers.items()}
    return [{"publicKey": key, "why": why} for key, why in (spelled | points).items()]


def vectors() -> dict[str, Any]:
    """Return all vectors."""
    answers = _answers()
    return {
        "about": ABOUT,
        "suite": {
            "mode": "base",
            "kem": "DHKEM(X25519, HKDF-SHA256)",
            "kdf": "HKDF-SHA256",
            "aead": "AES-128-GCM",
            "kemId": 32,
            "kdfId": 1,
            "aeadId": 1,
            "aad": "",
        },
        "answers": answers,
        "unopenable": _unopenable(answers),
        "refusedKeys": _refused(),
        "rfc9180": RFC_9180,
    }


def page() -> str:
    """Return the file as it should be."""
    return json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
