"""Keeps tests/SOAK.md: the last result of every soak test, with its date and command.

A plugin of pytest. A test may add what it found: record_property("soak", "VmHWM 24036 KiB").
Rows of tests that did not run in this session stay as they are.
"""

import datetime
import os
import platform
import re
import shlex
from pathlib import Path

import pytest

from support.site import binary

REPORT = Path(__file__).resolve().parents[2] / "SOAK.md"
HEAD = """# Last results of the soak tests

Written by `./run soak`: a row is replaced when its test has run again. Memory is VmHWM of the release build.

| Test | Date (UTC) | Command | Build | Machine | Result | Found |
|---|---|---|---|---|---|---|
"""
FOUND_MAX = 400
ROW = re.compile(r"^\| `([^`]+)` \|")


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return f"{os.cpu_count()} cores, {memory} GiB, {platform.machine()}"


def command(config):
    """As somebody would type it to have this again: what `run` adds itself is left out."""
    added = ["-c", "tests/pytest.ini", "--rootdir=.", "-m", "soak", "--timeout=0", "tests/integration"]
    words = [str(word) for word in config.invocation_params.args if str(word) not in added]
    return shlex.join(["./run", "soak", *words])


def read_rows():
    """{test: line}."""
    if not REPORT.exists():
        return {}
    found = (ROW.match(line) for line in REPORT.read_text().splitlines())
    return {match[1]: match.string for match in found if match}


def write_row(name, line):
    """At once: the hours before must not be lost with the test that fails or hangs."""
    rows = {**read_rows(), name: line}
    REPORT.write_text(HEAD + "".join(f"{rows[name]}\n" for name in sorted(rows)))


def cell(text):
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|").strip()


def build():
    """Which binary is tested, unless a test names another: those that measure memory take the release."""
    sanitized = b"__asan_init" in Path(binary()).read_bytes()
    return "sanitized" if sanitized else "release"


class SoakReport:
    def __init__(self, config):
        self.config = config

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report):
        # A failure of setup or teardown is one of the test.
        if "soak" not in report.keywords or (report.when != "call" and report.passed):
            return
        found = [str(value) for key, value in report.user_properties if key == "soak"]
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            found.append(crash.message if crash else str(report.longrepr))
        elif report.skipped:
            found.append(report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr))
        name = report.nodeid.removeprefix("tests/integration/")
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        result = f"{report.outcome} in {report.duration:.0f} s"
        cells = [date, f"`{command(self.config)}`", build(), machine(), result, cell("; ".join(found))[:FOUND_MAX]]
        write_row(name, f"| `{name}` | {' | '.join(cells)} |")


def pytest_configure(config):
    # Of pytest-xdist's processes only the first writes; a soak test tried by itself is no soak run.
    if config.option.markexpr == "soak" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SoakReport(config), "soak-report")
