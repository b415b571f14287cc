"""Labels: which devices are on a page, what their codes say, and that names are text and never markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from bridge.console.labels import MAX_LINK, Label, devices_in, devices_of, label_of, sheet
from bridge.console.links import Prefill, link_of

BASE = "https://console.example.org"


class Texts(HTMLParser):
    """The texts of a page by the class of their element, its scripts, and how deep elements are left open."""

    VOID = frozenset({"meta", "link", "path"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.scripts: list[str | None] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs).get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((next((name for _, name in reversed(self.open) if name), ""), data))

    def of(self, name: str) -> list[str]:
        return [text for class_, text in self.texts if class_ == name]


def test_an_address_names_devices_with_what_belongs_to_each() -> None:
    query = [("id", "a"), ("id", "b "), ("name", "Pump"), ("type", "t"), ("type", "u"), ("other", "x"), ("id", "")]
    assert devices_in(query) == [Prefill("a", "Pump", "t"), Prefill("b", "", "u")]


def test_names_beyond_the_ids_belong_to_nobody() -> None:
    assert devices_in([("id", "a"), ("name", "x"), ("name", "y")]) == [Prefill("a", "x")]
    assert devices_in([("name", "x")]) == []


def test_lines_name_devices_and_what_follows_is_the_name() -> None:
    assert devices_of("a\r\n\n  b\tPump two \nc Pump  three\na again\n") == [
        Prefill("a", "again"),
        Prefill("b", "Pump two"),
        Prefill("c", "Pump  three"),
    ]


def test_a_label_says_what_is_known_of_the_device() -> None:
    device = Prefill("pump-7", "Pump seven", "c8y_Pump", "Plant/Hall")
    label = label_of(BASE, device)
    assert label.link == link_of(BASE, device)
    assert label.code is not None
    assert label.code.startswith("<svg viewBox=")


def test_a_code_that_would_be_too_fine_to_read_names_the_id_alone() -> None:
    device = Prefill("pump-7", name="n" * MAX_LINK)
    assert label_of(BASE, device).link == link_of(BASE, replace(device, name=""))


def test_an_id_that_no_code_holds_is_told_on_its_label() -> None:
    label = label_of(BASE, Prefill("\U0001f600" * 255))
    assert label.code is None
    page = Texts(sheet([label], BASE, []))
    assert page.of("code none") == ["This ID is too long for a QR code."]


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{labels}}", "&amp;"]
)
def test_names_are_text(hostile: str) -> None:
    page = Texts(sheet([label_of(BASE, Prefill("pump-7", hostile))], BASE, [hostile]))
    assert page.of("name") == [hostile]
    assert hostile in page.of("faults")
    assert page.scripts == ["/static/console.js", "/static/label.js"]
    assert page.open == []


def test_a_page_without_labels_asks_for_devices() -> None:
    assert "<details open>" in sheet([], BASE, [])
    some = sheet([Label(Prefill("pump-7", "Pump"), f"{BASE}/?register=pump-7", None)], BASE, [])
    assert "<details >" in some
    assert re.search(r"<textarea[^>]*>\s*pump-7 Pump</textarea>", some)
