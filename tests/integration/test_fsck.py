"""ferry fsck: rows, bodies and files of a site held against each other."""

import threading
import time

import pytest

from support.command import DIFFERENT, DONE, USAGE
from support.offline import fsck, run_offline
from support.waiting import eventually

QUICK = {"sweep_every": "100ms", "trash_grace": "100ms"}


def checks(lines):
    return sorted(line["check"] for line in lines)


def make_objects(client, bucket, count):
    client.make_bucket(bucket).must(201)
    for i in range(count):
        client.put_exact(bucket, f"dir/o{i}", b"bytes of %d" % i).must(201)


@pytest.mark.worlds("embedded", "real")
def test_rows_and_files_of_a_stopped_site_agree(sites):
    (site,) = sites(["site-a"])
    client = site.client()
    make_objects(client, "photos", 5)
    client.put_exact("photos", "twin", b"bytes of 1").must(201)  # its body takes the other's place
    client.delete_exact("photos", "dir/o0").must(204)
    site.stop()
    lines, total, ran = fsck(site)
    ran.must(DONE)
    assert lines == []
    assert (total["buckets"], total["objects"], total["damages"]) == (1, 5, 0)
    assert total["bytes"] == 5 * len(b"bytes of 0")
    assert total["files"] == total["bodies"] + total["trashFiles"]
    assert run_offline(site, "fsck").must(DONE).text.endswith("all agree\n")


def test_a_body_that_is_gone_or_cut_short_is_named_with_its_objects(sites):
    (site,) = sites(["site-a"])
    make_objects(site.client(), "photos", 3)
    site.stop()
    gone, cut, _ = sorted(site.body_files())
    gone.unlink()
    cut.write_bytes(b"short")
    lines, total, ran = fsck(site)
    ran.must(DIFFERENT)
    assert checks(lines) == ["file.missing", "file.size", "object.lost", "object.lost"]
    about = {line["check"]: line["about"] for line in lines}
    assert about["file.missing"].endswith(gone.name) and about["file.size"].endswith(cut.name)
    assert about["object.lost"].startswith("client-1/photos/dir/o")
    assert (total["damages"], total["objects"], total["files"]) == (4, 3, 2)
    text = run_offline(site, "fsck").must(DIFFERENT).text
    assert "ferry verify" in text and text.endswith("DAMAGED\n")


def test_what_a_killed_upload_left_is_no_damage(sites):
    (site,) = sites(["site-a"])
    make_objects(site.client(), "photos", 1)
    site.kill()
    (body,) = site.body_files()
    boot = body.name.split(".")[0]
    body.with_name(f"{boot}.{'0' * 26}").write_bytes(b"left")
    lines, total, ran = fsck(site)
    ran.must(DONE)
    assert lines == []
    assert (total["leftFiles"], total["leftBytes"], total["files"]) == (1, 4, 2)
    assert f"1 files, 4 B, of {boot}" in run_offline(site, "fsck").must(DONE).text


def test_an_embedded_site_has_to_be_stopped_first(sites):
    (site,) = sites(["site-a"])
    assert "another process has the catalogue" in run_offline(site, "fsck").must(USAGE).err


class Busy:
    """Uploads, overwrites and deletes all the while."""

    def __init__(self, client):
        self.client = client
        self.stopping = threading.Event()
        self.failed = []
        self.rounds = 0
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while not self.stopping.is_set():
                name = f"o{self.rounds % 10}"
                self.client.put_exact("photos", name, b"%d" % (self.rounds % 7)).must(201)
                self.client.delete_exact("photos", name).must(204)
                self.rounds += 1
        except Exception as failure:  # told by the test, on its own thread
            self.failed.append(failure)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        assert not self.failed, self.failed


@pytest.mark.worlds("real")
def test_a_running_site_gives_no_false_alarm(sites):
    """Bodies come, move, go to trash and are removed while it looks."""
    (site,) = sites(["site-a"], **QUICK)
    make_objects(site.client(), "photos", 30)
    with Busy(site.client()) as busy:
        eventually(lambda: busy.rounds > 20, 20, "it is busy")
        end = time.monotonic() + 4.0
        looks = 0
        while time.monotonic() < end or looks < 3:
            lines, total, ran = fsck(site)
            ran.must(DONE)
            assert lines == []
            assert total["bodies"] >= 30
            looks += 1
