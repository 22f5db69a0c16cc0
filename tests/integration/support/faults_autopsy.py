"""What a site left on its disk when it was killed or stopped, read from copies of its files.

The databases are copied with their logs first: opening them in place would tidy up the very state
that the next start of the site has to cope with.
"""

import contextlib
import json
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from support.waiting import eventually

TEMPORARY = ".tmp-"
SWEEP_S = 1.0  # a few turns of a sweeper whose settings a test has made short


class Autopsy:
    """of a site that does not run."""

    def __init__(self, site):
        assert not site.running()
        self.files = {path.name for path in site.body_files()}
        with opened(site.data / "catalogue.db") as catalogue:
            self._read_catalogue(catalogue)
        with opened(site.data / "queue.db") as queue:
            self._read_queue(queue)

    def _read_catalogue(self, catalogue):
        def count(sql):
            return next(catalogue.execute(sql, (self.boot_id,)))[0]

        def files(sql):
            return {_file_of(ref) for (ref,) in catalogue.execute(sql)}

        (self.boot_id,) = next(
            catalogue.execute("SELECT boot_id FROM lease ORDER BY renewed_ms DESC LIMIT 1"))  # fmt: skip
        self.bodies = files("SELECT blob_ref FROM body")
        self.trash = files("SELECT blob_ref FROM trash")
        self.unreferenced = files(
            "SELECT blob_ref FROM body WHERE id NOT IN (SELECT body_id FROM object WHERE body_id NOT NULL)"
            " AND id NOT IN (SELECT body_id FROM conflict)"
            " AND id NOT IN (SELECT kept_body FROM object WHERE kept_body NOT NULL)")  # fmt: skip
        self.ready_files = files(
            "SELECT blob_ref FROM body WHERE id IN (SELECT body_id FROM object WHERE status = 200)")  # fmt: skip
        self.uploads = count("SELECT count(*) FROM object WHERE status = 100 AND upload_boot = ?")
        self.claimed = count("SELECT count(*) FROM waiting WHERE claimed_by = ?")
        done = "SELECT op_id FROM outcome WHERE outcome IN (1, 2, 3, 4)"  # applied to settled
        self.done_ids = {op_id for (op_id,) in catalogue.execute(done)}

    def _read_queue(self, queue):
        pending = queue.execute(
            "SELECT value FROM records_readable AS r JOIN topics AS t ON t.name = r.topic"
            " LEFT JOIN progress AS p ON p.topic = t.id AND p.partition = r.partition"
            " AND p.group_name = 'ferry-worker'"
            " WHERE r.topic = 'request-action' AND r.offset >= coalesce(p.committed, 0)")
        self.pending_ids = [json.loads(value)["opId"] for (value,) in pending]

    # ---- what was in hand

    def orders(self):
        """Orders that this site had taken on and not done: in its queue, or claimed rows of `waiting`."""
        return len([op_id for op_id in self.pending_ids if op_id not in self.done_ids]) + self.claimed

    def linked_without_row(self):
        """Bodies of the last process that were durable under their name, and no row named them yet."""
        return {
            name for name in self.files - self.bodies - self.trash
            if not name.startswith(TEMPORARY) and name.split(".")[0] == self.boot_id
        }

    def done_without_offset(self):
        """Orders whose effect and outcome were committed while their offset was not."""
        return [op_id for op_id in self.pending_ids if op_id in self.done_ids]

    # ---- what must never be

    def nameless(self):
        """Files of the store that no row names."""
        return self.files - self.bodies - self.trash

    def leaked(self):
        """Bodies that no object has, deleted or not, and no conflict, and that are not on their way out."""
        return self.unreferenced - self.trash

    def missing(self):
        """Files of READY objects that are not there."""
        return self.ready_files - self.files


def stop_swept(site, timeout):
    """Ends with the site stopped and nothing on its disk but what its rows name and READY objects need.

    What the last process left is looked for by the sweeper of the next, so it is started for that.
    """
    site.stop()
    site.start()

    def swept():
        site.stop()
        found = Autopsy(site)
        assert found.missing() == set()
        left = found.nameless() | found.leaked() | found.trash
        if left:
            site.start()
            time.sleep(SWEEP_S)
        assert not left, f"{len(left)} files, like {sorted(left)[:5]}"
        return True

    eventually(swept, timeout, f"nothing is left behind at {site.name}")


def _file_of(blob_ref):
    """"file:3f/NAME" is the file NAME."""
    return blob_ref.rpartition("/")[2]


@contextlib.contextmanager
def opened(path):
    """A copy of a database of a site that does not run."""
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("", "-wal"):
            source = Path(str(path) + ending)
            if source.exists():
                shutil.copy(source, Path(folder) / source.name)
        with contextlib.closing(sqlite3.connect(Path(folder) / path.name)) as opened:
            yield opened
