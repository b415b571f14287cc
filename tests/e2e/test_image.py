"""The image's Python packages: what the Dockerfile does with pip, done in virtual environments."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.e2e.site import run

ROOT = Path(__file__).parent.parent.parent


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions as (word, rest)."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


class Builder:
    """Follows a Dockerfile as far as it is about Python packages; each stage is a folder with an environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages: list[Path] = []
        self.ran: list[str] = []
        self.where = "/"

    def path(self, there: str) -> Path:
        return self.stages[-1] / "files" / str(Path(self.where, there)).lstrip("/")

    def follow(self, word: str, rest: str) -> None:
        match word:
            case "FROM":
                stage = self.folder / f"stage-{len(self.stages)}"
                subprocess.run([sys.executable, "-m", "venv", stage / "venv"], check=True)
                self.stages.append(stage)
                self.where = "/"
            case "WORKDIR":
                self.where = rest
            case "COPY":
                self.copy([part for part in rest.split() if not part.startswith("--")], before="--from" in rest)
            case "RUN" if rest.startswith("pip "):
                self.run(rest)

    def copy(self, parts: list[str], *, before: bool) -> None:
        *sources, target = parts
        for source in sources:
            found = self.stages[0] / "files" / source.lstrip("/") if before else ROOT / source
            there = self.path(target)
            if found.is_dir():
                shutil.copytree(found, there / source if target == "./" else there, dirs_exist_ok=True)
            else:
                there.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, there)

    def run(self, command: str) -> None:
        here = re.sub(r"(?<=\s)/wheels", shlex.quote(str(self.path("/wheels"))), command)
        self.path("/wheels").mkdir(exist_ok=True, parents=True)
        self.path(".").mkdir(exist_ok=True, parents=True)
        # What pip has loaded before is taken again; it is checked by its digest all the same.
        here = here.replace(" --no-cache-dir", "")
        environment = {**os.environ, "PATH": f"{self.stages[-1]}/venv/bin:{os.environ['PATH']}"}
        done = subprocess.run(here, shell=True, cwd=self.path("."), env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}"
        self.ran.append(command)


def test_the_image_gets_exactly_what_is_locked_checked_by_digest_and_the_bridge_runs_on_it(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    for word, rest in instructions():
        builder.follow(word, rest)
    assert len(builder.stages) == 2
    assert [command.split()[1] for command in builder.ran] == ["install", "wheel", "install", "install"]
    for command in builder.ran:
        assert "--require-hashes --no-deps" in command or "--no-index" in command, command
    venv = builder.stages[-1] / "venv" / "bin"
    listed = run(str(venv / "pip"), "list", "--format", "freeze").stdout.split()
    locked = re.findall(r"^\S+==[^\s;]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    plain = {re.sub(r"[-_.]+", "-", one).lower() for one in listed if not re.match("(pip|setuptools|wheel)==", one)}
    wanted = {re.sub(r"[-_.]+", "-", one).lower() for one in locked if not one.startswith("colorama")}
    own = f"bootstrap-bridge=={version('bootstrap-bridge')}"
    assert plain == {re.sub(r"[-_.]+", "-", one) for one in (*wanted, own)}
    for program in ("bootstrap-bridge", "device-sim"):
        assert run(str(venv / program), "--help").returncode == 0


def test_a_file_with_another_digest_is_not_installed(tmp_path: Path) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    forged = tmp_path / "forged.lock"
    first = re.search(r"^mdurl==.*?(?=^\S)", lock, re.MULTILINE | re.DOTALL)
    assert first
    forged.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", first[0]), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", "--dest", str(tmp_path)]
    done = run(*pip, "-r", str(forged))
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr.upper()
    assert not list(tmp_path.glob("mdurl*"))
