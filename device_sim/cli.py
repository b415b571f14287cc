"""The command ``device-sim``: options in, exit status out."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from device_sim import display, options
from device_sim.bootstrap_file import BootstrapFileError, read_bootstrap_file
from device_sim.fleet import Limits
from device_sim.labels import LabelsError, Tokens, complete, read_labels, write_labels
from device_sim.memory import Call, Form
from device_sim.misbehaviour import Misbehaviour
from device_sim.pace import Timing
from device_sim.plan import Manner, Plan
from device_sim.simulate import USAGE, Settings, Simulation
from device_sim.store import StateError, StateStore

app = typer.Typer(
    pretty_exceptions_show_locals=False,  # they hold passwords; Typer 0.15 shows them
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Simulated devices for a bootstrap-bridge: they call, wait to be accepted, log in and talk.",
)


@app.command()
def run(
    bootstrap_file: options.BootstrapFile = Path("var/bootstrap.json"),
    state: options.State = Path("device-sim"),
    labels_file: options.LabelsFile = None,
    count: options.Count = None,
    prefix: options.Prefix = "sim-",
    ids: options.Ids = None,
    ids_from: options.IdsFrom = None,
    tokens: options.TokensOption = Tokens.NONE,
    plain: options.Plain = False,
    line: options.Line = False,
    sealed: options.Sealed = None,
    mqtt: options.Mqtt = options.MqttVersion.FIVE,
    retry_after: options.RetryAfter = 30.0,
    telemetry_interval: options.TelemetryInterval = 10.0,
    forget_after: options.ForgetAfter = 8,
    stay: options.Stay = False,
    keep_on: options.KeepOn = None,
    timeout: options.Timeout = None,
    connect_timeout: options.ConnectTimeout = 30.0,
    advise_after: options.AdviseAfter = 30.0,
    misbehave: options.Misbehave = None,
    misbehaving: options.Misbehaving = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Run a fleet until every device has logged in and sent its info.

    A device without credentials calls on the bootstrap broker and repeats its call until an administrator accepts it.
    With credentials it logs in on the operations broker, sends `info` at each login and then telemetry. What a device
    needs to go on later is kept in the state directory: run the same command again, and devices that wait repeat the
    same call, those that have credentials log in at once. A device whose login is refused again and again
    (--forget-after) forgets its credentials and calls anew, as one does that was deleted and registered again.

    Exit status: **0** every device made it (those that misbehave do not count) · **1** not every one · **2** wrong
    usage, an unusable bootstrap.json, state or labels · **3** no broker was ever reached · **130** (Ctrl-C) or **143**
    (SIGTERM) ended before all had made it.
    """
    if line and sealed:
        raise typer.BadParameter("answers in line form cannot be sealed: leave out --line or --sealed")
    if stay and keep_on is not None:
        raise typer.BadParameter("--stay and --for exclude each other")
    device_ids = options.device_ids(count, prefix, ids or [], ids_from)
    bad = options.misbehaving_count(misbehave, misbehaving, device_ids, endless=stay or keep_on is not None)
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    output = Console()
    console = Console(stderr=True) if as_json else output
    labels_file = labels_file or state / "labels.csv"
    try:
        brokers = read_bootstrap_file(bootstrap_file)
        store = StateStore(state)
        with store.locked():
            plan = Plan(
                device_ids=device_ids,
                labels=_labels(labels_file, device_ids, tokens, bad if misbehave is Misbehaviour.NO_TOKEN else 0),
                prefix=brokers.prefix,
                manner=Manner(
                    call=Call.PLAIN if plain else Call.PRIVATE,
                    form=Form.LINE if line else Form.JSON,
                    sealed=not line if sealed is None else sealed,
                ),
                timing=Timing(
                    retry_after=retry_after, telemetry_interval=telemetry_interval, forget_after=forget_after
                ),
                misbehaviour=misbehave or Misbehaviour.WRONG_TOKEN,
                misbehaving=bad,
            )
            options.check_line_tokens(plan)
            settings = Settings(
                brokers=brokers,
                bootstrap_file=bootstrap_file,
                state=state,
                labels_file=labels_file,
                limits=Limits(timeout=timeout, reach_within=connect_timeout, keep_on=None if stay else keep_on or 0.0),
                mqtt5=mqtt is options.MqttVersion.FIVE,
                advise_after=advise_after,
                as_json=as_json,
            )
            status = Simulation(settings, plan, console, output).run(store)
    except (BootstrapFileError, LabelsError, StateError) as error:
        raise _unusable(error) from error
    raise typer.Exit(status)


@app.command()
def labels(
    state: options.State = Path("device-sim"),
    labels_file: options.LabelsFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Print what stands on the devices' labels: id and security token, and the fingerprint of the device's key.

    An administrator compares them with what the bridge shows. A device forgets its key once it has its credentials.
    This is the only command that prints a token.
    """
    try:
        known = read_labels(labels_file or state / "labels.csv")
        memories = StateStore(_existing(state)).memories()
    except (LabelsError, StateError) as error:
        raise _unusable(error) from error
    fingerprints = {memory.device_id: mark for memory in memories if (mark := display.fingerprint(memory))}
    rows = known | {memory.device_id: known.get(memory.device_id, "") for memory in memories}
    if as_json:
        entries = [
            {"id": device_id, "token": token or None, "keyFingerprint": fingerprints.get(device_id)}
            for device_id, token in rows.items()
        ]
        typer.echo(json.dumps(entries, ensure_ascii=False))
    else:
        Console().print(display.labels_table(rows, fingerprints))


@app.command()
def status(
    state: options.State = Path("device-sim"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Print what each device of a state directory remembers: whether it waits or has credentials, and how it calls."""
    try:
        memories = StateStore(_existing(state)).memories()
    except StateError as error:
        raise _unusable(error) from error
    if as_json:
        entries = [
            {
                "id": memory.device_id,
                "state": "credentials" if memory.credentials else "waiting",
                "tenant": memory.credentials.tenant if memory.credentials else None,
                "call": memory.approach.call,
                "form": memory.approach.form,
                "tokenSent": memory.approach.token is not None,
                "keyFingerprint": display.fingerprint(memory),
            }
            for memory in memories
        ]
        typer.echo(json.dumps(entries, ensure_ascii=False))
    else:
        Console().print(display.status_table(memories))


def main() -> None:
    """Run the command line."""
    app(prog_name="device-sim")


def _labels(path: Path, device_ids: list[str], tokens: Tokens, tokenless: int) -> dict[str, str]:
    """Return the labels in ``path``, completed there; the last ``tokenless`` ids get a token in any case."""
    known = read_labels(path)
    always = frozenset(device_ids[len(device_ids) - tokenless :])
    completed = complete(known, device_ids, tokens, always=always)
    if completed != known:
        write_labels(path, completed)
    return completed


def _existing(state: Path) -> Path:
    if not state.is_dir():
        raise StateError(f"there is no state directory {state}: 'device-sim run' makes it, or name one with --state")
    return state


def _unusable(error: Exception) -> typer.Exit:
    display.say(Console(stderr=True), f"device-sim: {error}")
    return typer.Exit(USAGE)
