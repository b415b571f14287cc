"""What is printed of an object holds no secret, whoever prints it: a log line, a traceback, a debugger, asyncio.

First by the names of the fields, over all classes of bridge and simulator, so that a new class cannot forget it. Then
by what is really in them: while devices and people do all that involves secrets, each object of ours that a function
has to do with is printed.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from pydantic import BaseModel

import bridge
import device_sim
from tests.canaries import Canaries, steps
from tests.world import World

SECRET = re.compile(
    r"password|token|secret|seed|(?<!public)_?key|credential|payload|private|master|client_?id|digest|salt|label"
    r"|database|delivers|sealed",
    re.IGNORECASE,
)
"""Names that say that a field holds a secret, or what one can be found from."""
HARMLESS: dict[str, str] = {
    "Answered.key": "what a repeat is known by: requestId or correlation data",
    "Option.key": "the name of an option",
    "OptionSetting.key": "the name of an option",
    "Account.key_id": "which master key",
    "FirstAdministrator.key_id": "which master key",
    "Provision.key_id": "which master key",
    "Install.key_id": "which master key",
    "Registration.key_id": "which master key",
    "Draw.key_id": "which master key",
    "Tls.key": "where the file is",
    "Manifest.digests": "tells whether the digest keys are the right ones, without telling them",
    "_CallPayload.publicKey": "public",
    "Claim.public_key": "public",
    "Call.public_key": "public",
    "ParsedCall.public_key": "public",
    "Member.label": "the id on it",
    "Manifest.key": "which master key",
    "Contents.keys": "which master keys",
    "Loaded.keys": "which master keys",
    "Will.payload": "that the bridge is offline",
    "_Held.passwords": "accounts, which print none",
    "Measure.labels": "Prometheus's word for names beside a figure",
    "Sealed.sealed": "encrypted",
}
"""Fields whose names say too much, and what they hold."""
BY_OTHER_NAMES: dict[str, str] = {
    "Incoming.topic": "the client id of a private call is its last level",
    "Outgoing.topic": "the same",
    "Handled.topic": "goes with the others",
    "Received.topic": "the same in the simulator",
    "Publish.topic": "the same in the simulator",
    "Subscribe.topic": "the same in the simulator",
    "_Asked.value": "a request, which may hold tokens and passwords",
    "Answered.answer": "an answer",
    "Head.text": "a bulk file",
    "Mended.text": "passwords and accounts of a broker",
    "Edit.before": "somebody's configuration, which may hold passwords",
    "Edit.after": "the same",
    "Line.value": "the same",
    "Plugin.options": "the same",
    "Subject.accounts": "accounts of a broker with their hashes",
    "Plan.facts": "the bridge's own logins",
}
"""Fields that hold secrets though their names do not say it."""


def classes() -> Iterator[type]:
    """Yield all classes of bridge and simulator that print their fields."""
    for package in (bridge, device_sim):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in found.name or found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for _, one in inspect.getmembers(module, inspect.isclass):
                if one.__module__ == module.__name__ and (dataclasses.is_dataclass(one) or issubclass(one, BaseModel)):
                    yield one


def holds_text(annotation: str) -> bool:
    """Tell whether a field may hold letters or bytes, and not only numbers or objects that print themselves."""
    return any(word in annotation for word in ("str", "bytes", "Any", "object"))


def fields_of(one: type) -> dict[str, tuple[str, bool]]:
    """Return the fields of a class: their types, and whether they are printed."""
    if issubclass(one, BaseModel):
        return {name: (str(field.annotation), field.repr) for name, field in one.model_fields.items()}
    prints: bool = one.__dataclass_params__.repr  # type: ignore[attr-defined]
    listed = dataclasses.fields(one)  # type: ignore[arg-type]
    return {field.name: (str(field.type), prints and field.repr) for field in listed}


def printed(one: type) -> dict[str, str]:
    """Return the fields that a class prints, with their types."""
    return {name: annotation for name, (annotation, is_printed) in fields_of(one).items() if is_printed}


CLASSES = list(classes())


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: f"{one.__module__}.{one.__qualname__}")
def test_no_class_prints_a_field_that_says_it_holds_a_secret(one: type) -> None:
    told = {
        name
        for name, annotation in printed(one).items()
        if SECRET.search(name) and holds_text(annotation) and f"{one.__name__}.{name}" not in HARMLESS
    }
    assert told == set(), "give it repr=False, or say in HARMLESS what it holds"
    assert {name for name in printed(one) if f"{one.__name__}.{name}" in BY_OTHER_NAMES} == set()


def test_every_exception_to_the_rule_is_still_one() -> None:
    here = {f"{one.__name__}.{name}" for one in CLASSES for name in printed(one)}
    assert set(HARMLESS) <= here
    all_fields = {f"{one.__name__}.{name}" for one in CLASSES for name in fields_of(one)}
    assert set(BY_OTHER_NAMES) <= all_fields
    assert len(CLASSES) > 130, "all of them are looked at"


def test_no_model_shows_in_its_errors_what_came_in() -> None:
    models = [one for one in CLASSES if issubclass(one, BaseModel)]
    assert len(models) > 25
    assert [one.__name__ for one in models if not one.model_config.get("hide_input_in_errors")] == []


async def test_while_secrets_go_through_nothing_that_a_function_holds_prints_one(world: World) -> None:
    ours, canaries = set(CLASSES), Canaries()
    printed_by: dict[str, type] = {}

    def look(frame: FrameType, event: str, argument: Any) -> None:
        if event not in {"return", "call"} or "/bridge/" not in frame.f_code.co_filename:
            return
        sys.setprofile(None)
        try:
            for value in (*frame.f_locals.values(), argument):
                for one in value if isinstance(value, list | tuple) else (value,):
                    if type(one) in ours:
                        printed_by.setdefault(f"{one!r} {one}", type(one))
        finally:
            sys.setprofile(look)

    for step in steps(world, canaries):
        sys.setprofile(look)
        try:
            await step()
        finally:
            sys.setprofile(None)
    assert len({one.__name__ for one in printed_by.values()}) > 35, "objects were printed"
    assert len(canaries.known) > 15
    told = {(one.__qualname__, name) for text, one in printed_by.items() for name in canaries.found_in(text)}
    assert told == set()
