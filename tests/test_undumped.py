"""No image of a process that holds secrets. Each is tried in a process of its own, since there is no way back."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = """
import ctypes, resource
from bridge.undumped import refuse_dumps
{before}
refuse_dumps()
print(*resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
CRASH = """
import os, signal, sys
import bridge.undumped
if sys.argv[1] == "refused":
    bridge.undumped.refuse_dumps()
os.kill(os.getpid(), signal.SIGSEGV)
"""
AS_NOBODY = """
import os
if os.geteuid() == 0:  # root sees everything
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
"""
LOOKED_AT = f"""
import ctypes, sys
from bridge.undumped import refuse_dumps
{AS_NOBODY}
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as it is but for the change of user
if sys.argv[1] == "refused":
    refuse_dumps()
print("ready", flush=True)
sys.stdin.readline()
"""
LOOK = f"""
import sys
{AS_NOBODY}
try:
    open(sys.argv[1], "rb").close()
    print("yes")
except PermissionError:
    print("no")
"""
HERE = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


def shown(before: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(before=before)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_process_refuses_cores_and_being_looked_at() -> None:
    assert shown() == ["1", "1", "0"]


def test_debuggers_are_let_in_where_that_is_wished_and_there_is_still_no_core() -> None:
    wished = "import os; os.environ['BOOTSTRAP_BRIDGE_DEBUGGABLE'] = '{}'"
    assert shown(wished.format("1")) == ["1", "1", "1"]
    for other in ("", "0", "yes"):
        assert shown(wished.format(other)) == ["1", "1", "0"]


def test_a_limit_that_is_tighter_already_stays() -> None:
    assert shown("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))") == ["0", "0", "0"]


@pytest.mark.parametrize("way", ["refused", "as it comes"])
def test_a_crash_leaves_no_core_where_others_leave_one(way: str, tmp_path: Path) -> None:
    def allow() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    unlimited = resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY
    process = subprocess.Popen(
        [sys.executable, "-c", CRASH, way], cwd=tmp_path, preexec_fn=allow if unlimited else None, env=HERE
    )
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -os.WTERMSIG(status)
    assert os.WTERMSIG(status) == signal.SIGSEGV
    into_a_file = not Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").startswith("|")
    if way == "refused":
        assert not os.WCOREDUMP(status)
    elif unlimited and into_a_file:  # who takes it from a pipe may be out of a container's reach
        assert os.WCOREDUMP(status)


@pytest.mark.parametrize(("way", "seen"), [("refused", "no"), ("as it comes", "yes")])
def test_another_process_of_the_same_user_cannot_look_into_it(way: str, seen: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOOKED_AT, way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=HERE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for name in ("environ", "maps"):
            words = [sys.executable, "-c", LOOK, f"/proc/{process.pid}/{name}"]
            assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == f"{seen}\n", name
