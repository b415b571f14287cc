#!/usr/bin/env python3
"""A device on paho-mqtt 2 and MQTT 5: calls in until it is accepted, keeps its credentials, logs in with them, says
what it is, sends readings and hears commands. Yours to copy and to change.

    client.py DEVICE_ID FOLDER

FOLDER is the memory of the device. The factory puts in bootstrap.json (where the brokers are, and the shared login)
and, if a token is printed on the label, the file token. The client adds client-id, key and credentials.json.
READINGS (3; 0 is no end), INTERVAL (10 seconds) and REFUSALS (10 refused logins before it gives up) may be set.
"""

import json
import os
import queue
import random
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import sealing  # beside this file
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

READINGS = int(os.environ.get("READINGS", "3"))
INTERVAL = float(os.environ.get("INTERVAL", "10"))
REFUSALS = int(os.environ.get("REFUSALS", "10"))
ANSWER_WITHIN = 10  # seconds that a broker has for each step
A_DAY = 86400  # seconds that the operations broker keeps commands for a device that is away


class LostError(Exception):
    """The connection did not come about, or has ended."""


class RefusedError(LostError):
    """The broker does not let this login in."""


class Connection:
    """One connection, subscribed to one topic. It is never mended: after LostError the caller makes another."""

    def __init__(
        self,
        settings: dict[str, Any],
        port: int,
        username: str,
        password: str,
        client_id: str,
        topic: str,
        session: int = 0,
    ) -> None:
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()  # what happened, as the library's thread tells it
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        self.client.username_pw_set(username, password)
        if settings["tls"]:
            self.client.tls_set(ca_certs=settings["tls"]["caFile"])
        self.client.on_connect = lambda client, data, flags, reason, more: self._tell("connected", reason)
        self.client.on_subscribe = lambda client, data, number, reasons, more: self._tell("subscribed", reasons[0])
        self.client.on_publish = lambda client, data, number, reason, more: self._tell("published", reason)
        self.client.on_message = lambda client, data, message: self._tell("message", (message.topic, message.payload))
        self.client.on_disconnect = lambda client, data, flags, reason, more: self._tell("lost", reason)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session
        try:
            self.client.connect(settings["host"], port, 60, clean_start=not session, properties=properties)
            self.client.loop_start()
            self._wait("connected")
            self.client.subscribe(topic, qos=1)
            self._wait("subscribed")
        except OSError as error:
            raise LostError(str(error)) from error
        except LostError:
            self.close()
            raise

    def publish(self, topic: str, payload: str) -> None:
        """Publish at QoS 1 and return when the broker has it. Raises LostError."""
        self.client.publish(topic, payload, qos=1)
        self._wait("published")

    def hear(self, seconds: float) -> tuple[str, bytes] | None:
        """Return topic and payload of the next message, or None if there is none in time. Raises LostError."""
        message: tuple[str, bytes] | None = self._wait("message", seconds)
        return message

    def close(self) -> None:
        """Say goodbye."""
        self.client.disconnect()
        self.client.loop_stop()

    def _tell(self, kind: str, what: Any) -> None:
        self.events.put((kind, what))

    def _wait(self, kind: str, seconds: float = ANSWER_WITHIN) -> Any:
        """Return what the next event of this kind says; messages that come first wait for ``hear``."""
        until = time.monotonic() + seconds
        early = []
        try:
            while True:
                came, what = self.events.get(timeout=max(0.0, until - time.monotonic()))
                if came == "lost" or (came == kind and kind != "message" and what.is_failure):
                    refused = came == "connected" and what.value in (134, 135)  # the login, or its client id
                    raise (RefusedError if refused else LostError)(str(what))
                if came == kind:
                    return what
                if came == "message":
                    early.append((came, what))
        except queue.Empty:
            if kind != "message":
                raise LostError("the broker does not answer") from None
            return None
        finally:
            for event in early:
                self.events.put(event)


class Pause:
    """Waits before another attempt: longer each time, up to a minute, and never all devices at once."""

    def __init__(self) -> None:
        self.longest = 2.0

    def wait(self) -> None:
        """Wait."""
        time.sleep(random.uniform(self.longest / 2, self.longest))
        self.longest = min(60.0, self.longest * 2)


class Device:
    """One device with its memory."""

    def __init__(self, device_id: str, folder: Path) -> None:
        self.id = device_id
        self.folder = folder
        self.settings = json.loads((folder / "bootstrap.json").read_text(encoding="utf-8"))
        self.prefix = f"{self.settings['topicPrefix']}/" if self.settings["topicPrefix"] else ""
        if self.settings["tls"]:  # a relative path stands for a file beside bootstrap.json
            self.settings["tls"]["caFile"] = str(folder / self.settings["tls"]["caFile"])
        self.credentials_file = folder / "credentials.json"
        self.client_id_file = folder / "client-id"
        self.key_file = folder / "key"

    def say(self, text: str) -> None:
        """Tell the operator."""
        print(f"{self.id}: {text}", flush=True)

    def store(self, path: Path, text: str) -> None:
        """Write a file for nobody else, so that a power cut leaves either all of it or nothing."""
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        directory = os.open(self.folder, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def bootstrap(self) -> dict[str, str]:
        """First contact: the same private call, again and again, until the credentials have come."""
        if not self.client_id_file.exists():
            self.store(self.client_id_file, secrets.token_urlsafe(16))
        client_id = self.client_id_file.read_text(encoding="utf-8")
        if not self.key_file.exists():
            self.store(self.key_file, X25519PrivateKey.generate().private_bytes_raw().hex())
        key = X25519PrivateKey.from_private_bytes(bytes.fromhex(self.key_file.read_text(encoding="utf-8")))
        self.say(f"the fingerprint of the key is {sealing.fingerprint(key)}")
        request = {"publicKey": sealing.public_key(key)}
        token_file = self.folder / "token"
        if token_file.exists():
            request["securityToken"] = token_file.read_text(encoding="utf-8").strip()
        topic = f"{self.prefix}bootstrap/{self.id}"
        answers = f"{topic}/response/{client_id}"
        port, login = self.settings["bootstrapPort"], self.settings["bootstrap"]
        self.say(f"calling in at {self.settings['host']}:{port}")
        pause = Pause()
        while True:
            try:
                connection = Connection(self.settings, port, login["username"], login["password"], client_id, answers)
                try:
                    pause = Pause()
                    return self.call(connection, f"{topic}/request/{client_id}", json.dumps(request), key)
                finally:
                    connection.close()
            except LostError as error:
                self.say(f"no connection to the bootstrap broker ({error}); trying again")
                pause.wait()

    def call(self, connection: Connection, topic: str, request: str, key: X25519PrivateKey) -> dict[str, str]:
        """Call on this connection until the answer is an acceptance, and return that."""
        retry_after, told = 30, False
        while True:
            connection.publish(topic, request)
            due = time.monotonic() + retry_after
            while message := connection.hear(due - time.monotonic()):
                answer: dict[str, Any] = json.loads(message[1])
                if answer["status"] == "ACCEPTED":
                    try:
                        opened: dict[str, str] = json.loads(sealing.open_answer(key, self.id, answer["sealed"]))
                    except (KeyError, ValueError, InvalidTag):  # from somebody else, or for somebody else
                        self.say("an answer that does not open with the key of this device is ignored")
                        continue
                    return opened
                if answer["status"] == "ERROR":
                    sys.exit(f"{self.id}: the call is not understood: {answer['message']}")
                due += answer["retryAfter"] - retry_after
                retry_after = answer["retryAfter"]
                if not told:
                    self.say(f"waiting to be accepted; calling again every {retry_after} seconds")
                    told = True

    def operate(self, credentials: dict[str, str]) -> None:
        """Life with credentials of one's own. Returns when all readings are sent."""
        top = f"{self.prefix}devices/{credentials['tenant']}/{self.id}"
        sent = refused = 0
        pause = Pause()
        while True:
            try:
                connection = Connection(
                    self.settings,
                    self.settings["port"],
                    credentials["username"],
                    credentials["password"],
                    credentials["clientId"],
                    f"{top}/commands/#",
                    session=A_DAY,
                )
                try:
                    connection.publish(f"{top}/info", '{"type":"example_Sensor","firmware":"1.0.0"}')
                    self.say(f"logged in as {credentials['username']} and sent info")
                    refused, pause = 0, Pause()
                    while READINGS == 0 or sent < READINGS:
                        connection.publish(f"{top}/telemetry", json.dumps({"reading": sent + 1, "celsius": 21.5}))
                        sent += 1
                        self.say(f"sent reading {sent}")
                        due = time.monotonic() + INTERVAL
                        while message := connection.hear(due - time.monotonic()):
                            self.say(f"command {message[0]} {message[1].decode(errors='replace')}")
                    return
                finally:
                    connection.close()
            except RefusedError:  # it may be for a moment, while the account is on its way
                refused += 1
                if refused == REFUSALS:
                    sys.exit(
                        f"{self.id}: the stored login is refused. Was this device deleted? Then register it again, "
                        f"remove {self.credentials_file} and start this again"
                    )
                self.say(f"the login is refused (attempt {refused} of {REFUSALS})")
                pause.wait()
            except LostError as error:
                self.say(f"no connection to the operations broker ({error}); trying again")
                pause.wait()

    def live(self) -> None:
        """The whole life."""
        if not self.credentials_file.exists():
            answer = self.bootstrap()
            self.store(self.credentials_file, json.dumps(answer))
            self.client_id_file.unlink(missing_ok=True)
            self.key_file.unlink(missing_ok=True)
            self.say(f"accepted; the credentials are in {self.credentials_file}")
        self.operate(json.loads(self.credentials_file.read_text(encoding="utf-8")))
        self.say("done")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print("usage: client.py DEVICE_ID FOLDER", file=sys.stderr)
        sys.exit(2)
    if not Path(sys.argv[2], "bootstrap.json").exists():
        sys.exit(f"there is no {sys.argv[2]}/bootstrap.json: copy the one that bootstrap-bridge wrote")
    try:
        Device(sys.argv[1], Path(sys.argv[2])).live()
    except KeyboardInterrupt:
        sys.exit(130)
