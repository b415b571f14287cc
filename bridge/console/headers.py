"""What each answer tells the browser to allow, which is as little as the page needs. Pure."""

from collections.abc import Iterable
from typing import Final

NONCE: Final = "console.nonce"
"""Where in its scope a request has the word that makes the scripts of its page ours: another one each time."""
PAGE: Final = (b"x-nicegui-content", b"page")
"""What NiceGUI tells of its pages, and of nothing else; it is for us, and goes no further."""

Headers = list[tuple[bytes, bytes]]

STRICT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""For all that is no page of NiceGUI: only what is in our own files runs or looks."""
OF_PAGES: Final = (
    # Vue makes functions of the components' templates in the browser, hence 'unsafe-eval'. Scripts in the page itself
    # need the nonce, so that markup which somebody got into a page runs nothing. Quasar and the charts set styles on
    # elements; with images and fonts from here alone, nothing is told to anybody by them.
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

ALWAYS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not no-referrer: with it the browser would not tell our own forms' origin either.
    (b"referrer-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")
"""Only once browsers have reached us by TLS, and for this name alone: others of the domain are not ours to decide."""
BANNERS: Final = frozenset({b"server", b"x-powered-by", PAGE[0]})


def headers_of(answered: Iterable[tuple[bytes, bytes]], nonce: str, *, secure: bool) -> Headers:
    """Return the headers of an answer: ``answered`` by the application, and ours, which replace its own."""
    lower = [(name.lower(), value) for name, value in answered]
    policy = OF_PAGES.format(nonce=nonce) if PAGE in lower else STRICT
    ours = [(b"content-security-policy", policy.encode()), *ALWAYS, *([STRICT_TRANSPORT] if secure else [])]
    names = {name for name, _ in ours} | BANNERS
    kept = [(name, value) for name, value in lower if name not in names]
    if not any(name == b"cache-control" for name, _ in kept):
        kept.append((b"cache-control", b"no-store"))
    return [*kept, *ours]
