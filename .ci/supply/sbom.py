"""The bill of materials, in CycloneDX: the bridge, all that it needs with digests and licences, and Mosquitto.

cyclonedx-bom looks at the environment; here what is for developers alone is left out, and digests and licences come in.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from supply.licences import licence_of
from supply.lock import Pin

ROOT = "root-component"
"""How cyclonedx-bom calls the project itself."""
MOSQUITTO: dict[str, Any] = {
    "bom-ref": "mosquitto",
    "type": "application",
    "name": "mosquitto",
    "publisher": "Eclipse Foundation",
    "description": "The MQTT broker beside the bridge, two processes of it: Debian's package in the image, else the"
    " operator's own. The revision decides which patches are in it. Not part of the Python distribution.",
    "scope": "required",
    "licenses": [{"expression": "EPL-2.0 OR BSD-3-Clause", "acknowledgement": "declared"}],
}


class BadBill(ValueError):
    """A bill that is no CycloneDX, with what is wrong."""


def observed(pyproject: Path) -> dict[str, Any]:
    """Return cyclonedx-bom's own bill of this environment, without times and random numbers."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", sys.executable, "--pyproject", str(pyproject)]
    done = subprocess.run(
        [*command, "--output-reproducible", "--no-validate"], capture_output=True, text=True, check=True
    )
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def completed(
    bill: dict[str, Any],
    pins: Mapping[str, Pin],
    installed: Mapping[str, Distribution],
    stated: Mapping[str, Any],
    edges: Mapping[str, set[str]],
    mosquitto: str,
) -> dict[str, Any]:
    """Return ``bill`` with what is shipped and nothing else.

    ``edges`` says who needs whom: the environment's own also has what packages would need for extras that developers
    happen to have. ``mosquitto`` is the version that the image has.
    """
    components = []
    refs: dict[str, str] = {canonicalize_name(bill["metadata"]["component"]["name"]): ROOT}
    for component in bill["components"]:
        name = canonicalize_name(component["name"])
        if name not in installed:
            continue
        licence = licence_of(installed[name], name, stated)
        digests = [{"alg": "SHA-256", "content": digest} for digest in pins[name].hashes]
        index = {"type": "distribution", "url": f"https://pypi.org/project/{name}/{pins[name].version}/"}
        references = [one for one in component.get("externalReferences", []) if one["type"] != "distribution"]
        references.append({**index, "comment": "the digests of all files of this release", "hashes": digests})
        component["externalReferences"] = references
        component["licenses"] = [
            {"expression": licence, "acknowledgement": "concluded" if name in stated else "declared"}
        ]
        component["scope"] = "required"
        components.append(component)
        refs[name] = component["bom-ref"]
    needed = {refs[name]: sorted(refs[other] for other in others) for name, others in edges.items()}
    needed[ROOT].append(MOSQUITTO["bom-ref"])
    broker = {**MOSQUITTO, "version": mosquitto, "purl": f"pkg:generic/mosquitto@{mosquitto}"}
    dependencies = [{"ref": ref, "dependsOn": others} for ref, others in needed.items()]
    dependencies.append({"ref": MOSQUITTO["bom-ref"], "dependsOn": []})
    return {**bill, "components": [*components, broker], "dependencies": dependencies}


def checked(bill: dict[str, Any]) -> str:
    """Return the text of ``bill`` once it is a CycloneDX document of the version that it says. Raises BadBill."""
    text = json.dumps(bill, indent=2, sort_keys=True) + "\n"
    fault = JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(text)
    if fault is not None:
        raise BadBill(str(fault))
    return text
