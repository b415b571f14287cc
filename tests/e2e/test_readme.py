"""The sessions with mosquitto_pub and mosquitto_sub in README and documentation, typed as they stand there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.site import UpSite, running

ROOT = Path(__file__).parent.parent.parent


def transcript(page: Path) -> list[tuple[str, str]]:
    """Return the commands with what they are said to print, of all transcripts of a page as one session."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- transcript.*?-->\n```console\n(.*?)```", text, re.DOTALL)
    steps: list[tuple[str, str]] = []
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        elif line:
            command, printed = steps[-1]
            steps[-1] = (command, printed + line + "\n")
    return steps


@pytest.mark.parametrize(("name", "answers"), [("README.md", 7), ("docs/administrators.md", 4)])
def test_the_transcript_is_what_happens(name: str, answers: int, tmp_path: Path) -> None:
    steps = transcript(ROOT / name)
    assert sum(bool(printed) for _, printed in steps) >= answers, "the transcript shows answers"
    with running(UpSite(tmp_path / "var")) as site:
        ports = {"1883": str(site.access["port"]), "1884": str(site.access["bootstrapPort"])}
        shell = subprocess.Popen(
            ["bash"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert shell.stdin is not None
        assert shell.stdout is not None
        try:
            for command, expected in steps:
                here = re.sub(r"-p (188[34])", lambda match: f"-p {ports[match.group(1)]}", command)
                shell.stdin.write(f"{here}\necho END $?\n")
                shell.stdin.flush()
                printed = ""
                while not (line := shell.stdout.readline()).startswith("END"):
                    assert line, f"the shell ended at {command}"
                    printed += line
                assert line == "END 0\n", f"{command}: {line}{printed}"
                pattern = ".*".join(re.escape(part) for part in expected.split("…"))
                assert re.fullmatch(pattern, printed), f"{command}\nprinted {printed}\nand not {expected}"
        finally:
            shell.stdin.close()
            shell.stdout.close()
            shell.wait(10)
