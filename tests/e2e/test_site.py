"""How the tests end what they started."""

import signal
from pathlib import Path

from tests.deaf import deaf_broker
from tests.e2e.site import Broker, Process, wait_until
from tests.soak.processes import AGAIN, Living


def test_a_broker_that_did_not_hear_that_it_should_end_is_asked_again(tmp_path: Path) -> None:
    broker = Broker.start([str(deaf_broker(tmp_path, 2))], tmp_path / "log")
    wait_until(lambda: "serves" in broker.output, "the broker serves")
    assert broker.stop() == 0


async def test_and_so_it_is_under_a_soak(tmp_path: Path) -> None:
    broker = Process.start([str(deaf_broker(tmp_path, 2))], tmp_path / "log")
    wait_until(lambda: "serves" in broker.output, "the broker serves")
    await Living(broker.process.pid, broker.log).end(signal.SIGTERM, AGAIN)
    assert broker.process.wait() == 0
