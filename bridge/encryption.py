"""What was wished of TLS, and what may not be: listeners in clear where others can listen, unless somebody says so.

It decides and says; certificates are made by ``authority``.
"""

import ipaddress
from collections.abc import Iterable
from typing import Any, Final

from bridge.certificates import BadCertificate, plain_name, server_names
from bridge.facts import Facts, Tls
from bridge.installation import InstallationFault
from bridge.mosquitto_conf import LOOPBACK
from bridge.settings import BadSettings, Settings

EVERYWHERE: Final = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared with, never listened at
_GIVEN: Final = ("tls_certificate", "tls_key", "tls_ca")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches who listens at ``host``. A name that is none of the usual ones may be moved."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def wishes(settings: Settings, kept: Facts | None) -> dict[str, Any]:
    """Return the wishes for ``installation.make`` about TLS, None where nothing was wished. Raises BadSettings."""
    before = Tls() if kept is None else kept.tls
    given = {name: getattr(settings, name) for name in _GIVEN}
    lacking = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is None]
    if 0 < len(lacking) < len(_GIVEN):
        raise BadSettings(f"--tls-certificate, --tls-key and --tls-ca go together: {', '.join(lacking)} is missing")
    plain = settings.plain_on_the_network
    if settings.tls is False:
        return {"tls": Tls() if before.on else None, "plain_on_the_network": plain}
    if not (before.on or settings.tls or not lacking):
        if settings.tls_name:
            raise BadSettings("--tls-name goes with --tls")
        return {"tls": None, "plain_on_the_network": plain}
    names = before.names
    if settings.tls_name:
        try:
            names = [plain_name(one) for one in settings.tls_name.split(",") if one.strip()]
        except BadCertificate as error:
            raise BadSettings(f"--tls-name: {error}") from None
    wished = before.model_copy(update={"on": True, "names": names})
    if not lacking:
        paths = {name.removeprefix("tls_"): str(path.absolute()) for name, path in given.items()}
        paths["authority"] = paths.pop("ca")
        wished = wished.model_copy(update=paths)
    elif settings.tls and before.is_given:
        wished = Tls(on=True, names=names)
    return {"tls": None if wished == before else wished, "plain_on_the_network": plain}


def wishes_beside(settings: Settings, kept: Facts | None) -> dict[str, Any]:
    """Return the same beside a broker of others: TLS with both brokers or with none; --tls-ca is whom to trust there.

    Raises BadSettings.
    """
    before = Tls() if kept is None else kept.tls
    if settings.tls_certificate is not None or settings.tls_key is not None:
        return wishes(settings, kept)
    if settings.tls and settings.tls_ca is None and before.beside is None:
        raise BadSettings("--tls-ca has to name the authority of the certificate that your broker has")
    on = settings.tls if settings.tls is not None or settings.tls_ca is None else True
    found = wishes(settings.model_copy(update={"tls_ca": None, "tls": on}), kept)
    if settings.tls_ca is not None and settings.tls is not False:
        wished = (found["tls"] or before).model_copy(update={"beside": str(settings.tls_ca.absolute())})
        found["tls"] = None if wished == before else wished
    return found


def listening_at(facts: Facts) -> dict[str, str]:
    """Return where each broker listens."""
    return {"operations": facts.listen or facts.host, "bootstrap": facts.listen or facts.bootstrap_host}


def refuse_clear(facts: Facts, brokers: Iterable[str] = ("operations", "bootstrap")) -> None:
    """Refuse listeners in clear beyond loopback that nobody asked for in plain words. Raises InstallationFault."""
    at = listening_at(facts)
    open_ = [broker for broker in brokers if not is_loopback(at[broker])]
    if facts.tls.on or facts.plain_on_the_network or not open_:
        return
    raise InstallationFault(
        f"the {open_[0]} broker would listen at {at[open_[0]]} without TLS: whoever is on the way reads the passwords, "
        "the devices' new ones among them. Give --tls, which makes certificates, or, where the network is nobody "
        "else's, say so with --plain-on-the-network"
    )


def hosts(facts: Facts) -> tuple[str, ...]:
    """Return the names that the brokers' certificates must hold. Raises BadCertificate."""
    reached = [facts.host, facts.bootstrap_host, facts.listen or ""]
    addresses = [one for one in reached if one and one not in EVERYWHERE]
    return server_names([*addresses, *facts.tls.names])
