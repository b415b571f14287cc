"""The arrows of the line that a message walks, by name: between which two steps the bridge may die.

Each step ends by naming the arrow it passes. That does nothing, unless tests put something into ``hook`` that ends the
process just there; no setting and no message reaches it.
"""

from collections.abc import Callable
from enum import StrEnum


class Arrow(StrEnum):
    """What has just been done, and what has not. The values are the sentences of docs/faults.md."""

    # Calls.
    CALLS_HEARD = "calls have arrived, none is understood"
    CALLS_UNDERSTOOD = "calls are understood, nothing is loaded"
    CALLS_LOADED = "what calls are about is loaded, nothing is decided"
    CALLS_DECIDED = "calls are decided and written, not committed"
    CALLS_COMMITTED = "calls are committed, not acknowledged"
    CALLS_ACKNOWLEDGED = "calls are acknowledged, not answered"
    CALLS_ANSWERED = "calls are answered, accounts and events wait"
    CALLS_TOLD = "all that came of calls is told"

    # Requests of administrators.
    REQUEST_ACKNOWLEDGED = "a request is acknowledged, it waits for its turn"
    REQUEST_HEARD = "a request has arrived and is not understood"
    REQUEST_UNDERSTOOD = "a request is understood, nothing is loaded"
    REQUEST_LOADED = "what a request is about is loaded, nothing is decided"
    REQUEST_DECIDED = "a request, or a part of it, is decided and written with its audit, not committed"
    REQUEST_PART_COMMITTED = "a part of a file or of accept-all is committed, others follow"
    REQUEST_COMMITTED = "a request is committed, not answered"
    REQUEST_ANSWERED = "a request is answered, its events are not told"
    REQUEST_TOLD = "a request is answered and told"

    # Accounts, from the rows that are the outbox.
    ACCOUNTS_SENT = "commands about accounts are sent to the broker, whose answer is out"
    ACCOUNTS_INSTALLED = "the broker has confirmed new accounts, which is not noted"
    ACCOUNTS_RENEWED = "the broker has confirmed accounts that begin another life, which is not noted"
    CREDENTIALS_PUSHED = "credentials are sent, the account is not noted"
    ACCOUNTS_WRITTEN = "confirmed accounts are written, not committed"
    ACCOUNTS_NOTED = "confirmed accounts are committed"

    # Credentials on their way.
    CREDENTIALS_PUSHED_AGAIN = "credentials that nobody took are sent again after a start"
    DELIVERY_HEARD = "the broker took credentials for a listener, which is not noted"
    DELIVERY_COMMITTED = "a delivery is committed, not told"

    # What devices say of themselves.
    INFO_HEARD = "a device has spoken, nothing is decided"
    INFO_DECIDED = "what a device said is decided and written, not committed"
    INFO_COMMITTED = "what a device said is committed, not told and not acknowledged"
    INFO_ACKNOWLEDGED = "what a device said is acknowledged"

    # Lives that end, because the account leaves or another life begins.
    LIVES_LOCKED_OUT = "devices are locked out, what the broker kept for them is there"
    LIFE_CLEARED = "what the broker kept for one device is cleared"
    LIVES_HEARD_OUT = "devices are heard out, their accounts are there, with a password that nobody has"
    LEAVING_REMOVED = "accounts are taken away, their rows are there"
    LEAVING_FORGOTTEN = "the rows of accounts that left are forgotten"

    # Rows and broker compared.
    RECONCILE_LISTED = "the accounts of the broker are listed, not compared"
    RECONCILE_NOTED = "what has to be repaired is committed, not done"
    RECONCILE_REMOVED = "some accounts that no row wants are taken away"

    # Beside the line.
    BEGINNINGS_COMMITTED = "a fresh database has its first tenants and administrators"
    AGED_COMMITTED = "registrations whose time is over are committed, not told"


hook: Callable[[Arrow], None] | None = None
"""What tests put here hears of each arrow."""


def passed(arrow: Arrow) -> None:
    """Name the arrow that the work at hand passes."""
    if hook is not None:
        hook(arrow)
