"""The benchmark: each figure beside a limit measured in the same run, as a ratio.

usage: bench.py [orders|small|large|latency|lists|kafka|workers|delay ...]   (default: all)

The first four are of the embedded world (embedded.py), lists of both catalogues (lists.py), the others
of Kafka, PostgreSQL and Redis (real.py). Sites are processes of the release build (FERRY_BIN) on loopback with folders of their own
under TMPDIR. Absolute figures depend on the machine; the ratios are the result. What is printed is a
Markdown table.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import embedded  # noqa: E402
import lists  # noqa: E402
import real  # noqa: E402
from table import head, load_row  # noqa: E402


def main() -> int:
    parts = {**embedded.PARTS, **lists.PARTS, **real.PARTS}
    wanted = sys.argv[1:] or list(parts)
    for name in wanted:
        if name not in parts:
            sys.exit(f"bench: there is no '{name}'; there are {', '.join(parts)}")
    head()
    load_row("before")
    for name in wanted:
        parts[name]()
    load_row("after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
