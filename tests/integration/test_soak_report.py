"""The writer of tests/SOAK.md: it changes its own rows and nothing else, and says what was really run."""

import subprocess

from support import soak_report
from support.soak_report import ROOT, WORDS, build_kind, command, put_row

CELLS = ["date", "1234567", "`./run soak`", "asan", "-", "2 cores", "passed in 1 s", "nothing"]
FILE = """# Results

By hand: these rows are from elsewhere.

| Test | Date |
|---|---|
| `test_b.py::test_two` | old |
| `test_d.py::test_four` | old |

Also by hand: | `test_a` | is no row |
"""


def test_a_row_takes_the_place_of_the_last_one_and_all_else_stays():
    written = put_row(FILE, "test_b.py::test_two", CELLS)
    old, new = FILE.splitlines(), written.splitlines()
    assert [number for number in range(len(old)) if old[number] != new[number]] == [6]
    assert new[6] == ("| `test_b.py::test_two` | date | 1234567 | `./run soak` | asan | - | 2 cores"
                      " | passed in 1 s | nothing |")  # fmt: skip
    assert put_row(written, "test_b.py::test_two", CELLS) == written


def test_a_new_row_comes_where_its_name_belongs():
    for name, place in (("test_a", 6), ("test_c", 7), ("test_e", 8)):
        lines = put_row(FILE, name, CELLS).splitlines()
        assert lines[place].startswith(f"| `{name}` | date |")
        assert lines[:place] + lines[place + 1 :] == FILE.splitlines()


def test_a_file_without_a_table_gets_one():
    assert put_row("# By hand\n", "test_a", CELLS).splitlines()[:3] == ["# By hand", "", "| " + " | ".join(
        ["Test", "Date (UTC)", "Commit", "Command", "Driven", "Measured", "Machine", "Result", "Found"]) + " |"]  # fmt: skip
    made = put_row("", "test_a", CELLS)
    assert made.startswith("| Test |") and made.endswith("| nothing |\n")
    assert len(put_row(made, "test_b", CELLS).splitlines()) == 4


def test_what_was_found_cannot_break_the_table():
    line = put_row(FILE, "test_a", [*CELLS[:-1], "a | b\nc"]).splitlines()[6]
    assert line.startswith("| `test_a` | date |") and line.endswith("| a \\| b c |")


def test_the_command_is_the_one_that_was_typed():
    added = ["-c", "tests/pytest.ini", "--rootdir=.", "-m", "soak", "--timeout=3600"]
    by_run = {"FERRY_BIN": f"{ROOT}/build/asan/ferry"}
    assert command([*added, "tests/integration"], {**by_run, WORDS: "0"}) == "./run soak"
    typed = ["tests/integration/test_x.py", "-k", "races and 1"]
    assert command([*added, *typed], {**by_run, WORDS: "3"}) == "./run soak tests/integration/test_x.py -k 'races and 1'"
    by_hand = command(["-m", "soak", f"{ROOT}/tests/integration"], {"FERRY_SEED": "7", **by_run})
    assert by_hand == "FERRY_BIN=build/asan/ferry FERRY_SEED=7 pytest -m soak tests/integration"


def test_the_commit_says_whether_the_tree_has_changes(tmp_path, monkeypatch):
    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    monkeypatch.setattr(soak_report, "ROOT", tmp_path)
    monkeypatch.setattr(soak_report, "REPORT", tmp_path / "SOAK.md")
    assert soak_report.commit() == "unknown"
    git("init", "--quiet")
    (tmp_path / "SOAK.md").write_text("rows\n")
    git("add", "SOAK.md")
    git("commit", "--quiet", "-m", "first")
    head = git("rev-parse", "--short", "HEAD").strip()
    assert soak_report.commit() == head
    (tmp_path / "SOAK.md").write_text("rows of this very run\n")
    assert soak_report.commit() == head
    (tmp_path / "new").write_text("x")
    assert soak_report.commit() == f"{head}+changes"


def test_a_build_is_called_by_its_preset_or_by_its_sanitizer(tmp_path):
    assert build_kind(ROOT / "build" / "release" / "ferry") == "release"
    for content, kind in ((b"\x7fELF __asan_init", "sanitized"), (b"\x7fELF", "unsanitized")):
        (tmp_path / "ferry").write_bytes(content)
        assert build_kind(tmp_path / "ferry") == kind
