"""`./run demo` with a few files: a site or a worker is killed, and all sites have the same bytes."""

import os
import subprocess
import sys

import pytest

from support.site import ROOT, environment

FILES = 12


@pytest.fixture
def files(tmp_path):
    for number in range(FILES):
        folder = tmp_path / f"dir-{number % 3}"
        folder.mkdir(exist_ok=True)
        (folder / f"file-{number}").write_bytes(os.urandom(number * 1000))
    return tmp_path


def demo(files, **settings):
    words = [sys.executable, "tests/demo/demo.py"]
    env = {**environment(), "DIR": str(files), **settings}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("engines", ["", "real"])
def test_three_sites_are_equal_after_a_kill(files, engines):
    code, said = demo(files, ENGINES=engines)
    assert code == 0, said
    assert "SIGKILL to nice" in said
    assert "differences: 0" in said


def test_a_bit_that_is_flipped_is_one_difference(files):
    code, said = demo(files, BREAK="1")
    assert (code, "differences: 1" in said) == (1, True), said
