"""Which call becomes a claim, and which claim an accept means (the contract, sections 3 and 4). Pure."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.decisions import Accept, Call, Refusal
from bridge.registration import MAX_CLAIMS, Claim, Code, Draw, Policy, Registration, TokenPolicy


@dataclass(frozen=True, slots=True)
class Chosen:
    """This claim is the one."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The token given is not the caller's: a failed attempt."""


@dataclass(frozen=True, slots=True)
class OnlyTokenless:
    """Tokens are required and no caller has shown one."""


@dataclass(frozen=True, slots=True)
class TakeToken:
    """More callers than are kept: the token given tells the next calls apart. Not a failed attempt."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Undecided:
    """The administrator has to say more. Not a failed attempt."""

    refusal: Refusal


Choice = Chosen | Mismatch | OnlyTokenless | TakeToken | Undecided


def same(one: str | None, other: str | None) -> bool:
    """Compare two token digests in constant time; no token equals no token."""
    if one is None or other is None:
        return one is other
    return hmac.compare_digest(one, other)


def shows(claim: Claim, call: Call) -> bool:
    """Tell whether ``call`` is equal to ``claim``: call and client id, token, public key and form."""
    return (
        claim.kind is call.kind
        and claim.client_id == call.client_id
        and same(claim.token, call.token)
        and claim.public_key == call.public_key
        and claim.form is call.form
    )


def claim_of(call: Call, draw: Draw, now: int, taken: Iterable[Claim] = ()) -> Claim:
    """Make the claim that ``call`` shows, under a fingerprint that none of ``taken`` bears."""
    fingerprint = draw.fingerprint
    fingerprints = {claim.fingerprint for claim in taken}
    while fingerprint in fingerprints:
        fingerprint = f"{(int(fingerprint, 16) + 1) % 2**32:08x}"
    return Claim(fingerprint, call.kind, call.client_id, call.token, call.public_key, call.form, now)


def token_known(registration: Registration) -> bool:
    """Tell whether a token is known for the device, from the administrator or from a caller."""
    return registration.token is not None or any(claim.token is not None for claim in registration.claims)


def is_missing_token(registration: Registration, call: Call, policy: Policy) -> bool:
    """Tell whether ``call`` breaks the policy REQUIRED. Where a token is known it does not: anyone may call."""
    return call.token is None and policy.tokens is TokenPolicy.REQUIRED and not token_known(registration)


def carries_other_token(registration: Registration, call: Call) -> bool:
    """Tell whether the administrator's token keeps ``call`` from being a claim."""
    return registration.token is not None and not same(registration.token, call.token)


def is_new(registration: Registration, call: Call) -> bool:
    """Tell whether ``call`` shows something that no kept claim shows, and may be a claim at all."""
    return not carries_other_token(registration, call) and not any(shows(claim, call) for claim in registration.claims)


def fits(registration: Registration) -> bool:
    """Tell whether a further claim would be kept."""
    return len(registration.claims) < MAX_CLAIMS


def replaces_last(registration: Registration, call: Call) -> bool:
    """Tell whether ``call`` carries a token that the administrator gave when there were too many claims without it."""
    return (
        registration.token is not None
        and not fits(registration)
        and is_new(registration, call)
        and not same(registration.claims[-1].token, registration.token)
    )


def choose(registration: Registration, accept: Accept, policy: Policy) -> Choice:
    """Find the claim that ``accept`` means among those of ``registration``, which is pending."""
    if accept.claim is not None:
        return _named(registration, accept, accept.claim, policy)
    claims, overflow = registration.claims, registration.claims_overflow
    if policy.tokens is TokenPolicy.IGNORED:
        return _only(registration, claims)
    if _contradicts(registration, accept):
        return Mismatch()
    if not any(claim.token is not None for claim in claims):
        if policy.tokens is TokenPolicy.REQUIRED and registration.token is None:
            return OnlyTokenless()
        return _overflowed(registration, accept) if overflow else _only(registration, claims)
    token = registration.token if accept.token is None else accept.token
    if token is None:
        return Undecided(_token_required(registration))
    fitting = tuple(claim for claim in claims if claim.token is not None and same(claim.token, token))
    if fitting:
        return _only(registration, fitting)
    return _overflowed(registration, accept) if overflow else Mismatch()


def _named(registration: Registration, accept: Accept, name: str, policy: Policy) -> Choice:
    claim = registration.claim(name)
    if claim is None:
        return Undecided(
            Refusal(
                Code.NOT_FOUND,
                f"the registration of {registration.id} has no claim {name}: get it again and name one it shows",
            )
        )
    if policy.tokens is TokenPolicy.IGNORED:
        return Chosen(claim)
    if _contradicts(registration, accept):
        return Mismatch()
    if claim.token is None:
        if policy.tokens is TokenPolicy.REQUIRED:
            return Undecided(
                Refusal(
                    Code.TOKEN_REQUIRED,
                    f"claim {name} of {registration.id} shows no security token, and the policy requires one",
                )
            )
        return Chosen(claim)
    given = accept.token
    if given is None and not registration.token_from_accept:
        given = registration.token
    if given is None:
        return Undecided(_token_required(registration))
    return Chosen(claim) if same(claim.token, given) else Mismatch()


def _contradicts(registration: Registration, accept: Accept) -> bool:
    """Tell whether the token given is another one than was given at registration."""
    return (
        accept.token is not None
        and registration.token is not None
        and not registration.token_from_accept
        and not same(accept.token, registration.token)
    )


def _only(registration: Registration, fitting: tuple[Claim, ...]) -> Choice:
    if len(fitting) == 1:
        return Chosen(fitting[0])
    return Undecided(
        Refusal(
            Code.CLAIM_CONFLICT,
            f"{len(fitting)} callers claim to be {registration.id}: name the right one as claim, "
            "by its fingerprint, or delete the registration",
            fitting,
        )
    )


def _overflowed(registration: Registration, accept: Accept) -> Choice:
    """More callers than claims kept, and none of those kept is meant."""
    if accept.token is not None:
        return TakeToken(
            Refusal(
                Code.CLAIM_CONFLICT,
                f"more callers claim to be {registration.id} than are kept, none kept shows this token: "
                "it is remembered now, accept again after the device's next call",
                registration.claims,
            )
        )
    if registration.token is not None:
        return Undecided(
            Refusal(
                Code.CLAIM_CONFLICT,
                f"no call for {registration.id} has carried the token given before: accept again after "
                "the device's next call, or give another token",
                registration.claims,
            )
        )
    return Undecided(
        Refusal(
            Code.CLAIM_CONFLICT,
            f"more callers claim to be {registration.id} than are kept: delete it and register again, "
            "with a securityToken where the device has one",
            registration.claims,
        )
    )


def _token_required(registration: Registration) -> Refusal:
    return Refusal(
        Code.TOKEN_REQUIRED,
        f"{registration.id} showed a security token: give the one on its label",
    )
