"""A Containerfile read into its stages, and what each of its steps says. No engine is needed.

`carry_out` does the steps of a stage in a folder that is the root of a Debian: what an engine would do
but for its layers and namespaces.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from support.site import ROOT


class Step:
    """One instruction: RUN text, or a list of words where it is given as JSON."""

    def __init__(self, name, text):
        self.name = name
        self.text = text

    @property
    def words(self):
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


class Stage:
    def __init__(self, image, name):
        self.image = image
        self.name = name
        self.steps = []

    def all(self, name):
        return [step for step in self.steps if step.name == name]

    def last(self, name):
        return self.all(name)[-1]


def read(path):
    """The stages in their order."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    stages = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip():
            continue
        name, rest = line.split(None, 1)
        if name == "FROM":
            image, _, stage = rest.partition(" AS ")
            stages.append(Stage(image, stage or None))
        else:
            stages[-1].steps.append(Step(name, rest.strip()))
    return stages


def installed(stage):
    """The Debian packages that its RUN steps install by name."""
    found = []
    for step in stage.all("RUN"):
        for part in step.text.split("&&"):
            words = shlex.split(part)
            if words[:2] == ["apt-get", "install"]:
                found += [word for word in words[2:] if not word.startswith("-")]
    return found


def run_in(root, commands, pristine=False):
    """A shell's commands in that root, which is made when it is not there. What they print."""
    done = subprocess.run(
        [ROOT / "tests" / "bare_root.sh", root, "-c", commands],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PRISTINE": "1" if pristine else "0"},
    )
    assert done.returncode == 0, f"{commands}:\n{done.stdout[-20_000:]}"
    return done.stdout


def _copy(words, folder, root, roots):
    source_root = ROOT
    if words[0].startswith("--from="):
        source_root = roots[words.pop(0).removeprefix("--from=")]
    *sources, target = words
    place = Path(f"{root}{os.path.join(folder, target)}")
    for source in (Path(f"{source_root}/{source.strip('/')}") for source in sources):
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)


def carry_out(stage, root, roots):
    """roots: those of the stages before it, by their names."""
    folder = "/"
    for step in stage.steps:
        if step.name == "WORKDIR":
            folder = step.text
            Path(f"{root}{folder}").mkdir(parents=True, exist_ok=True)
        elif step.name == "COPY":
            _copy(step.words, folder, root, roots)
        elif step.name == "RUN":
            run_in(root, f"cd {folder} && {step.text}")
