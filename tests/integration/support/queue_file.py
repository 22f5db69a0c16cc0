"""What stands in a site's embedded queue, read beside the running site."""

import json
import sqlite3


def messages(site, topic):
    """The orders of a topic, oldest first, done ones too as long as they are kept."""
    with sqlite3.connect(f"file:{site.data}/queue.db?mode=ro", uri=True, timeout=10) as file:
        rows = file.execute(
            "SELECT value FROM records_readable WHERE topic = ? ORDER BY timestamp_ms", (topic,)
        ).fetchall()
    return [json.loads(value) for (value,) in rows]
