"""How the bridge's own clients trust a broker: TLS 1.2 or newer, a known authority, the right name. Never less."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Final

HANDSHAKE_PATIENCE: Final = 10.0
"""Seconds for connecting and the handshake, where only the certificate is looked at."""


class TrustFault(Exception):
    """A certificate or an authority's file cannot be used; the sentence says why."""


class TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        """See ``ssl.SSLSocket``."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def client_context(authority: Path) -> ssl.SSLContext:
    """Return the context of a client that trusts the certificates in ``authority`` alone. Raises TrustFault."""
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError is one
        reason = "there is no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise TrustFault(f"the authority's certificate {authority} cannot be used: {reason}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = TidySocket
    return context


def words_of(error: BaseException | None) -> str | None:
    """Say in words why a connection by TLS failed; None if ``error`` is nothing that has to do with TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        known = next((words for part, words in _REASONS.items() if part in reason), reason)
        return f"its certificate is not trusted: {known}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionResetError):
        return "it ended the connection instead of a TLS handshake: it may take plain connections alone"
    if isinstance(error, ssl.SSLError):
        if error.reason == "WRONG_VERSION_NUMBER":
            return "what answers there speaks no TLS"
        return f"the TLS handshake failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    return None


_REASONS: Final = {
    "certificate has expired": "it has expired",
    "certificate is not yet valid": "it is not valid yet; is the clock of this machine right?",
    "Hostname mismatch": "it is another host's",
    "IP address mismatch": "it is another host's",
    "unable to get local issuer": "another authority signed it",
    "self-signed certificate": "another authority signed it",
    "signature failure": "another authority signed it",
}


def tried(server: Path, key: Path, authority: Path, host: str) -> str | None:
    """Say why a client that trusts ``authority`` would not take the certificate in ``server`` at ``host``, or None.

    It is tried with a handshake in memory, so it is what a client says. Raises TrustFault, OSError.
    """
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        serving.load_cert_chain(server, key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return "the key is not the one of the certificate"
        return f"certificate and key cannot be used: {(error.reason or str(error)).replace('_', ' ').lower()}"
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client_context(authority).wrap_bio(to_client, to_server, server_hostname=host)
    answering = serving.wrap_bio(to_server, to_client, server_side=True)
    while True:
        try:
            asking.do_handshake()
        except ssl.SSLWantReadError:
            try:
                answering.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return words_of(error)
        except ssl.SSLError as error:
            return words_of(error)
        else:
            return None


def _no_passphrase() -> str:
    raise TrustFault("the key has a passphrase, for which nobody can be asked: give one without")


async def shown_certificate(host: str, port: int) -> bytes:
    """Return the certificate, in DER, that is shown to who connects to ``host`` now, whether it is trusted or not.

    Nothing is said over the connection. Raises OSError, TimeoutError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is only looked at: an expired one is what is looked for
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(HANDSHAKE_PATIENCE):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        with contextlib.suppress(OSError):  # the broker may have closed first
            await writer.wait_closed()
    assert isinstance(shown, bytes)
    return shown
