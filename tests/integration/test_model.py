"""The models of tests/model at sizes that take longer than `./run test` has (ctest runs the rest)."""

import pathlib
import re
import subprocess
import sys

import pytest

CHECK = pathlib.Path(__file__).parents[1] / "model" / "check"


@pytest.mark.soak
def test_the_models_hold_in_every_state_of_larger_instances(record_property):
    command = [sys.executable, CHECK, "--soak", "--jobs", "1"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    states = re.findall(r"^ok +(\w+) .* (\d+) states", run.stdout, re.MULTILINE)
    record_property("soak", "states: " + ", ".join(f"{model} {count}" for model, count in states))
