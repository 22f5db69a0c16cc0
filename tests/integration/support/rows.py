"""Objects without bodies, put into the catalogue of a site that is stopped: many in seconds."""

import hashlib
import sqlite3

FIRST_BODY = 1000  # ids of bodies; a site that was hardly used has given out none of them


def add_rows(site, like, name_of, count):
    """As many READY rows beside the object `like`, with stamps behind its own; the same on every
    site that has that object. The site's totals do not know of them."""
    db = sqlite3.connect(site.data / "catalogue.db")
    db.execute("PRAGMA synchronous = off")
    container, time, origin = db.execute(
        "SELECT container_id, stamp_time, stamp_site FROM object WHERE name = ?", (like,)
    ).fetchone()
    db.executemany(
        "INSERT INTO body(id, sha, size, blob_ref, ref_hash) VALUES(?, ?, ?, ?, ?)",
        (
            (FIRST_BODY + number, hashlib.sha256(b"row %d" % number).digest(), number, f"none-{number}", number)
            for number in range(count)
        ),
    )
    db.executemany(
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, hash,"
        " changed_ms, expires_ms, metadata, body_id, proof)"
        " VALUES(?, ?, 0, ?, 200, ?, ?, ?, '', 0, 0, '', ?, 1)",
        (
            (container, name_of(number), f"{number:026}", time + number, origin, number, FIRST_BODY + number)
            for number in range(count)
        ),
    )
    db.commit()
    db.close()
