"""The licences of what is shipped, as packages state them, against those that may be. No network."""

from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution
from typing import Any

from license_expression import AND, OR, ExpressionError, LicenseSymbol, get_spdx_licensing

_SPDX = get_spdx_licensing()
_BY_CLASSIFIER = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
"""Classifiers that name one licence. "BSD License" does not."""


def stated(one: Distribution) -> str | None:
    """Return the SPDX expression that a package states of itself; None if it states none that is exact.

    The member made for it counts first (PEP 639), then an old free text that happens to be one, then classifiers.
    """
    metadata = one.metadata
    texts = [*(metadata.get_all("License-Expression") or []), *(metadata.get_all("License") or [])]
    for text in map(str, texts):
        if _parsed(text) is not None:
            return text
    named = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    if named and all(each in _BY_CLASSIFIER for each in named):
        return " AND ".join(sorted(_BY_CLASSIFIER[each] for each in named))
    return None


def _parsed(expression: str) -> Any:
    try:
        return _SPDX.parse(expression, validate=True)
    except ExpressionError:
        return None


def allows(allowed: set[str], expression: str) -> bool:
    """Tell whether ``expression`` can be met by licences of ``allowed``: one side of OR, both of AND."""
    return _met(allowed, _parsed(expression))


def _met(allowed: set[str], part: Any) -> bool:
    match part:
        case AND():
            return all(_met(allowed, each) for each in part.args)
        case OR():
            return any(_met(allowed, each) for each in part.args)
        case LicenseSymbol():
            return part.key in allowed
        case _:  # WITH an exception, or nothing that is known
            return False


def licence_of(one: Distribution, name: str, table: Mapping[str, Any]) -> str | None:
    """Return the licence of a package: what ``table`` (``licences.stated``) says of it, else what it says itself."""
    entry = table.get(name)
    return str(entry["licence"]) if entry else stated(one)


def faults(installed: Mapping[str, Distribution], settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the licences of ``installed``. ``settings`` is the table ``licences`` of supply.toml."""
    allowed, table = set(settings["allowed"]), settings.get("stated", {})
    for name, one in sorted(installed.items()):
        own, licence = stated(one), licence_of(one, name, table)
        if licence is None:
            yield f"{name} {one.version} states no licence that is exact: read it, and say it in .ci/supply.toml"
        elif name in table:
            if not table[name].get("why"):
                yield f"{name}: .ci/supply.toml does not say why"
            if own is not None and allows(allowed, own):
                yield f"{name} states {own} itself by now: its entry in .ci/supply.toml is not needed"
        elif not allows(allowed, licence):
            yield f"{name} {one.version} has {licence}, which is not among the allowed licences of .ci/supply.toml"
    for name in sorted(set(table) - set(installed)):
        yield f"{name} stands in .ci/supply.toml and is no dependency"
