"""All topics below a configured prefix, on brokers that serve other things too."""

import json

from tests.e2e.site import BIN, Process, UpSite, wait_until


def test_the_main_job_works_below_a_prefix(own_site: UpSite) -> None:
    own_site.start("--port", "0", "--bootstrap-port", "0", "--topic-prefix", "site/one")
    assert own_site.access["topicPrefix"] == "site/one"
    assert own_site.cli("register", "sim-001", "sim-002").returncode == 0
    folder = own_site.data.parent
    words = [str(BIN / "device-sim"), "run", "--count", "2", "--json", "--timeout", "20"]
    words += ["--bootstrap-file", str(own_site.data / "bootstrap.json"), "--state", str(folder / "fleet")]
    fleet = own_site.processes["fleet"] = Process.start(words, folder / "fleet.log")

    def pending() -> bool:
        answer = json.loads(own_site.cli("list", "--json").stdout)
        return bool(answer["result"]["counts"]["PENDING_ACCEPTANCE"] == 2)

    wait_until(pending, "both devices have called")
    assert own_site.cli("accept-all").returncode == 0
    assert fleet.process.wait(60) == 0, fleet.output
    wait_until(lambda: "confirmedTime" in own_site.cli("get", "sim-001", "--json").stdout, "sim-001 has confirmed")


def test_a_folder_keeps_the_prefix_that_its_accounts_are_bound_to(own_site: UpSite) -> None:
    own_site.start("--port", "0", "--bootstrap-port", "0", "--topic-prefix", "site/one")
    own_site.stop()
    done = own_site.cli("up", "--port", "0", "--bootstrap-port", "0", "--topic-prefix", "other")
    assert done.returncode == 1
    assert "site/one" in done.stderr
