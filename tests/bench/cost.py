"""Processor time and memory of processes, from /proc; of PostgreSQL all its processes together."""

import os
import re
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
UTIME, STIME, CUTIME, CSTIME = 11, 12, 13, 14  # after the command's closing parenthesis


def _stat(pid: int | str) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[UTIME]) + int(fields[STIME])) / TICKS_A_SECOND


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def family_seconds(pid: int) -> float:
    """Of a process and its children, those that have ended too."""
    fields = _stat(pid)
    ended = (int(fields[CUTIME]) + int(fields[CSTIME])) / TICKS_A_SECOND
    alive = 0.0
    for child in _children(pid):
        try:
            alive += cpu_seconds(child)
        except OSError:  # it has just ended
            continue
    return cpu_seconds(pid) + ended + alive


def memory_mb(pid: int, field: str = "VmHWM") -> float:
    """Peak of what was resident; field VmRSS: what is now."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", text).group(1)) / 1024


class Meter:
    """Processor time from its making on, by names: {"broker": [pids], ...}; families: those of them
    whose children count."""

    def __init__(self, processes: dict[str, list[int]], families: tuple[str, ...] = ()):
        self.processes, self.families = processes, families
        self.before = self._now()

    def _now(self) -> dict[str, float]:
        return {
            name: sum((family_seconds if name in self.families else cpu_seconds)(p) for p in pids)
            for name, pids in self.processes.items()
        }

    def seconds(self) -> dict[str, float]:
        now = self._now()
        return {name: now[name] - self.before[name] for name in now}
