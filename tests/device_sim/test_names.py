"""The rules for names, by examples of the contract, section 1."""

import pytest

from device_sim.names import device_id_fault, is_private_client_id, is_tenant_id, token_fault


@pytest.mark.parametrize(
    "device_id", ["a", "sim-001", "Wärmepumpe-7", "ポンプ", "x" * 255, "-x", "urn:dev:1", "...", "[b]"]
)
def test_these_are_device_ids(device_id: str) -> None:
    assert device_id_fault(device_id) is None


@pytest.mark.parametrize(
    "device_id",
    [
        "", "x" * 256, ".", "..", "a/b", "a\\b", "a+b", "a#", "$a", "a%b", "a,b", 'a"b', "a b", "a\u00a0b", "a\nb",
        "a\u200bb", "\ud800", "\ue000", "\ufdd0", "\U0001ffff", "Wa\u0308rme", "\u212b",
    ],
)  # fmt: skip
def test_these_are_none(device_id: str) -> None:
    assert device_id_fault(device_id)


def test_a_tenant_id_is_short_and_lower_case() -> None:
    assert all(is_tenant_id(text) for text in ("t1", "0", "a-b_c", "x" * 64))
    assert not any(is_tenant_id(text) for text in ("", "T1", "-a", "a/b", "x" * 65, "a\n"))


def test_the_client_id_of_a_private_call_is_22_to_64_harmless_characters() -> None:
    assert all(is_private_client_id(text) for text in ("a" * 22, "-_Z9" * 16))
    assert not any(is_private_client_id(text) for text in ("a" * 21, "a" * 65, "a" * 22 + "\n", "ä" * 22))


def test_a_token_is_trimmed_text_of_at_most_256_characters() -> None:
    assert all(token_fault(text) is None for text in ("a", "two words", "x" * 256, "{"))
    assert all(token_fault(text) for text in ("", " a", "a\n", "x" * 257, "\ud800"))
