"""Starts bridges and brokers fast, and ends them all when it ends itself.

It loads the bridge once and forks for each start, which takes a quarter of the time of a new interpreter; what runs
after the fork is the bridge as its command line runs it. Requests and answers are JSON lines on standard input and
output. Usage: python -m tests.soak.nursery
"""

import ctypes
import json
import os
import random
import signal
import sys
from typing import Any

from tests.soak.breaking import BREAKS
from tests.soak.dying import end_at_armed_arrow
from tests.soak.loading import load_the_bridge

_PR_SET_PDEATHSIG = 1


def serve() -> None:
    """Take requests until the input ends."""
    load_the_bridge()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            _live(wanted)
        print(json.dumps({"pid": pid}), flush=True)


def _live(wanted: dict[str, Any]) -> None:
    """Become what is wanted; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 1024)
    os.environ.update(wanted["env"])
    words: list[str] = wanted["words"]
    if not wanted["forks"]:
        os.execv(words[0], words)
    status = 1
    try:
        random.seed()  # the parent's state is every child's
        end_at_armed_arrow(wanted["arming"])
        for name in wanted["breaks"]:
            BREAKS[name]()
        status = _command_line(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _command_line(words: list[str]) -> int:
    from bridge.cli import main

    sys.argv = words
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


if __name__ == "__main__":
    serve()
