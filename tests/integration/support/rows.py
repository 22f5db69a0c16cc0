"""Objects without bodies, put into the catalogue of a site that is stopped: many in seconds."""

import sqlite3
import subprocess

from support.postgres import program

FIRST_BODY = 1000  # ids of bodies; a site that was hardly used has given out none of them
FILL_S = 1800.0  # ten million rows on a busy disk


def row_name(prefix, number):
    return f"{prefix}{number:09}"


# n: the numbers from 0. A hash of 32 digits is as good as any.
SQLITE = {
    "numbers": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})",
    "from": "n",
    "padded": "printf('%0{width}d', i)",
    "sha": "CAST({padded} AS BLOB)",
}
POSTGRES = {
    "numbers": "",
    "from": "generate_series(0, {count} - 1) AS n(i)",
    "padded": "lpad(i::text, {width}, '0')",
    "sha": "convert_to({padded}, 'UTF8')",
}
BODIES = """INSERT INTO body(id, sha, size, blob_ref, ref_hash)
{numbers} SELECT {first} + i, {sha32}, i, 'none-' || i, i FROM {from}"""
OBJECTS = """INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size,
    hash, changed_ms, expires_ms, metadata, body_id, proof)
{numbers} SELECT o.container_id, '{prefix}' || {padded9}, 0, {padded26}, 200, o.stamp_time + i, o.stamp_site, i,
    '', 0, 0, '', {first} + i, 1 FROM {from}, (SELECT * FROM object WHERE name = '{like}') AS o"""


def statements(words, like, prefix, count):
    def padded(width):
        return words["padded"].format(width=width)

    filled = {
        "numbers": words["numbers"].format(count=count), "from": words["from"].format(count=count),
        "padded9": padded(9), "padded26": padded(26), "sha32": words["sha"].format(padded=padded(32)),
        "first": FIRST_BODY, "prefix": prefix, "like": like,
    }  # fmt: skip
    return [text.format(**filled) for text in (BODIES, OBJECTS)]


def add_rows(site, like, prefix, count):
    """As many READY rows beside the object `like`, with stamps behind its own; the same on every
    site that has that object. The site's totals do not know of them."""
    url = site.settings.get("catalogue")
    if url:
        for text in statements(POSTGRES, like, prefix, count):
            subprocess.run(
                [program("psql"), "-d", url, "-AXtqc", text], check=True, timeout=FILL_S)  # fmt: skip
        return
    db = sqlite3.connect(site.data / "catalogue.db")
    db.execute("PRAGMA synchronous = off")
    for text in statements(SQLITE, like, prefix, count):
        db.execute(text)
    db.commit()
    db.close()
