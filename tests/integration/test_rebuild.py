"""The catalogue written down beside the bodies, and ferry fsck --rebuild when it is lost."""

import io
import json
import random
import shutil
import time

import pytest
import zstandard

from support import digest
from support.command import DIFFERENT, DONE, NOT_FOUND, REFUSED, Ferry
from support.offline import fsck, lose_catalogue, run_offline
from support.orders import order, wait_outcome
from support.waiting import eventually

QUICK = {"export_changes": "200ms", "sweep_every": "100ms", "trash_grace": "100ms"}
# Written down at the start and at the end, never between: what is done meanwhile is lost by a kill.
SELDOM = {"export_changes": "1h"}


def kept(site):
    """{name: file} of the export, by number."""
    return {path.name: path for path in sorted((site.data / "store" / "kept").iterdir())}


def full_files(site):
    return [path for name, path in kept(site).items() if name.startswith("full-")]


def change_files(site):
    return [path for name, path in kept(site).items() if name.startswith("changes-")]


def lines_of(path):
    """Of a file that is whole."""
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())) as stream:
        lines = [json.loads(line) for line in stream.read().splitlines()]
    assert lines[0]["is"] == "head" and lines[-1]["is"] == "end", path
    assert lines[-1].get("count", 0) == len(lines) - 2, path
    return lines[1:-1]


def written_down(site, name):
    """Whether some file says of an object that it is READY."""
    return any(
        line["is"] == "object" and line["object"] == name and line["status"] == 200
        for path in kept(site).values()
        for line in lines_of(path)
    )


def view(site, buckets):
    """All that a client can see of the buckets, as both sites must have it."""
    client = site.client()
    seen = {}
    for bucket in buckets:
        facts = client.container("GET", bucket).must(200).json()
        seen[bucket] = {key: facts[key] for key in ("account", "name", "status", "stamp")}
        for row in client.objects(bucket).must(200).json()["objects"]:
            answer = client.get_exact(bucket, row["name"]).must(200)
            own = {key: row[key] for key in row if key not in ("id", "site")}
            seen[bucket, row["name"]] = (own, answer.header("x-ferry-stamp"), answer.body)
    return seen


def fill(a, b):
    """Objects of both sites, deletes, a bucket that goes, one that is empty, names of all kinds."""
    one, two = a.client(), b.client()
    for bucket in ("photos", "empty", "gone"):
        one.make_bucket(bucket).must(201)
    for i in range(20):
        one.put_exact("photos", f"dir/o{i}", b"bytes of %d" % (i % 7)).must(201)
    one.put_exact("photos", "\u00e9t\u00e9 \"o\"\n..", b"named", metadata={"k": "v"}).must(201)
    one.put_exact("gone", "o", b"gone").must(201)
    eventually(lambda: two.bucket_status("photos") == "READY", 20, "the bucket is at site b")
    for i in range(5):
        two.put_exact("photos", f"of-b/{i}", b"of b %d" % i).must(201)
    one.delete_exact("photos", "dir/o3").must(204)
    one.delete_exact("gone", "o").must(204)
    one.drop_bucket("gone").must(204)
    same = ("photos", "empty")
    eventually(
        lambda: len(view(a, same)) == 27 and view(a, same) == view(b, same), 30, "both are equal"
    )
    eventually(lambda: two.bucket_status("gone") != "READY", 20, "the bucket is gone at site b")
    return view(a, same)


@pytest.mark.worlds("embedded", "real")
def test_a_lost_catalogue_is_rebuilt_and_equal_to_the_other_site(sites, servers):
    a, b = sites(["site-a", "site-b"], **QUICK)
    before = fill(a, b)
    a.client().add_ownership("client-2", "photos", "READ").must(201)
    # Of bytes that came twice the older file is in trash for a moment, of which no line speaks.
    eventually(lambda: len(a.body_files()) == 14, 20, "a file a body, that of the deleted one too")
    a.stop()
    bodies = sorted(path.name for path in a.body_files())
    lose_catalogue(a, servers)

    with pytest.raises(AssertionError, match="export of another catalogue"):
        a.start()  # else the sweep would remove every body
    assert sorted(path.name for path in a.body_files()) == bodies
    text = run_offline(a, "fsck", "--rebuild").must(DONE).text
    assert "0 objects left out; 0 files that nobody names" in text
    lines, total, ran = fsck(a)
    ran.must(DONE)
    assert (total["objects"], lines) == (25, [])

    a.start()
    for bucket in ("photos", "empty"):
        Ferry(a.url)("diff", bucket, "--with", "site-b").must(DONE)
    assert view(a, ("photos", "empty")) == before == view(b, ("photos", "empty"))
    assert a.client().bucket_status("gone") != "READY"
    assert a.client().ownership("client-2", "photos").must(200).json() == "READ"
    # It goes on: new changes are above all it has ever given, and reach the other site.
    a.client().delete_exact("photos", "dir/o4").must(204)
    a.client().put_exact("photos", "dir/o4", b"anew").must(201)
    b.client().put_exact("photos", "from-b", b"anew").must(201)
    eventually(lambda: b.client().get_exact("photos", "dir/o4").body == b"anew", 20, "a to b")
    eventually(lambda: a.client().get_exact("photos", "from-b").body == b"anew", 20, "b to a")
    assert view(a, ("photos",)) == view(b, ("photos",))
    Ferry(a.url)("diff", "photos", "--with", "site-b").must(DONE)


def test_what_came_after_the_last_line_is_at_the_other_site(sites, servers):
    """A kill loses at most what changed since; its bodies stay until an order brings the objects."""
    a, b = sites(["site-a", "site-b"], per_site={"site-a": SELDOM})
    a.client().make_bucket("photos").must(201)
    a.client().put_exact("photos", "before", b"before").must(201)
    eventually(lambda: b.client().get_exact("photos", "before").body == b"before", 20, "at b")
    a.stop()
    a.start()
    a.client().put_exact("photos", "after", b"after").must(201)
    eventually(lambda: b.client().get_exact("photos", "after").body == b"after", 20, "at b")
    a.kill()
    assert written_down(a, "before") and not written_down(a, "after")
    bodies = len(a.body_files())
    lose_catalogue(a, servers)
    assert "1 files that nobody names" in run_offline(a, "fsck", "--rebuild").must(DONE).text
    a.start()
    stamps = [s.client().head_exact("photos", "before").header("x-ferry-stamp") for s in (a, b)]
    assert stamps[0] == stamps[1]
    assert a.client().head_exact("photos", "after").status == 404
    assert len(a.body_files()) == bodies  # the sweep at the start let it be
    made = order("CREATE", "photos", "after", data=b"after")
    a.client().post_order(made).must(201)
    wait_outcome(a.client(), made["opId"], "applied")
    stamps = [s.client().head_exact("photos", "after").header("x-ferry-stamp") for s in (a, b)]
    assert stamps[0] == stamps[1]


def test_an_object_whose_file_is_gone_is_left_out(sites, servers):
    (site,) = sites(["site-a"], **QUICK)
    site.client().make_bucket("photos").must(201)
    for i in range(3):
        site.client().put_exact("photos", f"o{i}", b"bytes of %d" % i).must(201)
    site.stop()
    lose_catalogue(site, servers)
    sorted(site.body_files())[0].unlink()
    ran = run_offline(site, "fsck", "--rebuild", "--json").must(DIFFERENT)
    (left, total) = ran.lines()
    assert left["check"] == "object.left_out" and left["about"].startswith("client-1/photos/o")
    assert (total["leftOut"], total["bodies"]) == (1, 3)
    site.start()
    name = left["about"].rsplit("/", 1)[1]
    rows = site.client().objects("photos").must(200).json()["objects"]
    assert len(rows) == 2 and name not in [row["name"] for row in rows]
    site.client().put_exact("photos", name, b"anew").must(201)


def test_damage_to_the_changes_costs_what_is_behind_it(sites, servers):
    (site,) = sites(["site-a"], **QUICK)
    client = site.client()
    client.make_bucket("photos").must(201)
    client.put_exact("photos", "first", b"first").must(201)
    eventually(lambda: written_down(site, "first"), 20, "it is written down")
    client.put_exact("photos", "second", b"second").must(201)
    site.stop()
    torn = change_files(site)[-1]
    assert any(line.get("object") == "second" for line in lines_of(torn))
    torn.write_bytes(torn.read_bytes()[:-20])
    lose_catalogue(site, servers)
    ran = run_offline(site, "fsck", "--rebuild", "--json").must(DIFFERENT)
    assert [line["check"] for line in ran.lines()][0] == "export.damaged"
    site.start()
    assert site.client().get_exact("photos", "first").must(200).body == b"first"


def test_a_file_of_changes_that_is_missing_is_said(sites, servers):
    (site,) = sites(["site-a"], **QUICK)
    client = site.client()
    client.make_bucket("photos").must(201)
    for i in range(3):
        client.put_exact("photos", f"o{i}", b"%d" % i).must(201)
        eventually(lambda: written_down(site, f"o{i}"), 20, "it is written down")
    site.stop()
    change_files(site)[-2].unlink()
    lose_catalogue(site, servers)
    ran = run_offline(site, "fsck", "--rebuild", "--json").must(DIFFERENT)
    assert "export.missing" in [line["check"] for line in ran.lines()]


@pytest.mark.worlds("embedded", "real")
def test_only_an_empty_catalogue_is_rebuilt_and_only_from_a_whole_export(sites, servers):
    (site,) = sites(["site-a"], **QUICK)
    site.client().make_bucket("photos").must(201)
    site.stop()
    assert "not empty" in run_offline(site, "fsck", "--rebuild").must(REFUSED).err
    lose_catalogue(site, servers)
    (full,) = full_files(site)
    whole = full.read_bytes()
    full.write_bytes(whole[:-10])
    assert full.name in run_offline(site, "fsck", "--rebuild").must(1).err
    full.unlink()
    assert "no full export" in run_offline(site, "fsck", "--rebuild").must(NOT_FOUND).err
    full.write_bytes(whole)
    run_offline(site, "fsck", "--rebuild").must(DONE)
    site.start()
    assert site.client().bucket_status("photos") == "READY"


def test_a_catalogue_that_was_put_back_is_refused_and_rebuilt(sites, servers, tmp_path):
    """A backup of last week would have the sweep take all that came since for nobody's."""
    (site,) = sites(["site-a"], **QUICK)
    client = site.client()
    client.make_bucket("photos").must(201)
    client.put_exact("photos", "before", b"before").must(201)
    site.stop()
    for path in site.data.glob("catalogue.db*"):
        shutil.copy(path, tmp_path)
    site.start()
    client.put_exact("photos", "after", b"after").must(201)
    eventually(lambda: written_down(site, "after"), 20, "it is written down")
    site.stop()
    lose_catalogue(site, servers)
    for path in tmp_path.glob("catalogue.db*"):
        shutil.copy(path, site.data)
    with pytest.raises(AssertionError, match="put back to an earlier state"):
        site.start()
    lines, _, ran = fsck(site)
    ran.must(DIFFERENT)
    assert "catalogue.older" in [line["check"] for line in lines]
    lose_catalogue(site, servers)
    run_offline(site, "fsck", "--rebuild").must(DONE)
    site.start()
    for name in (b"before", b"after"):
        assert client.get_exact("photos", name.decode()).must(200).body == name


def test_a_store_that_is_not_mounted_is_refused_at_the_start(sites, tmp_path):
    (site,) = sites(["site-a"], **QUICK)
    client = site.client()
    client.make_bucket("photos").must(201)
    client.put_exact("photos", "o", b"bytes").must(201)
    site.stop()
    (site.data / "store").rename(tmp_path / "store")
    with pytest.raises(AssertionError, match="is it mounted"):
        site.start()
    shutil.rmtree(site.data / "store")  # as the start that was refused has made it
    (tmp_path / "store").rename(site.data / "store")
    site.start()
    assert client.get_exact("photos", "o").must(200).body == b"bytes"
    site.stop()
    shutil.rmtree(site.data / "store")
    site.settings["store_anew"] = "on"
    site.start()
    client.put_exact("photos", "new", b"new").must(201)


def test_a_kill_leaves_whole_files_only_and_the_newest_full_one_stays(sites):
    (site,) = sites(["site-a"], export_changes="100ms", export_every="1s")
    client = site.client()
    client.make_bucket("photos").must(201)
    chance = random.Random(5)
    for i in range(5):
        end = time.monotonic() + 0.3 + chance.random()  # somewhere in a round
        while time.monotonic() < end:
            client.put_exact("photos", f"o{i}-{time.monotonic()}", b"bytes").must(201)
        site.kill()
        assert full_files(site)
        for path in kept(site).values():
            lines_of(path)
        site.start()
        client = site.client()


def test_two_full_files_stay_and_the_older_one_serves_when_the_newer_is_damaged(sites, servers):
    (site,) = sites(["site-a"], export_changes="100ms", export_every="1s")
    client = site.client()
    client.make_bucket("photos").must(201)
    client.put_exact("photos", "o", b"bytes").must(201)
    eventually(lambda: written_down(site, "o"), 20, "it is written down")
    first = full_files(site)[0].name

    def only_newer_ones():
        names = list(kept(site))
        return names[0] > first and len(full_files(site)) == 2

    eventually(only_newer_ones, 20, "two full files, and none that is older")
    assert any(line.get("object") == "o" for line in lines_of(full_files(site)[0]))
    assert digest.base32hex(b"bytes") in json.dumps(lines_of(full_files(site)[0]))
    client.put_exact("photos", "later", b"later").must(201)
    site.stop()
    newest = full_files(site)[-1]
    newest.write_bytes(newest.read_bytes()[:-10])
    lose_catalogue(site, servers)
    lines = run_offline(site, "fsck", "--rebuild", "--json").must(DIFFERENT).lines()
    assert [line["check"] for line in lines] == ["export.damaged", "rebuilt"]
    assert newest.name in lines[0]["text"]
    site.start()
    for name, body in (("o", b"bytes"), ("later", b"later")):
        assert site.client().get_exact("photos", name).must(200).body == body
