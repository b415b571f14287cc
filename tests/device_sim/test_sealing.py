"""Keys, fingerprints and opening sealed answers."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.sealing import (
    UnsealError,
    from_base64url,
    key_fingerprint,
    new_private_key,
    public_key,
    to_base64url,
    unseal,
)
from tests.device_sim.desk import seal


def test_the_public_key_is_that_of_rfc_9180() -> None:
    private = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    public = bytes.fromhex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")
    assert public_key(private) == public


def test_the_fingerprint_is_32_hex_digits_in_groups_of_four() -> None:
    private = new_private_key()
    fingerprint = key_fingerprint(private)
    assert [len(group) for group in fingerprint.split(" ")] == [4] * 8
    assert fingerprint.replace(" ", "") == hashlib.sha256(public_key(private)).hexdigest()[:32]


def test_what_was_sealed_to_a_key_and_a_device_opens_for_these_alone() -> None:
    private = new_private_key()
    sealed = base64.urlsafe_b64decode(seal(public_key(private), "Wärmepumpe-7", b"the answer") + "==")
    assert unseal(private, "Wärmepumpe-7", sealed) == b"the answer"
    for key, device_id, text in [
        (new_private_key(), "Wärmepumpe-7", sealed),
        (private, "pump-7", sealed),
        (private, "Wärmepumpe-7", sealed[:-1]),
        (private, "Wärmepumpe-7", bytes(32) + sealed[32:]),
        (private, "Wärmepumpe-7", b""),
    ]:
        with pytest.raises(UnsealError, match="does not open"):
            unseal(key, device_id, text)


@given(st.binary(max_size=100))
def test_base64url_goes_there_and_back_without_padding(data: bytes) -> None:
    text = to_base64url(data)
    assert "=" not in text
    assert from_base64url(text) == data


@pytest.mark.parametrize("text", ["YQ==", "Y", "Y+", "Y/==", "Y Q", "ä", "YQ\n"])
def test_anything_else_is_no_base64url(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - binascii raises its own subclass
        from_base64url(text)
