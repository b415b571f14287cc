"""The settings: options first, then the environment, then defaults."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.limits import Rates
from bridge.settings import BadSettings, settings_from


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables for a while."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_without_anything_said_the_defaults_hold() -> None:
    settings = settings_from()
    assert (settings.data, settings.log_level) == (Path("var"), "info")
    assert (settings.host, settings.port, settings.bootstrap_port, settings.topic_prefix) == (None, None, None, None)


def test_an_option_comes_before_the_environment_and_that_before_the_default() -> None:
    with environment(BOOTSTRAP_BRIDGE_PORT="2883", BOOTSTRAP_BRIDGE_DATA="/somewhere", PORT="7"):
        assert settings_from(port=3883).port == 3883
        assert settings_from(port=None).port == 2883
        assert settings_from().data == Path("/somewhere")


def test_port_0_takes_a_free_port() -> None:
    assert settings_from(port=0, bootstrap_port=0).port == 0


@pytest.mark.parametrize("port", [-1, 65_536, "x"])
def test_a_port_that_is_none_is_refused_by_name(port: object) -> None:
    with pytest.raises(BadSettings, match="port"):
        settings_from(port=port)


@pytest.mark.parametrize("prefix", ["", "site", "site/one", "a", "größe/1"])
def test_a_prefix_is_some_levels_of_a_topic(prefix: str) -> None:
    assert settings_from(topic_prefix=prefix).topic_prefix == prefix


@pytest.mark.parametrize("prefix", ["/", "site/", "/site", "site/+", "#", "a#b", "$SYS", "+"])
def test_a_prefix_that_is_no_topic_is_refused(prefix: str) -> None:
    with pytest.raises(BadSettings, match="topic_prefix"):
        settings_from(topic_prefix=prefix)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        settings_from().__setattr__("port", 7)


def test_a_form_of_the_log_that_there_is_not_is_refused_in_words() -> None:
    with pytest.raises(BadSettings, match="log_format"):
        settings_from(log_format="xml")


def test_no_port_for_figures_is_opened_unless_somebody_asks() -> None:
    settings = settings_from()
    assert (settings.metrics_port, settings.metrics_listen) == (None, "127.0.0.1")
    with environment(BOOTSTRAP_BRIDGE_METRICS_PORT="1885"):
        assert settings_from().metrics_port == 1885


def test_limits_are_numbers_and_0_is_none() -> None:
    assert settings_from().rates == Rates()
    with environment(BOOTSTRAP_BRIDGE_CALLS_PER_DEVICE="0.5", BOOTSTRAP_BRIDGE_CALLS_OVERALL="0"):
        assert settings_from(calls_per_connection=7).rates == Rates(0.5, 7, 0)


@pytest.mark.parametrize("rate", [-1, "nan", "inf", "many", 10_000_000])
def test_a_limit_that_is_no_rate_is_refused_by_name(rate: object) -> None:
    with pytest.raises(BadSettings, match="calls_per_device"):
        settings_from(calls_per_device=rate)
