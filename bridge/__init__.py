"""MQTT device-bootstrap broker bridge: strangers at one Mosquitto, residents in another, a person deciding between."""

from importlib.metadata import version

__version__ = version("bootstrap-bridge")
