"""What a simulated device has to say once it is logged in: its ``info`` and its telemetry. Pure."""

import json
import math


def info_payload(device_id: str) -> bytes:
    """Return the ``info`` object: ``name`` and ``type``, every other member becomes a custom property."""
    info = {
        "name": f"Simulated device {device_id}",
        "type": "device-sim",
        "serialNumber": device_id,
        "firmware": {"name": "device-sim", "version": "1.0.0"},
        "simulated": True,
    }
    return json.dumps(info, ensure_ascii=False).encode()


def telemetry_payload(number: int) -> bytes:
    """Return reading ``number`` (from 1): a temperature in degrees Celsius that goes slowly up and down."""
    return json.dumps({"sequence": number, "temperature": round(20 + 5 * math.sin(number / 10), 2)}).encode()
