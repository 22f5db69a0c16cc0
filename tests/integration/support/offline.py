"""Commands that open a site's engines themselves, not its API."""

import subprocess

from support.command import CALL_S, Ran
from support.site import environment

# Settings of a site that its engines are named by; others are of no matter to such a command.
ENGINES = ("catalogue", "store", "queue", "queue_prefix")


def run_offline(site, *words):
    """`ferry WORDS...` with the settings of the site, which may run or not."""
    settings = {name: site.settings[name] for name in ENGINES if name in site.settings}
    command = [site.program, *words, "--site", site.name, "--data", str(site.data)]
    for name, value in settings.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    process = subprocess.run(command, capture_output=True, env=environment(), timeout=CALL_S)
    return Ran(words, process)


def fsck(site, *words):
    """The lines of `ferry fsck --json`, the sum of them, and the exit code."""
    ran = run_offline(site, "fsck", "--json", *words)
    lines = ran.lines()
    return lines[:-1], lines[-1] if lines else None, ran


def lose_catalogue(site, servers):
    """Of a site that has ended: its tables are gone, its store and its queue are not."""
    url = site.settings.get("catalogue", "")
    if url.startswith("postgres"):
        servers.postgres.query(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public", url.rsplit("/", 1)[1]
        )
        return
    for path in site.data.glob("catalogue.db*"):
        path.unlink()
