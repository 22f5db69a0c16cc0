"""Both commands of the README on a Debian 12 that has nothing: what somebody sees who has just cloned
Ferry."""

import re
import subprocess
import time

import pytest

from support.site import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]


def readme_commands():
    """The `./run` lines of the README before its first heading of the second level."""
    text = (ROOT / "README.md").read_text().split("\n## ")[0]
    return re.findall(r"^ {4}\./run ([a-z]+)", text, re.MULTILINE)


def test_both_commands_of_the_readme_work_in_a_bare_debian(tmp_path, record_property):
    commands = readme_commands()
    assert len(commands) == 2, commands
    root = tmp_path / "root"
    found = []
    for command in commands:
        began = time.monotonic()
        words = [str(ROOT / "tests" / "bare_root.sh"), str(root), command]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout[-20_000:])
        assert done.returncode == 0, f"./run {command}: exit code {done.returncode}"
        if command == "demo":
            assert "differences: 0" in done.stdout
        found.append(f"./run {command} in {time.monotonic() - began:.0f} s")
    record_property("soak", ", ".join(found))
