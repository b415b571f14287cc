"""An event loop in which waiting takes no time: whenever nothing is left to do, its clock jumps to the next alarm."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None and timeout > 0:
            self.skipped += timeout
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop for what runs in it alone; threads and real sockets would be hurried past."""

    def __init__(self) -> None:
        self._hurried = _Selector()
        super().__init__(self._hurried)

    def time(self) -> float:
        return super().time() + self._hurried.skipped


def hurried(work: Coroutine[Any, Any, Result]) -> Result:
    """Run ``work`` to its end, without waiting."""
    with asyncio.Runner(debug=True, loop_factory=HurriedLoop) as runner:
        return runner.run(work)
