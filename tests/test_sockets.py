"""What aiomqtt's client does otherwise here, without a broker."""

from bridge.sockets import Client


async def test_a_connection_that_ends_after_its_making_was_cancelled_is_no_news() -> None:
    client = Client("127.0.0.1", 1)
    client._connected.cancel()
    client._on_disconnect(None, None, None, "gone")
    assert not client.ended.done()
