"""Where the console is served, and under which names browsers may ask for it."""

from pathlib import Path

import pytest

from bridge.console.place import BadAddress, Serving, plain_host, plain_url

PEM = Path("server.pem")


def test_on_loopback_it_is_known_by_the_names_of_this_machine_alone() -> None:
    serving = Serving("127.0.0.1", 8080)
    assert serving.hosts() == {"127.0.0.1:8080", "localhost:8080", "[::1]:8080"}
    assert (serving.secure, serving.cookie, serving.address) == (False, "console-8080", "http://127.0.0.1:8080/")


def test_with_tls_it_is_also_known_by_the_names_in_its_certificate_and_its_cookie_is_bound_to_the_name() -> None:
    serving = Serving("0.0.0.0", 8443, PEM, PEM, ("Bridge.example",))
    assert {"bridge.example:8443", "factory.lan:8443", "192.0.2.7:8443"} <= serving.hosts(["factory.lan", "192.0.2.7"])
    assert "0.0.0.0:8443" not in serving.hosts()
    assert not any("*" in host for host in serving.hosts(["*.example.com"]))
    assert (serving.secure, serving.cookie, serving.address) == (True, "__Host-console", "https://Bridge.example:8443/")


@pytest.mark.parametrize(("port", "certificate"), [(443, PEM), (80, None)])
def test_at_the_usual_port_browsers_leave_it_out(port: int, certificate: Path | None) -> None:
    hosts = Serving("192.0.2.7", port, certificate, certificate).hosts()
    assert {"192.0.2.7", f"192.0.2.7:{port}"} <= hosts
    assert "192.0.2.7" not in Serving("192.0.2.7", 443 if port == 80 else 80, certificate, certificate).hosts()


def test_behind_a_proxy_the_address_that_people_open_decides() -> None:
    serving = Serving("127.0.0.1", 8080, url="https://console.example.com")
    assert "console.example.com" in serving.hosts()
    assert (serving.secure, serving.cookie) == (True, "__Host-console")
    assert serving.address == "https://console.example.com/"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://console.example.com", "https://console.example.com"),
        ("https://Console.Example.com/", "https://console.example.com"),
        ("https://console.example.com:443", "https://console.example.com"),
        ("https://console.example.com:8443/", "https://console.example.com:8443"),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_address_is_taken_as_browsers_tell_it(given: str, url: str) -> None:
    assert plain_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        *("", "console.example.com", "ftp://console.example.com", "https://", "https://console.example.com/below"),
        *("https://console.example.com/?a=b", "https://me:pw@console.example.com", "https://console.example.com:99999"),
        *("https://console.example.com/#x", "https://a b.example", "https://[::1"),
    ],
)
def test_what_is_no_address_is_refused_in_words(given: str) -> None:
    with pytest.raises(BadAddress, match=r" is (no address|neither a host name)| has more than a name"):
        plain_url(given)


@pytest.mark.parametrize(
    ("given", "host"), [("Bridge.lan.", "bridge.lan"), ("192.0.2.7", "192.0.2.7"), ("::1", "[::1]"), ("[::1]", "[::1]")]
)
def test_names_are_taken_as_browsers_tell_them(given: str, host: str) -> None:
    assert plain_host(given) == host


@pytest.mark.parametrize("given", ["", "a b", "bridge.lan/", "http://bridge.lan", "*.lan", "x" * 300])
def test_what_is_no_name_is_refused(given: str) -> None:
    with pytest.raises(BadAddress):
        plain_host(given)
