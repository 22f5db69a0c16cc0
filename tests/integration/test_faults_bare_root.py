"""On a Debian 12 that has nothing: both commands of the README, as somebody sees them who has just
cloned Ferry, and the steps of the Containerfile."""

import re
import shutil
import subprocess
import time

import pytest

from support import containerfile
from support.ports import take_port
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


SITE_RUNS = """
cd /var/lib/ferry && mkfifo said && ferry --version
ferry up --site paris --data /var/lib/ferry/site --listen 127.0.0.1:{port} >said &
read -r line <said && echo "$line"
ferry health --url http://127.0.0.1:{port} || exit 1
kill "$!" && wait "$!" && echo "ended well"
"""


def test_the_steps_of_the_containerfile_make_an_image_that_runs(tmp_path, record_property):
    """The second stage begins anew, with the packages it names and what it takes from the first."""
    build, image = containerfile.read(ROOT / "deploy" / "container" / "Containerfile")
    first, second = tmp_path / "first", tmp_path / "second"
    began = time.monotonic()
    containerfile.run_in(first, "true")
    shutil.copy(f"{first}.tar", f"{second}.tar")
    containerfile.carry_out(build, first, {})
    containerfile.run_in(second, "true", pristine=True)
    containerfile.carry_out(image, second, {build.name: first})
    user, group = image.last("USER").text.split(":")
    became = f"setpriv --reuid {user} --regid {group} --clear-groups"
    said = containerfile.run_in(second, f"{became} sh -ec '{SITE_RUNS.format(port=take_port())}'")
    assert re.match(r"ferry \d", said) and "site paris listening" in said, said
    assert said.endswith("ended well\n"), said
    record_property("soak", f"both stages in {time.monotonic() - began:.0f} s")
