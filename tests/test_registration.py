"""The life of one registration against a plain model of the contract, whatever happens in whatever order."""

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.decisions import (
    Age,
    Call,
    Command,
    Confirm,
    Decision,
    Delete,
    Install,
    MarkDelivered,
    MarkInstalled,
    Register,
    Remove,
    Reply,
)
from bridge.registration import CallKind, Code, Draw, Form, Policy, Registration, Status, TokenPolicy
from tests.making import ACCEPTED, BLOCKED, BY, IGNORED, NOW, PENDING, REQUIRED, WAITING, accept, decided

MINUTE = 60_000
TTL, RETENTION, WINDOW = 60 * MINUTE, 30 * MINUTE, 45 * MINUTE
CALLERS = [
    Call("pump-7", kind, "pump-7" if kind is CallKind.PLAIN else f"client-{number}", form, token)
    for number, (kind, form) in enumerate(
        [(CallKind.PRIVATE, Form.JSON), (CallKind.PRIVATE, Form.LINE), (CallKind.PLAIN, Form.LINE)]
    )
    for token in (None, "a", "b")
]


def test_each_status_is_shown_in_the_contracts_words() -> None:
    assert {status.value: status.words for status in Status} == {
        "WAITING_FOR_CONNECTION": "Waiting for connection",
        "PENDING_ACCEPTANCE": "Pending acceptance",
        "ACCEPTED": "Accepted",
        "BLOCKED": "Blocked",
    }


def test_the_refusals_are_exactly_the_contracts_codes() -> None:
    codes = """MALFORMED_REQUEST UNKNOWN_COMMAND UNKNOWN_TENANT NOT_FOUND ALREADY_REGISTERED ALREADY_EXISTS INVALID_ID
        INVALID_STATE INVALID_OPTION TOKEN_MISMATCH TOKEN_REQUIRED BLOCKED CLAIM_CONFLICT TENANT_AND_GROUP NOT_PERMITTED
        BULK_FILE_INVALID LIMIT_REACHED INTERNAL"""
    assert [code.value for code in Code] == codes.split()


@dataclass
class Model:
    """A registration as the contract tells of it."""

    created: int
    token: str | None
    auto: bool
    status: Status = WAITING
    callers: list[Call] = field(default_factory=list)
    overflow: bool = False
    calls: int = 0
    guesses: int = 0
    failed: int = 0
    chosen: Call | None = None
    accepted: int = 0
    answered: int | None = None
    is_installed: bool = False
    confirmed: int | None = None


class Life(RuleBasedStateMachine):
    """Calls, decisions, deletions, installations, confirmations and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.drawn = 0
        self.registration: Registration | None = None
        self.model: Model | None = None
        self.policy = Policy()
        self.seeds: list[bytes] = [bytes(16)]

    @initialize(
        tokens=st.sampled_from(TokenPolicy),
        block=st.booleans(),
        attempts=st.integers(1, 3),
        token=st.none() | st.just("a"),
        auto=st.booleans(),
    )
    def begin(self, tokens: TokenPolicy, block: bool, attempts: int, token: str | None, auto: bool) -> None:
        self.policy = Policy(tokens, attempts, block, WINDOW, TTL, RETENTION)
        self.register(token, auto)

    def do(self, command: Command) -> Decision:
        self.drawn += 1
        draw = Draw(self.drawn.to_bytes(16, "big"), "k1", f"{self.drawn:08x}")
        decision = decided(self.registration, command, self.policy, now=self.now, draw=draw)
        self.registration = decision.after
        if any(isinstance(effect, Install) for effect in decision.effects):
            self.seeds.append(draw.seed)
        return decision

    @rule(token=st.none() | st.sampled_from("ab"), auto=st.booleans())
    def register(self, token: str | None, auto: bool) -> None:
        before = self.registration
        refusal = self.do(
            Register("pump-7", "default", BY, token=token, auto_accept=auto and token is not None)
        ).refusal
        if self.model is not None:
            assert refusal is not None
            assert refusal.code is Code.ALREADY_REGISTERED
            assert self.registration == before
        else:
            self.model = Model(self.now, token, auto and token is not None)

    @rule(call=st.sampled_from(CALLERS))
    def call(self, call: Call) -> None:
        decision = self.do(call)
        model = self.model
        credentials = Reply(credentials=True) in decision.effects
        if model is None:
            assert decision.after is None
            assert not credentials
            return
        model.calls += 1
        if model.status is ACCEPTED:
            over = (
                model.confirmed is not None
                or self.now - model.accepted >= WINDOW
                or (model.answered is not None and self.now - model.answered >= 10 * MINUTE)
            )
            assert credentials == (not over and model.is_installed and call == model.chosen)
            if credentials and call.kind is CallKind.PLAIN and model.answered is None:
                model.answered = self.now
            return
        assert not credentials
        if model.status is BLOCKED:
            return
        known = model.token is not None or any(one.token is not None for one in model.callers)
        if self.policy.tokens is REQUIRED and call.token is None and not known:
            model.status = BLOCKED if self.policy.block_missing else model.status
        elif model.token is not None and call.token != model.token:
            if model.auto and call.token is not None:
                model.guesses += 1
                model.auto = model.guesses < self.policy.max_attempts
        elif model.auto:
            model.callers.append(call)
            model.status, model.chosen, model.accepted = ACCEPTED, call, self.now
        elif call not in model.callers:
            model.overflow |= len(model.callers) == 4
            if len(model.callers) < 4:
                model.callers.append(call)
                model.status = PENDING

    @rule(token=st.none() | st.sampled_from("abx"))
    def accept(self, token: str | None) -> None:
        decision = self.do(accept(token))
        code = decision.refusal.code if decision.refusal else None
        model = self.model
        if model is None:
            assert code is Code.NOT_FOUND
        elif model.status in (WAITING, BLOCKED):
            assert code is Code.INVALID_STATE
        elif model.status is ACCEPTED:
            assert code is None
        elif self.policy.tokens is IGNORED:
            self.one_of(model.callers, code)
        elif model.token is not None and token not in (None, model.token):
            self.mismatch(code)
        elif all(one.token is None for one in model.callers):
            if self.policy.tokens is REQUIRED:
                assert code is (Code.BLOCKED if self.policy.block_missing else Code.TOKEN_REQUIRED)
                model.status = BLOCKED if self.policy.block_missing else PENDING
            else:
                self.one_of(model.callers, code)
        elif (given := token or model.token) is None:
            assert code is Code.TOKEN_REQUIRED
        elif fitting := [one for one in model.callers if one.token == given]:
            self.one_of(fitting, code)
        elif model.overflow:
            assert code is Code.CLAIM_CONFLICT
            # From here on the token taken at accept decides; its own tests tell how.
            self.delete()
        else:
            self.mismatch(code)

    def one_of(self, fitting: list[Call], code: Code | None) -> None:
        assert self.model is not None
        if len(fitting) > 1:
            assert code is Code.CLAIM_CONFLICT
            return
        assert code is None
        self.model.status, self.model.chosen, self.model.accepted = ACCEPTED, fitting[0], self.now

    def mismatch(self, code: Code | None) -> None:
        assert self.model is not None
        self.model.failed += 1
        if self.model.failed == self.policy.max_attempts:
            assert code is Code.BLOCKED
            self.model.status = BLOCKED
        else:
            assert code is Code.TOKEN_MISMATCH

    @rule()
    def delete(self) -> None:
        decision = self.do(Delete("pump-7", BY))
        model, self.model = self.model, None
        if model is None:
            assert decision.refusal is not None
        else:
            removes = model.status is ACCEPTED and model.confirmed is None
            assert decision.effects == ((Remove(),) if removes else ())

    @rule(caller=st.sampled_from(CALLERS))
    def come_all_the_way(self, caller: Call) -> None:
        self.delete()
        self.register(caller.token, auto=False)
        self.call(caller)
        self.accept(None)
        self.mark_installed(latest=True)

    @rule(latest=st.booleans())
    def mark_installed(self, latest: bool) -> None:
        self.do(MarkInstalled("pump-7", self.seeds[-1 if latest else 0]))
        if self.model is not None and self.model.status is ACCEPTED and latest:
            self.model.is_installed = True

    @rule(latest=st.booleans())
    def mark_delivered(self, latest: bool) -> None:
        before = self.registration
        self.do(MarkDelivered("pump-7", self.seeds[-1 if latest else 0]))
        if before is not None and self.registration != before:
            assert self.registration == replace(before, delivered=self.now)

    @rule(tenant=st.sampled_from(["default", "north"]))
    def confirm(self, tenant: str) -> None:
        self.do(Confirm("pump-7", tenant))
        model = self.model
        if model is not None and model.is_installed and tenant == "default" and model.confirmed is None:
            model.confirmed = self.now

    @rule(minutes=st.sampled_from([1, 9, 30, 60]))
    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @precondition(lambda self: self.model is not None)
    @rule()
    def age(self) -> None:
        self.do(Age("pump-7"))
        model = self.model
        assert model is not None
        expired = model.status in (WAITING, PENDING) and self.now - model.created >= TTL
        retired = model.confirmed is not None and self.now - model.confirmed >= RETENTION
        if expired or retired:
            self.model = None

    @invariant()
    def record_and_model_agree(self) -> None:
        model, found = self.model, self.registration
        if model is None:
            assert found is None
            return
        assert found is not None
        assert found.status is model.status
        assert (found.calls, found.failed_attempts, found.wrong_calls) == (model.calls, model.failed, model.guesses)
        assert (found.auto_accept, found.claims_overflow) == (model.auto, model.overflow)
        kept = [(one.kind, one.client_id, one.form, one.token) for one in found.claims]
        assert kept == [(one.kind, one.client_id, one.form, one.token) for one in model.callers]
        assert len({one.fingerprint for one in found.claims}) == len(found.claims) <= 4
        assert (found.installed is not None, found.confirmed) == (model.is_installed, model.confirmed)
        assert (found.seed is not None) == (found.accepted_claim is not None) == (found.status is ACCEPTED)
        if model.chosen is not None:
            claim = found.claim(found.accepted_claim)
            assert claim is not None
            assert (claim.client_id, claim.token) == (model.chosen.client_id, model.chosen.token)


def test_whatever_happens_in_whatever_order_the_record_is_what_the_contract_tells() -> None:
    steady = settings(max_examples=150, stateful_step_count=40, derandomize=True, deadline=None)
    run_state_machine_as_test(Life, settings=steady)
