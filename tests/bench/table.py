"""What the benchmark prints: the rows of a Markdown table."""

import os


def line(what: str, seen: str, limit: str, ratio: str, aim: str) -> None:
    print(f"| {what:52} | {seen:21} | {limit:39} | {ratio:5} | {aim:15} |", flush=True)


def head() -> None:
    line("Figure", "Seen", "Limit in the same run", "Ratio", "Aim")
    print("|---|---|---|---|---|")


def row(what: str, seen: str, limit: str = "", ratio: float | None = None, aim: str = "") -> None:
    line(what, seen, limit, f"{ratio:.2f}" if ratio is not None else "", aim)


def load_row(when: str) -> None:
    """Others on the machine take from figure and limit alike, but not always at the same time."""
    row(f"load average {when}", f"{os.getloadavg()[0]:.1f}", f"{os.cpu_count()} processors")


def percentiles(got: dict) -> str:
    return f"{got['p50ms']:.1f} / {got['p99ms']:.1f} ms"


def spread(times_ms: list[float]) -> str:
    """p50 / p99 of single measurements."""
    times_ms = sorted(times_ms)
    return f"{times_ms[len(times_ms) // 2]:.1f} / {times_ms[len(times_ms) * 99 // 100]:.1f} ms"
