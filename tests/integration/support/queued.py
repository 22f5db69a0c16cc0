"""What stands in a site's queue, read beside the running site."""

import json
import sqlite3
import subprocess

KAFKA = "kafka://"


def messages(site, topic):
    """The orders of a topic, oldest first in each partition, done ones too as long as they are kept."""
    queue = site.settings.get("queue", "")
    if queue.startswith(KAFKA):
        values = _of_kafka(queue.removeprefix(KAFKA), site.settings["queue_prefix"] + topic)
    else:
        values = _of_file(site.data / "queue.db", topic)
    return [json.loads(value) for value in values]


def _of_file(path, topic):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as file:
        rows = file.execute(
            "SELECT value FROM records_readable WHERE topic = ? ORDER BY timestamp_ms", (topic,)
        ).fetchall()
    return [value for (value,) in rows]


def _of_kafka(brokers, topic):
    words = ["kcat", "-b", brokers, "-C", "-q", "-e", "-o", "beginning", "-t", topic]
    done = subprocess.run(words, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.splitlines()
