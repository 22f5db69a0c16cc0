"""A page of a container's list beside the same page of a small container, on both catalogues."""

import shutil
import tempfile
from pathlib import Path

from generator import CLIENT
from support.oio import Oio
from support.pages import PAGE, QUERIES, Filled, medians_ms
from support.postgres import Postgres
from support.site import Site
from table import row

SMALL, LARGE = 10_000, 1_000_000  # names, of two versions each
AIM = "below 2"


def pages_of(site: Site, name: str) -> None:
    site.start()
    oio = Oio(site.url, CLIENT)
    small, large = Filled(site, oio, SMALL), Filled(site, oio, LARGE)
    for what, query in QUERIES.items():
        small_ms, large_ms = medians_ms(small, large, query)
        row(f"{PAGE:,} of {LARGE:,} names, {name}, {what}", f"{large_ms:.1f} ms",
            f"of {SMALL:,} names: {small_ms:.1f} ms", large_ms / small_ms, AIM)
    site.stop()


def bench_lists() -> None:
    root = Path(tempfile.mkdtemp(prefix="ferry-bench-"))
    root.chmod(0o755)
    postgres = Postgres(root / "postgres").start()
    pages_of(Site("lite", root / "lite" / "data"), "SQLite")
    pages_of(Site("full", root / "full" / "data", settings={"catalogue": postgres.database("full")}), "PostgreSQL")
    postgres.remove()
    shutil.rmtree(root)


PARTS = {"lists": bench_lists}
