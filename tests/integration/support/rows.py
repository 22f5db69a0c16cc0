"""Many objects in seconds, put into the catalogue of a site that is stopped; and looks into a catalogue."""

import contextlib
import sqlite3
import subprocess

from support.faults_autopsy import opened
from support.postgres import program

FIRST_BODY = 1000  # ids of bodies; a site that was hardly used has given out none of them
FILL_S = 1800.0  # ten million rows on a busy disk


def row_name(prefix, number):
    return f"{prefix}{number:09}"


# In this order of the tables SQLite looks for the row that all are like once, and not for each.
# n: the numbers from 0. A hash of 32 digits is as good as any.
SQLITE = {
    "numbers": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})",
    "from": "n",
    "padded": "printf('%0{width}d', i)",
    "sha": "CAST({padded} AS BLOB)",
    "sum": "container_id = {of}",
}
POSTGRES = {
    "numbers": "",
    "from": "generate_series(0, {count} - 1) AS n(i)",
    "padded": "lpad(i::text, {width}, '0')",
    "sha": "convert_to({padded}, 'UTF8')",
    "sum": "id = (SELECT min(id) FROM container_count WHERE container_id = {of})",  # a sum is of several rows
}
BODIES = """INSERT INTO body(id, sha, size, blob_ref, ref_hash)
{numbers} SELECT {first} + i, {sha32}, i, 'none-' || i, i FROM {from}"""
OBJECTS = """INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size,
    hash, changed_ms, expires_ms, metadata, body_id, proof)
{numbers} SELECT o.container_id, '{prefix}' || {padded9}, 0, {padded26}, 200, o.stamp_time + i, o.stamp_site, i,
    '', 0, 0, '', {first} + i, 1 FROM (SELECT * FROM object WHERE name = '{like}') AS o CROSS JOIN {from}"""

TWINS = """INSERT INTO object(container_id, name, version, number, id, status, stamp_time, stamp_site, size,
    hash, changed_ms, expires_ms, metadata, body_id, proof)
{numbers} SELECT o.container_id, '{prefix}' || {padded9}, 0, o.number + i + 1, {padded26}, 200, o.stamp_time + i + 1,
    o.stamp_site, o.size, o.hash, o.changed_ms, 0, '', o.body_id, 1
    FROM (SELECT * FROM object WHERE name = '{like}') AS o CROSS JOIN {from}"""
OLDER = """INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, hash,
    changed_ms, expires_ms, metadata, body_id, proof)
SELECT container_id, name, number - 1000000, 0, id, stamp_time, stamp_site, size, hash, changed_ms, 0, '', body_id, 1
    FROM object WHERE name LIKE '{prefix}%'"""
# In PostgreSQL either sum is of several rows, any of which may say more.
SUMS = """UPDATE counters SET objects = objects + {count},
    bytes = bytes + {count} * (SELECT size FROM object WHERE name = '{like}')
    WHERE id = (SELECT min(id) FROM counters)"""
OWN_SUMS = """UPDATE container_count SET objects = objects + 2 * {count},
    bytes = bytes + 2 * {count} * (SELECT size FROM object WHERE name = '{like}') WHERE {sum}"""


def statements(words, texts, like, prefix, count):
    def padded(width):
        return words["padded"].format(width=width)

    filled = {
        "numbers": words["numbers"].format(count=count), "from": words["from"].format(count=count),
        "padded9": padded(9), "padded26": padded(26), "sha32": words["sha"].format(padded=padded(32)),
        "first": FIRST_BODY, "prefix": prefix, "like": like, "count": count,
        "sum": words["sum"].format(of=f"(SELECT container_id FROM object WHERE name = '{like}')"),
    }  # fmt: skip
    return [text.format(**filled) for text in texts]


def _psql(url, text):
    command = [program("psql"), "-d", url, "-AXtqc", text]
    return subprocess.run(command, check=True, timeout=FILL_S, capture_output=True, text=True).stdout


def _write(site, texts):
    url = site.settings.get("catalogue")
    if url:
        for text in texts:
            _psql(url, text)
        return
    db = sqlite3.connect(site.data / "catalogue.db")
    db.execute("PRAGMA synchronous = off")
    for text in texts:
        db.execute(text)
    db.commit()
    db.close()


def _add(site, texts, like, prefix, count):
    words = POSTGRES if site.settings.get("catalogue") else SQLITE
    _write(site, statements(words, texts, like, prefix, count))


def add_rows(site, like, prefix, count):
    """As many READY rows beside the object `like`, with stamps behind its own; the same on every
    site that has that object. The site's totals do not know of them, and their bodies are not there."""
    _add(site, (BODIES, OBJECTS), like, prefix, count)


def add_twins(site, like, prefix, count):
    """As many READY rows with the body of the object `like`, and of each an older version. All sums know of
    them."""
    _add(site, (TWINS, OLDER, SUMS, OWN_SUMS), like, prefix, count)


def tell_many(site, count):
    """A row that says of so many events of containers that they wait; it has one."""
    key, value = b"0" * 64, b'{"url":{"id":""}}'
    packed = (len(key).to_bytes(4, "little") + len(value).to_bytes(4, "little") + key + value).hex()
    blob = f"'\\x{packed}'" if site.settings.get("catalogue") else f"x'{packed}'"
    _write(site, [
        f"INSERT INTO event(stream, events, written_ms, packed) VALUES(1, {count}, 0, {blob})",
        f"UPDATE counters SET oio_events = oio_events + {count} WHERE id = (SELECT min(id) FROM counters)",
    ])  # fmt: skip


def ask(site, sql):
    """The number that a statement gives, of a site that runs or has been killed."""
    url = site.settings.get("catalogue")
    if url:
        return int(_psql(url, sql))
    file = site.data / "catalogue.db"
    if site.running():
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as read:
            return next(read.execute(sql))[0]
    with opened(file) as copy:
        return next(copy.execute(sql))[0]
