"""Ports and programs for the brokers of `up`."""

import socket

from bridge import children


def test_two_brokers_never_get_the_same_free_port() -> None:
    offers = iter([4_001, 4_001, 4_002])
    first = children.free_port("127.0.0.1", offered=lambda host: next(offers))
    second = children.free_port("127.0.0.1", but=first, offered=lambda host: next(offers))
    assert (first, second) == (4_001, 4_002)


def test_a_free_port_can_be_listened_at() -> None:
    assert children.port_fault("127.0.0.1", children.free_port("127.0.0.1"), "--port") is None


def test_a_taken_port_is_named_with_its_holder_and_the_option() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        fault = children.port_fault("127.0.0.1", port, "--port")
        assert fault is not None
        assert str(port) in fault
        assert "--port" in fault
        assert "listens there" in fault
    assert children.port_fault("127.0.0.1", port, "--port") is None
