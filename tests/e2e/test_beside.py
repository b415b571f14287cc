"""The bridge beside a Mosquitto that runs already, with its users and ACL, as the README tells."""

import subprocess
from pathlib import Path

from tests.e2e.peer import administrator, connected, device, resident
from tests.e2e.site import ApartSite, free_ports, running

EXISTING = """
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
user root
"""


class BesideSite(ApartSite):
    """An operations broker with a configuration of its own, to which two lines were added."""

    def start(self) -> None:
        port, bootstrap_port = free_ports(2)
        done = self.cli("init", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
        assert done.returncode == 0, done.stderr
        folder = self.data / "operations-broker"
        written = (folder / "mosquitto.conf").read_text(encoding="utf-8")
        added = [line for line in written.splitlines() if line.startswith("plugin")]
        assert len(added) == 2
        (folder / "acl").write_text("user old\ntopic readwrite plant/#\n", encoding="utf-8")
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(folder / "passwords"), "old", "old-password"], check=True)
        text = EXISTING.format(port=port, folder=folder) + "\n".join(added) + "\n"
        (folder / "mosquitto.conf").write_text(text, encoding="utf-8")
        for name in ("operations", "bootstrap"):
            self.start_broker(name)
        self.start_bridge()


async def test_existing_users_keep_their_rights_and_devices_are_bootstrapped(tmp_path: Path) -> None:
    with running(BesideSite(tmp_path / "data")) as site:
        access = site.access
        async with (
            administrator(access) as admin,
            device(access, "beside-1") as caller,
            connected(access["port"], "old", "old-password", "old-client") as old,
        ):
            await old.subscribe("plant/#")
            await old.subscribe("devices/#")
            await admin.ok("register", {"id": "beside-1"})
            await caller.ask()
            await admin.ok("accept", {"id": "beside-1"})
            credentials = await caller.peer.next_json()
            async with resident(access, credentials) as peer:
                await peer.publish("devices/default/beside-1/info", b"{}")
            await admin.until("beside-1", "confirmedTime")
            await old.publish("plant/line-1", b"still mine")
            heard = await old.next()
            assert (str(heard.topic), heard.payload) == ("plant/line-1", b"still mine"), "and nothing of the devices"
