"""`make soak`: kill processes at random under the load of a fleet, and see that nothing is lost.

Exit status 0: nothing was found; 1: something was, and the folder with logs and database is kept; 130: interrupted.
"""

import argparse
import asyncio
import logging
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.soak.breaking import BREAKS
from tests.soak.run import Order, Soak


def main() -> int:
    """Run as the arguments say and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many kills (default: 1000)")
    parser.add_argument("--seed", type=int, default=None, help="the seed of the plan (default: drawn)")
    parser.add_argument("--devices", type=int, default=100, help="how many devices (default: 100)")
    parser.add_argument("--check-every", type=int, default=10, help="kills between two looks at everything")
    parser.add_argument(
        "--break", dest="breaks", action="append", default=[], choices=sorted(BREAKS), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    seed = secrets.randbits(32) if given.seed is None else given.seed
    order = Order(seed, given.kills, given.devices, given.check_every, tuple(given.breaks))
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"seed {seed}: {order.kills} kills, {order.devices} devices, in {folder}", flush=True)
    # What the libraries say when brokers die under their connections is nobody's news.
    logging.basicConfig(filename=folder / "clients.log", level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    soak = Soak(order, folder, lambda line: print(line, flush=True))
    try:
        found, interrupted = asyncio.run(_until_signalled(soak))
    except BaseException:
        print(_replay(order, folder), file=sys.stderr)
        raise
    print(_summary(soak), flush=True)
    if found:
        print(f"\n{len(found)} violations:", *found[:40], sep="\n  ", file=sys.stderr)
        print(_replay(order, folder), file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 130 if interrupted else 0


async def _until_signalled(soak: Soak) -> tuple[list[str], bool]:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    found = await soak.run(stop)
    return found, stop.is_set()


def _replay(order: Order, folder: Path) -> str:
    words = f"SEED={order.seed} KILLS={order.kills} DEVICES={order.devices} EVERY={order.check_every}"
    broken = "".join(f" BREAK={name}" for name in order.breaks)
    return f"seed {order.seed}; database and logs are kept in {folder}\nagain: make soak {words}{broken}"


def _summary(soak: Soak) -> str:
    figures = soak.figures
    looks = figures.looks
    clerks = soak.desk.clerks.values()
    memory = f"{looks[0].bridge / 1024:.1f} to {looks[-1].bridge / 1024:.1f} MB" if looks else "not measured"
    return (
        f"{figures.kills} kills of {figures.processes_killed} processes in {figures.seconds:.0f} s, "
        f"{figures.at_arrows.total()} of them at {len(figures.at_arrows)} named arrows, "
        f"{figures.steps} steps, {sum(clerk.asked for clerk in clerks)} commands, "
        f"{len(soak.desk.ledger.held)} credentials given, {soak.desk.fleet.connections} logins of devices, "
        f"{figures.checks} looks at everything, {figures.helped['REGISTER_AGAIN']} devices registered anew for them, "
        f"{figures.helped['SWITCH_ON_AGAIN']} confirmed by their next login only, {soak.repairs} repairs, "
        f"{soak.house.spoilt} files of accounts spoilt by a kill of their broker, "
        f"memory of the bridge {memory}, "
        f"{len(soak.found)} violations"
    )


if __name__ == "__main__":
    sys.exit(main())
