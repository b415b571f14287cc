"""The measures as Prometheus reads them; the only room that knows prometheus_client."""

import itertools
import platform
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from bridge.measures import MEASURES, OTHER, Kind, Measure

PREFIX: Final = "bootstrap_bridge"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BEGUN_AT_ZERO: Final = 50
"""Series of one measure that are shown before anything was counted; with more the page would be mostly zeros."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # each counter would have a second series


class Metrics:
    """The meter of one bridge. It has a registry of its own, so that two bridges in one process do not meet."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self._made = {measure: self._make(measure) for measure in MEASURES}
        ProcessCollector(registry=self._registry)
        build = Info("build", "What runs here.", namespace=PREFIX, registry=self._registry)
        build.info({"version": version, "python": platform.python_version()})

    def _make(self, measure: Measure) -> Counter | Gauge | Histogram:
        names = tuple(measure.labels)
        made: Counter | Gauge | Histogram
        match measure.kind:
            case Kind.COUNTER:
                made = Counter(measure.name, measure.says, names, namespace=PREFIX, registry=self._registry)
            case Kind.GAUGE:
                made = Gauge(measure.name, measure.says, names, namespace=PREFIX, registry=self._registry)
            case Kind.HISTOGRAM:
                made = Histogram(
                    measure.name,
                    measure.says,
                    names,
                    namespace=PREFIX,
                    registry=self._registry,
                    buckets=measure.buckets,
                )
        # A counter that appears with its first step hides that step from `rate`.
        series = list(itertools.product(*measure.labels.values()))
        if names and measure.kind is not Kind.GAUGE and len(series) <= BEGUN_AT_ZERO:
            for values in series:
                made.labels(*values)
        return made

    def _one(self, measure: Measure, labels: dict[str, str]) -> Counter | Gauge | Histogram:
        made = self._made[measure]
        assert labels.keys() == measure.labels.keys(), measure.name
        if not labels:
            return made
        return made.labels(
            *(labels[name] if labels[name] in allowed else OTHER for name, allowed in measure.labels.items())
        )

    def count(self, measure: Measure, number: float = 1, /, **labels: str) -> None:
        """See ``Meter``."""
        one = self._one(measure, labels)
        assert isinstance(one, Counter), measure.name
        one.inc(number)

    def observe(self, measure: Measure, value: float, /, **labels: str) -> None:
        """See ``Meter``."""
        one = self._one(measure, labels)
        assert isinstance(one, Histogram), measure.name
        one.observe(max(0.0, value))

    def show(self, measure: Measure, value: float, /, **labels: str) -> None:
        """See ``Meter``."""
        one = self._one(measure, labels)
        assert isinstance(one, Gauge), measure.name
        one.set(value)

    def page(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
