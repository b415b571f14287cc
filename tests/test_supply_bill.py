"""The bill of materials is what is shipped, and a CycloneDX document."""

import json
import tomllib
from importlib.metadata import version
from typing import Any

import pytest
from supply import lock, sbom
from supply.__main__ import PYPROJECT, ROOT, RUNTIME

pytestmark = pytest.mark.long  # the generator and the validator of CycloneDX take seconds each


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    found = lock.closure("bootstrap-bridge")
    stated = tomllib.loads((ROOT / ".ci" / "supply.toml").read_text())["licences"]["stated"]
    locked = lock.read(RUNTIME.read_text(encoding="utf-8"))
    return sbom.completed(sbom.observed(PYPROJECT), locked, found, stated, lock.graph("bootstrap-bridge"), "2.0.11")


def test_the_bill_names_the_project_all_that_it_needs_with_licence_and_digests_and_the_broker(
    bill: dict[str, Any],
) -> None:
    made = json.loads(sbom.checked(bill))
    root = made["metadata"]["component"]
    assert (root["name"], root["version"]) == ("bootstrap-bridge", version("bootstrap-bridge"))
    components = {one["purl"].partition("@")[0].removeprefix("pkg:pypi/"): one for one in made["components"]}
    locked = lock.read(RUNTIME.read_text(encoding="utf-8"))
    assert set(components) == {*lock.closure("bootstrap-bridge"), "pkg:generic/mosquitto"}
    for name, one in components.items():
        assert one["licenses"][0]["expression"], name
        digests = {each["content"] for ref in one.get("externalReferences", []) for each in ref.get("hashes", [])}
        if name in locked:
            assert digests == set(locked[name].hashes), name
            assert one["version"] == str(locked[name].version)


def test_the_bill_says_who_needs_whom_and_nothing_of_this_machine(bill: dict[str, Any]) -> None:
    edges = {one["ref"]: set(one["dependsOn"]) for one in bill["dependencies"]}
    refs = {one["bom-ref"] for one in bill["components"]}
    assert set(edges) == refs | {sbom.ROOT}
    assert set().union(*edges.values()) == refs, "each is needed by somebody"
    text = json.dumps(bill)
    assert str(ROOT) not in text
    assert "file://" not in text


def test_a_bill_that_is_no_cyclonedx_is_not_written(bill: dict[str, Any]) -> None:
    with pytest.raises(sbom.BadBill):
        sbom.checked({**bill, "components": [{"name": "without a type"}]})
