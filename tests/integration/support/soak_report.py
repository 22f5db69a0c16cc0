"""Keeps the table of tests/SOAK.md: the last result of every soak test, and how it was come by.

A plugin of pytest. A test may add what it found: record_property("soak", "VmHWM 24036 KiB"). A row is
written when its test has ended; all other lines of the file are somebody else's and stay as they are.
"""

import datetime
import os
import platform
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from support.site import ROOT

REPORT = ROOT / "tests" / "SOAK.md"
COLUMNS = ["Test", "Date (UTC)", "Commit", "Command", "Driven", "Measured", "Machine", "Result", "Found"]
FOUND_MAX = 400
ROW = re.compile(r"\| `([^`]+)` \|")
# How many words of pytest's command line were given to `./run soak`; unset: `run` did not start it.
WORDS = "SOAK_WORDS"
OURS = ("FERRY_BIN", "FERRY_RELEASE_BIN", "FERRY_SEED")  # what the tests read of the environment


# ---- what is known before any test


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return f"{os.cpu_count()} cores, {memory} GiB, {platform.machine()}"


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def commit():
    """Of the tree; the file that the run itself writes is no change of it."""
    try:
        dirty = git("status", "--porcelain", "--", ".", f":(exclude){REPORT.relative_to(ROOT)}")
        return git("rev-parse", "--short", "HEAD") + ("+changes" if dirty else "")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"


def command(arguments, environment):
    """What somebody has to type to have this again. arguments: pytest's."""
    arguments = [str(word) for word in arguments]
    if WORDS in environment:
        first = len(arguments) - int(environment[WORDS])
        words = ["./run", "soak", *arguments[first:]]
    else:
        words = ["pytest", *arguments]
    set_here = [] if WORDS in environment else [name for name in OURS if name in environment]
    line = " ".join([*(f"{name}={shlex.quote(environment[name])}" for name in set_here), shlex.join(words)])
    return line.replace(f"{ROOT}/", "")


def build_kind(program):
    """asan, release: a preset builds into a folder of its name. Elsewhere only a sanitizer shows."""
    path = Path(program).resolve()
    if path.parent.parent == ROOT / "build":
        return path.parent.name
    return "sanitized" if b"__asan_init" in path.read_bytes() else "unsanitized"


# ---- the file


def table_row(cells):
    """One line; what would end a cell or the line does not."""
    return "| " + " | ".join(re.sub(r"\s+", " ", str(text)).replace("|", "\\|").strip() for text in cells) + " |"


def put_row(text, name, cells):
    """The file's text with this row in place of the test's last one, or where its name belongs."""
    line = table_row([f"`{name}`", *cells])
    lines = text.splitlines()
    rows = {found[1]: number for number, old in enumerate(lines) if (found := ROW.match(old))}
    if name in rows:
        lines[rows[name]] = line
    elif rows:
        later = [number for other, number in rows.items() if other > name]
        lines.insert(min(later, default=max(rows.values()) + 1), line)
    else:
        lines += ["", table_row(COLUMNS), "|" + "---|" * len(COLUMNS), line]
    return "\n".join(lines).lstrip("\n") + "\n"


# ---- the plugin


class SoakReport:
    def __init__(self, arguments):
        self.commit = commit()
        self.command = command(arguments, os.environ)

    def cells(self, report):
        found = [str(value) for key, value in report.user_properties if key == "soak"]
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            found.append(crash.message if crash else str(report.longrepr))
        elif report.skipped:
            found.append(report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr))
        driven, measured = (_listed(report, key) for key in ("driven", "measured"))
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        result = f"{report.outcome} in {report.duration:.0f} s"
        return [date, self.commit, f"`{self.command}`", driven, measured, machine(), result,
                "; ".join(found)[:FOUND_MAX]]  # fmt: skip

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        """Tells the report what the test's sites ran on, and of which of them memory was read."""
        factory = item.funcargs.get("sites") if call.when == "call" else None
        for site in factory.started if factory else ():
            item.user_properties.append(("driven", build_kind(site.program)))
            if site.measured:
                item.user_properties.append(("measured", build_kind(site.program)))
        return (yield)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report):
        # A failure of setup or teardown is one of the test. At once: the hours before must not be lost
        # with the test that hangs.
        if "soak" not in report.keywords or (report.when != "call" and report.passed):
            return
        text = REPORT.read_text() if REPORT.exists() else ""
        name = report.nodeid.removeprefix("tests/integration/")
        REPORT.write_text(put_row(text, name, self.cells(report)))


def _listed(report, wanted):
    return ", ".join(sorted({value for key, value in report.user_properties if key == wanted})) or "-"


def pytest_configure(config):
    # Of pytest-xdist's processes only the first writes; a soak test tried by itself is no soak run.
    if config.option.markexpr == "soak" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SoakReport(config.invocation_params.args), "soak-report")
