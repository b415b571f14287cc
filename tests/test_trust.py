"""What a client of the bridge takes for trustworthy, tried with handshakes in memory and with a server."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from bridge.certificates import DAY, Pair, new_authority, new_server, read
from bridge.trust import TidySocket, TrustFault, client_context, shown_certificate, tried, words_of

NOW = int(time.time() * 1000)
OLD = NOW - 500 * DAY
AUTHORITY = new_authority("authority", OLD)
GOOD = new_server(AUTHORITY, "broker", ("localhost", "127.0.0.1"), NOW)
EXPIRED = new_server(AUTHORITY, "broker", ("localhost", "127.0.0.1"), OLD)
EARLY = new_server(AUTHORITY, "broker", ("localhost", "127.0.0.1"), NOW + 3 * DAY)
OTHERS = new_server(new_authority("authority", OLD), "broker", ("localhost", "127.0.0.1"), NOW)
ELSEWHERE = new_server(AUTHORITY, "broker", ("elsewhere.example", "192.0.2.1"), NOW)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(AUTHORITY.certificate)
    return path


def written(folder: Path, pair: Pair, name: str = "server") -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_text(pair.certificate)
    key.write_text(pair.key)
    return certificate, key


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_of_the_authority_is_taken_by_name_and_by_address(
    tmp_path: Path, authority: Path, host: str
) -> None:
    assert tried(*written(tmp_path, GOOD), authority, host) is None


@pytest.mark.parametrize(
    ("pair", "host", "said"),
    [
        (EXPIRED, "localhost", "it has expired"),
        (EARLY, "localhost", "it is not valid yet; is the clock of this machine right?"),
        (OTHERS, "localhost", "another authority signed it"),
        (ELSEWHERE, "localhost", "it is another host's"),
        (ELSEWHERE, "127.0.0.1", "it is another host's"),
        (GOOD, "192.0.2.1", "it is another host's"),
    ],
)
def test_what_is_not_to_be_trusted_is_refused_in_words(
    tmp_path: Path, authority: Path, pair: Pair, host: str, said: str
) -> None:
    assert tried(*written(tmp_path, pair), authority, host) == f"its certificate is not trusted: {said}"


def test_a_certificate_that_signed_itself_is_refused(tmp_path: Path, authority: Path) -> None:
    own = written(tmp_path, new_authority("nobody", OLD))
    assert tried(*own, authority, "localhost") == "its certificate is not trusted: another authority signed it"


def test_a_key_of_another_certificate_is_named_so(tmp_path: Path, authority: Path) -> None:
    certificate, _ = written(tmp_path, GOOD)
    _, key = written(tmp_path, OTHERS, "other")
    assert tried(certificate, key, authority, "localhost") == "the key is not the one of the certificate"


def test_files_that_hold_no_certificate_or_no_key_are_named_so(tmp_path: Path, authority: Path) -> None:
    certificate, key = written(tmp_path, GOOD)
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("rubbish")
    assert "cannot be used" in str(tried(rubbish, key, authority, "localhost"))
    assert "cannot be used" in str(tried(certificate, rubbish, authority, "localhost"))
    with pytest.raises(TrustFault, match="rubbish cannot be used: there is no certificate in it"):
        tried(certificate, key, rubbish, "localhost")


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(tmp_path: Path, authority: Path) -> None:
    certificate, key = written(tmp_path, GOOD)
    open_ = serialization.load_pem_private_key(GOOD.key.encode(), password=None)
    closed = serialization.BestAvailableEncryption(b"passphrase")
    key.write_bytes(open_.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed))
    with pytest.raises(TrustFault, match="has a passphrase"):
        tried(certificate, key, authority, "localhost")


def test_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrustFault, match=r"none\.pem cannot be used: No such file"):
        client_context(tmp_path / "none.pem")


def test_a_client_takes_tls_1_2_at_least_and_always_looks_at_the_name(authority: Path) -> None:
    context = client_context(authority)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.sslsocket_class is TidySocket
    assert len(context.get_ca_certs()) == 1, "none of the machine's own"


@asynccontextmanager
async def server(folder: Path, pair: Pair) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*written(folder, pair))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@pytest.mark.parametrize("pair", [GOOD, EXPIRED, OTHERS])
async def test_what_is_shown_is_seen_whether_or_not_it_is_to_be_trusted(tmp_path: Path, pair: Pair) -> None:
    async with server(tmp_path, pair) as port:
        assert read(await shown_certificate("127.0.0.1", port)) == read(pair.certificate)


async def test_where_nobody_speaks_tls_there_is_nothing_to_see() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with listening:
        with pytest.raises(OSError) as caught:  # noqa: PT011 - of which kind depends on who closes first
            await shown_certificate("127.0.0.1", listening.sockets[0].getsockname()[1])
    assert isinstance(caught.value, OSError)


def test_other_faults_are_none_of_tls() -> None:
    assert words_of(None) is None
    assert words_of(ConnectionRefusedError()) is None
    assert "plain connections" in str(words_of(ssl.SSLEOFError()))
