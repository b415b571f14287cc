"""The options of ``device-sim run``, their help, and the checks that concern more than one of them."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from device_sim.labels import Tokens
from device_sim.memory import Form
from device_sim.misbehaviour import Misbehaviour
from device_sim.names import device_id_fault
from device_sim.plan import Plan, numbered_ids

_FLEET, _CALL, _END, _BAD = "Fleet", "How devices call and talk", "When it ends", "Misbehaviour"


class MqttVersion(StrEnum):
    """The two versions that devices speak."""

    THREE = "3"
    FIVE = "5"


BootstrapFile = Annotated[
    Path,
    typer.Option(
        envvar="DEVICE_SIM_BOOTSTRAP_FILE",
        help="Where the brokers are, and the shared bootstrap login: the bootstrap.json of the bridge.",
    ),
]
State = Annotated[Path, typer.Option(metavar="DIR", help="Where the devices remember; made with mode 0700.")]
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="The labels, CSV with the header id,token. Read if it exists; labels it lacks are added. "
        "[default: labels.csv in the state directory]",
    ),
]
Count = Annotated[
    int | None, typer.Option(min=1, max=100_000, help="How many devices. [default: 1]", rich_help_panel=_FLEET)
]
Prefix = Annotated[
    str, typer.Option(help="What their ids begin with: sim-001, sim-002 and so on.", rich_help_panel=_FLEET)
]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", help="The id of a device; may be given several times.", rich_help_panel=_FLEET),
]
IdsFrom = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Read ids from FILE, one per line.", rich_help_panel=_FLEET)
]
TokensOption = Annotated[
    Tokens,
    typer.Option("--tokens", help="Which devices get a security token on a new label.", rich_help_panel=_FLEET),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Plain calls: the client id is the device id.", rich_help_panel=_CALL)
]
Line = Annotated[bool, typer.Option("--line", help="Calls in line form instead of JSON.", rich_help_panel=_CALL)]
Sealed = Annotated[
    bool | None,
    typer.Option(
        "--sealed/--no-sealed",
        help="Send a public key, and take only credentials that are sealed to it. "
        "[default: sealed, but with --line, whose answers cannot be]",
        rich_help_panel=_CALL,
    ),
]
Mqtt = Annotated[MqttVersion, typer.Option(help="MQTT 3.1.1 or 5.", rich_help_panel=_CALL)]
RetryAfter = Annotated[
    float,
    typer.Option(
        min=0.1,
        max=86_400,
        metavar="SECONDS",
        help="How often a call is repeated as long as no answer has named another interval.",
        rich_help_panel=_CALL,
    ),
]
TelemetryInterval = Annotated[
    float,
    typer.Option(
        min=0, metavar="SECONDS", help="How often a device sends telemetry; 0 is never.", rich_help_panel=_CALL
    ),
]
ForgetAfter = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="LOGINS",
        help="After so many refused logins on end a device forgets its credentials and calls anew. "
        "With the default and its back-off that takes about a minute.",
        rich_help_panel=_CALL,
    ),
]
Stay = Annotated[bool, typer.Option("--stay", help="Keep on talking until Ctrl-C.", rich_help_panel=_END)]
KeepOn = Annotated[
    float | None,
    typer.Option(
        "--for",
        min=0,
        metavar="SECONDS",
        help="Keep on talking so long after every device has made it. [default: 0]",
        rich_help_panel=_END,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Give up when not every device has made it by then. [default: wait without limit]",
        rich_help_panel=_END,
    ),
]
ConnectTimeout = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Give up, with status 3, when by then no device has reached a broker; 0 is never.",
        rich_help_panel=_END,
    ),
]
AdviseAfter = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Say once how to register and accept the devices, when by then none has been accepted.",
    ),
]
Misbehave = Annotated[
    Misbehaviour | None,
    typer.Option(
        help="What misbehaving devices do: send a token that is not on their label, leave out the one that is, call "
        "in another device's name, or send garbage. They remember nothing and do not count for the exit status.",
        rich_help_panel=_BAD,
    ),
]
Misbehaving = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="How many of the fleet misbehave, the last ones. [default: 1]", rich_help_panel=_BAD
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the summary as one JSON object; progress goes to standard error.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log each step of each device to standard error; never a secret.")
]


def device_ids(count: int | None, prefix: str, ids: Sequence[str], ids_from: Path | None) -> list[str]:
    """Return the ids of the fleet; raises typer.BadParameter for one that is none, or stands there twice."""
    explicit = [*ids, *(_read_ids(ids_from) if ids_from else [])]
    if explicit and count is not None:
        raise typer.BadParameter("--count goes with --prefix, not with ids that are given")
    if ids_from and not explicit:
        raise typer.BadParameter(f"{ids_from} holds no id")
    found = explicit or numbered_ids(prefix, count or 1)
    seen: set[str] = set()
    for device_id in found:
        if fault := device_id_fault(device_id):
            raise typer.BadParameter(f"{device_id!r}: {fault}")
        if device_id in seen:
            raise typer.BadParameter(f"{device_id!r} is there twice")
        seen.add(device_id)
    return found


def misbehaving_count(
    misbehave: Misbehaviour | None, misbehaving: int | None, ids: Sequence[str], *, endless: bool
) -> int:
    """Return how many devices misbehave; raises typer.BadParameter. ``endless``: all may, the run has another end."""
    if misbehave is None:
        if misbehaving is not None:
            raise typer.BadParameter("--misbehaving needs --misbehave, which says what they do")
        return 0
    wanted = 1 if misbehaving is None else misbehaving
    if wanted > len(ids):
        raise typer.BadParameter(f"{wanted} of {len(ids)} devices cannot misbehave")
    if wanted == len(ids) and (misbehave is Misbehaviour.OTHER_ID or not endless):
        raise typer.BadParameter(
            "one device at least has to keep to the contract"
            + ("" if misbehave is Misbehaviour.OTHER_ID else ", or say with --for or --stay how long to go on")
        )
    return wanted


def check_line_tokens(plan: Plan) -> None:
    """Raise typer.BadParameter for a token that a call in line form cannot carry, since it would be taken for JSON."""
    if plan.manner.form is Form.LINE:
        for device_id in plan.device_ids:
            if plan.labels.get(device_id, "").startswith("{"):
                raise typer.BadParameter(f"the token of {device_id} begins with '{{': leave out --line")


def _read_ids(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not UTF-8") from None
    return [line.strip() for line in lines if line.strip()]
