"""The rules for names: what is a device id, a tenant, an administrator, a group path, a private client id."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import names


@pytest.mark.parametrize(
    "device_id",
    [
        "pump-7",
        "A",
        "urn:dev:mac:0024befffe804ff1",
        "Gerät-ß",
        "設備",
        "a'b",
        "...",
        ".hidden",
        "x" * 255,
        "é" * 255,
        "\ufdf0",
    ],
)
def test_a_usual_name_is_a_device_id(device_id: str) -> None:
    assert names.device_id_fault(device_id) is None


@pytest.mark.parametrize("device_id", ["", "x" * 256, "é" * 256, ".", ".."])
def test_an_empty_a_too_long_and_a_reserved_name_is_no_device_id(device_id: str) -> None:
    assert names.device_id_fault(device_id)


@pytest.mark.parametrize("character", '/\\+#$%,"')
def test_each_character_with_a_meaning_of_its_own_is_refused(character: str) -> None:
    assert names.device_id_fault(f"a{character}b")


def test_a_character_that_can_be_seen_is_shown_beside_its_code() -> None:
    """Who reads of a failed line should not have to look a code up."""
    assert names.device_id_fault("pump/7") == "the character / (U+002F) is not permitted in a device id"
    assert names.device_id_fault("pump 7") == "the character U+0020 is not permitted in a device id"


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\n",
        "\x7f",
        "\x85",
        "\u200b",
        "\u202e",
        "\ufeff",
        "\ud800",
        "\ue000",
        " ",
        "\u00a0",
        "\u3000",
        "\u2028",
        "\u2029",
        "\ufdd0",
        "\ufdef",
        "\ufffe",
        "\uffff",
        "\U0001fffe",
        "\U0010ffff",
    ],
)
def test_each_character_that_cannot_be_seen_is_refused_by_its_code(character: str) -> None:
    fault = names.device_id_fault(f"a{character}b")
    assert fault is not None
    assert f"U+{ord(character):04X}" in fault


@given(st.text(max_size=300))
def test_a_device_id_is_exactly_what_the_rule_says(text: str) -> None:
    allowed = (
        1 <= len(text) <= 255
        and unicodedata.normalize("NFC", text) == text
        and text not in (".", "..")
        and not any(
            unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co")
            or unicodedata.category(one).startswith("Z")
            or one in '/\\+#$%,"'
            or 0xFDD0 <= ord(one) <= 0xFDEF
            or ord(one) % 0x10000 >= 0xFFFE
            for one in text
        )
    )
    assert (names.device_id_fault(text) is None) is allowed


def test_a_decomposed_name_is_refused_and_never_converted() -> None:
    assert names.device_id_fault("e\u0301") is not None
    assert names.device_id_fault("\u00e9") is None


@pytest.mark.parametrize(
    ("tenant", "right"),
    [
        ("default", True),
        ("t1", True),
        ("0", True),
        ("a_b-c", True),
        ("a" * 64, True),
        ("", False),
        ("a" * 65, False),
        ("-a", False),
        ("_a", False),
        ("T1", False),
        ("a.b", False),
        ("a\n", False),
    ],
)
def test_a_tenant_id_is_lower_case_and_short(tenant: str, right: bool) -> None:
    assert (names.tenant_id_fault(tenant) is None) is right


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("root", True),
        ("Ada.L-1_x", True),
        ("9", True),
        ("a" * 64, True),
        ("", False),
        ("a" * 65, False),
        (".a", False),
        ("a/b", False),
        ("ä", False),
        ("a\n", False),
    ],
)
def test_an_administrator_has_an_ascii_name(name: str, right: bool) -> None:
    assert (names.administrator_fault(name) is None) is right


@pytest.mark.parametrize("name", sorted(names.SERVICE_NAMES))
def test_a_name_of_the_installation_is_nobody_elses(name: str) -> None:
    assert names.administrator_fault(name)


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("Group A/Group B", True),
        ("a", True),
        ("x" * 255 + "/" + "y" * 255, True),
        ("Häuser, alt #1", True),
        ("", False),
        ("/a", False),
        ("a/", False),
        ("a//b", False),
        ("x" * 256, False),
        ("a\tb", False),
        ("\x9f", False),
    ],
)
def test_a_group_path_is_names_joined_by_slashes(path: str, right: bool) -> None:
    assert (names.group_path_fault(path) is None) is right


@pytest.mark.parametrize(
    ("client_id", "right"),
    [("a" * 22, True), ("A-_9" * 16, True), ("a" * 21, False), ("a" * 65, False), ("a" * 21 + ".", False)],
)
def test_a_private_client_id_is_long_enough_not_to_be_guessed(client_id: str, right: bool) -> None:
    assert names.is_private_client_id(client_id) is right


def test_the_user_name_of_a_device_tells_tenant_and_id() -> None:
    assert names.device_username("t1", "pump-7") == "t1/device_pump-7"


@pytest.mark.parametrize(
    ("password", "right"),
    [
        *(("x" * length, right) for length, right in ((0, False), (7, False), (8, True), (128, True), (129, False))),
        *(("pass\tword", False), ("pass\ud800word", False), ("pass word", True), ("é" * 8, True)),
    ],
)
def test_a_chosen_password_has_8_to_128_characters_and_is_not_repeated(password: str, right: bool) -> None:
    fault = names.password_fault(password)
    assert (fault is None) == right
    assert fault is None or not password or password not in fault


def test_a_group_path_of_exactly_the_limit_is_one() -> None:
    path = "/".join(["g" * 255] * 15 + ["g" * 127, "g" * 128])
    assert len(path) == names.MAX_GROUP_PATH
    assert names.group_path_fault(path) is None
    assert names.group_path_fault(path + "g") is not None
