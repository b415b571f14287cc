"""The page that Prometheus reads: names by its conventions, labels within bounds, series there from the start."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.measures import (
    BATCH,
    CALL,
    COUNTING,
    MEASURES,
    MESSAGES,
    OTHER,
    REQUESTS,
    STORE_FAULTS,
    UNMEASURED,
    Kind,
    Measure,
)
from bridge.metrics import PREFIX, Metrics


def figures(metrics: Metrics) -> dict[str, float]:
    """Return the samples of the page by name and labels, as `name{label="value"}`."""
    found = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_what_is_counted_observed_and_shown_stands_on_the_page() -> None:
    metrics = Metrics("1.2.3")
    metrics.count(MESSAGES, kind=CALL, outcome="handled")
    metrics.count(MESSAGES, 3, kind=CALL, outcome="handled")
    metrics.count(STORE_FAULTS)
    metrics.observe(BATCH, 7, kind=CALL)
    metrics.show(COUNTING, 0.5)
    found = figures(metrics)
    assert found['bootstrap_bridge_messages_total{kind="call",outcome="handled"}'] == 4
    assert found["bootstrap_bridge_store_faults_total"] == 1
    assert found['bootstrap_bridge_batch_messages_sum{kind="call"}'] == 7
    assert found['bootstrap_bridge_batch_messages_bucket{kind="call",le="5.0"}'] == 0
    assert found['bootstrap_bridge_batch_messages_bucket{kind="call",le="10.0"}'] == 1
    assert found["bootstrap_bridge_counting_seconds"] == 0.5
    assert any(name.startswith("bootstrap_bridge_build_info{") and '"1.2.3"' in name for name in found)
    assert found["process_resident_memory_bytes"] > 1_000_000
    assert found["process_open_fds"] > 1
    assert found["process_start_time_seconds"] > 1_000_000_000


def test_two_bridges_in_one_process_count_apart() -> None:
    one, two = Metrics("1"), Metrics("1")
    one.count(STORE_FAULTS)
    assert figures(two)["bootstrap_bridge_store_faults_total"] == 0


def test_a_label_takes_no_value_but_those_of_the_table() -> None:
    metrics = Metrics("1")
    before = len(figures(metrics))
    for number in range(1_000):
        metrics.count(REQUESTS, command=f"invented-{number}", outcome=f"{number}")
    found = figures(metrics)
    assert found[f'bootstrap_bridge_requests_total{{command="{OTHER}",outcome="{OTHER}"}}'] == 1_000
    assert len(found) == before + 1


def test_labels_left_out_or_invented_are_a_mistake_in_the_code() -> None:
    metrics = Metrics("1")
    with pytest.raises(AssertionError):
        metrics.count(MESSAGES, kind=CALL)
    with pytest.raises(AssertionError):
        metrics.count(STORE_FAULTS, device="pump-7")
    with pytest.raises(AssertionError):
        metrics.show(STORE_FAULTS, 1)


def test_time_that_ran_backwards_is_no_negative_duration() -> None:
    metrics = Metrics("1")
    metrics.observe(BATCH, -5, kind=CALL)
    assert figures(metrics)['bootstrap_bridge_batch_messages_sum{kind="call"}'] == 0


def test_counters_stand_at_zero_before_the_first_event() -> None:
    found = figures(Metrics("1"))
    assert found['bootstrap_bridge_messages_total{kind="call",outcome="malformed"}'] == 0
    assert found['bootstrap_bridge_refusals_total{code="TOKEN_MISMATCH"}'] == 0


def test_a_fresh_page_is_small() -> None:
    assert len(Metrics("1").page()) < 64_000


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: one.name)
def test_a_measure_is_named_and_explained_as_prometheus_asks(measure: Measure) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", measure.name)
    assert measure.says[0].isupper()
    assert measure.says.endswith(".")
    assert not measure.name.endswith("_total"), "the library adds it"
    assert not re.search(r"_(milliseconds|minutes|kb|mb|percent)$", measure.name), "base units"
    assert (measure.kind is Kind.HISTOGRAM) == bool(measure.buckets)
    assert list(measure.buckets) == sorted(measure.buckets)
    series = 1
    for name, values in measure.labels.items():
        assert re.fullmatch(r"[a-z]+", name)
        assert name not in {"device", "tenant", "administrator", "actor", "id"}
        assert len(values) == len(set(values)) <= 50
        series *= len(values) + 1
    assert series <= 1_000


def test_no_measure_stands_twice() -> None:
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    assert PREFIX == "bootstrap_bridge"


def test_without_a_meter_nothing_happens() -> None:
    UNMEASURED.count(STORE_FAULTS)
    UNMEASURED.observe(BATCH, 1, kind=CALL)
    UNMEASURED.show(COUNTING, 1)
