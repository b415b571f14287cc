"""The doctor on certificates: what the brokers show is trusted, holds the right names, and does not end soon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from bridge.certificates import WARN_BEFORE, WARN_BEFORE_AUTHORITY, BadCertificate, Certificate, read
from bridge.clock import clock
from bridge.doctor.finding import Finding, Says
from bridge.installation import Installation
from bridge.trust import HANDSHAKE_PATIENCE, TrustFault, client_context, shown_certificate, words_of

_RENEW = "bootstrap-bridge renew-certificates, and SIGHUP to that broker (`up` does both by itself)"


async def certificates(made: Installation, now: int | None = None) -> AsyncIterator[Finding]:
    """Look at what each broker shows, and at the authority. ``now`` is in milliseconds."""
    if made.authority is None:
        return
    facts, says, moment = made.facts, Says("certificates"), clock() if now is None else now
    renew = f"renew {facts.tls.certificate} and run init again" if facts.tls.is_given else _RENEW
    try:
        authority = read(made.authority.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadCertificate) as error:
        yield says.problem(f"{made.authority} cannot be used: {error}", "run bootstrap-bridge init again")
        return
    yield _ends(
        "the authority's certificate",
        authority,
        moment,
        WARN_BEFORE_AUTHORITY,
        "give all who connect another one: see 'When the authority ends' in docs/operating.md",
    )
    for name, host, port in (
        ("operations", facts.host, facts.port),
        ("bootstrap", facts.bootstrap_host, facts.bootstrap_port),
    ):
        try:
            shown = read(await shown_certificate(host, port))
        except BadCertificate as error:
            yield says.problem(f"the {name} broker's: {error}", renew)
        except (OSError, TimeoutError) as error:
            yield says.advice(f"the {name} broker shows none at {host}:{port}: {error}", "see above whether it answers")
        else:
            fault = await _refused(made, host, port)
            if fault is None:
                yield _ends(f"the {name} broker's", shown, moment, WARN_BEFORE, renew)
            else:
                yield says.problem(f"the {name} broker at {host}:{port}: {fault}", renew)


def _ends(whose: str, found: Certificate, now: int, soon: int, do: str) -> Finding:
    says = Says("certificates")
    if found.ends <= now:
        return says.problem(f"{whose} ended on {found.ends_on}", do)
    if found.ends - now < soon:
        return says.advice(f"{whose} ends on {found.ends_on}", do)
    return says.ok(f"{whose} is valid until {found.ends_on}")


async def _refused(made: Installation, host: str, port: int) -> str | None:
    """Say why a client that trusts the installation's authority does not take what is shown, or None if it does."""
    assert made.authority is not None
    try:
        async with asyncio.timeout(HANDSHAKE_PATIENCE):
            _, writer = await asyncio.open_connection(host, port, ssl=client_context(made.authority))
            writer.close()
            with suppress(OSError):  # the broker may have closed first
                await writer.wait_closed()
    except TrustFault as error:
        return str(error)
    except (OSError, TimeoutError) as error:
        return words_of(error) or str(error)
    return None
