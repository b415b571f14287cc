"""What is done now and then: what is over goes."""

from collections.abc import AsyncIterator
from typing import Final

import structlog

from bridge import queries
from bridge.arrows import Arrow, passed
from bridge.batch import Batch
from bridge.control import REMEMBERED
from bridge.decisions import Age, Event
from bridge.rulebook import Rulebook
from bridge.store import Store

AGED_AT_ONCE: Final = 500

log = structlog.get_logger("bridge")


async def keep_house(store: Store, rulebook: Rulebook, now: int) -> AsyncIterator[list[Event]]:
    """Let registrations expire and retire whose time is over, and forget old answers; yield what is to be told.

    Raises StoreFault.
    """
    policies = [rulebook.policy(tenant) for tenant in {tenant for tenant, _ in rulebook.values} | {""}]
    lives = [policy.ttl for policy in policies if policy.ttl]
    created = now - min(lives) if lives else -1
    confirmed = now - min(policy.retention for policy in policies)
    after = ""
    while True:
        async with store.write() as transaction:
            ids = await queries.aged(
                transaction.connection, created=created, confirmed=confirmed, after=after, limit=AGED_AT_ONCE
            )
            batch = Batch(transaction, rulebook, now)
            await batch.load(ids)
            for device_id in ids:
                batch.decide(Age(device_id))
            await batch.write()
            await transaction.forget_answers(now - REMEMBERED)
        passed(Arrow.AGED_COMMITTED)
        yield batch.events
        if len(ids) < AGED_AT_ONCE:
            return
        after = ids[-1]
