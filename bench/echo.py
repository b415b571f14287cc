"""The bare echo that a herd is measured against: aiomqtt, subscribe, answer each, QoS 1 both ways, no logic.

Usage: python -m bench.echo PORT USERNAME   (the password comes on standard input); prints `ready`.
"""

import asyncio
import socket
import sys

import aiomqtt

ANSWER = b'{"status":"PENDING_ACCEPTANCE","retryAfter":30}'
AT_ONCE = 20
"""Publishes under way at once. One by one is three times slower; with hundreds aiomqtt's own bookkeeping is."""


async def echo(port: int, username: str, password: str) -> None:
    """Answer until cancelled."""
    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        username=username,
        password=password,
        identifier="bare-echo",
        protocol=aiomqtt.ProtocolVersion.V5,
        max_inflight_messages=200,
        max_concurrent_outgoing_calls=AT_ONCE,
        socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
    ) as client:
        client.pending_calls_threshold = 1_000_000
        await client.subscribe("bootstrap/+/request/+", 1)
        print("ready", flush=True)
        async with asyncio.TaskGroup() as tasks:
            async for message in client.messages:
                topic = str(message.topic).replace("/request/", "/response/")
                tasks.create_task(client.publish(topic, ANSWER, 1))


if __name__ == "__main__":
    _, port, username = sys.argv
    asyncio.run(echo(int(port), username, sys.stdin.readline().strip()))
