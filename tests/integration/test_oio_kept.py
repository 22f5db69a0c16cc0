"""Containers with versions and properties: written down, rebuilt, looked after, brought back."""

import io
import json

import pytest
import zstandard

from support.command import DIFFERENT, DONE, NOT_FOUND, Ferry
from support.offline import fsck, lose_catalogue, run_offline
from support.oio import FROZEN, Oio
from support.waiting import eventually

QUICK = {"export_changes": "200ms", "sweep_every": "100ms", "trash_grace": "100ms"}
# Kept by the site alone, or told anew by every change.
UNSEEN = ("sys.m2.version",)


def view(oio, refs):
    """All that OpenIO's clients see of the containers."""
    seen = {}
    for ref in refs:
        answer = oio.get(ref).must(200).json()
        system = {key: value for key, value in answer["system"].items() if key not in UNSEEN}
        seen[ref] = (answer["properties"], system, oio.entries(ref, all=1, properties=1))
    return seen


def fill(oio):
    """Versions of all kinds, properties set and removed, rules, a state, a copy."""
    kept = oio.made(properties={"k": "v", "long": "\u00e9" * 30000, "gone": "x"},
                    system={"sys.m2.policy.version": "-1", "sys.m2.quota": "1000000"})  # fmt: skip
    for body in (b"one", b"two", b"three"):
        oio.put(kept, "o", body).must(201)
    oio.put(kept, "a b/\u00e9", b"one").must(201)
    oio.put(kept, "hidden", b"behind").must(201)
    oio.delete(kept, "hidden").must(204)
    oio.put(kept, "back", b"older").must(201)
    oio.put(kept, "back", b"newer").must(201)
    oio.delete(kept, "back", version=oio.versions(kept, "back")[0]["version"]).must(204)
    oio.register(kept, "described", 7, properties={"p": "q"}).must(204)
    oio.unset(kept, ["gone"]).must(200)
    copy = f"{kept}-copy"
    oio.snapshot(kept, copy).must(204)
    frozen = oio.made(system={"sys.status": FROZEN})
    return kept, copy, frozen


def fully_written_down(site, ref):
    """Whether a full file of the export has objects of that container."""
    for path in (site.data / "store" / "kept").glob("full-*"):
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())) as stream:
            lines = [json.loads(line) for line in stream.read().splitlines()]
        if any(line["is"] == "object" and line["bucket"] == ref for line in lines):
            return True
    return False


@pytest.mark.worlds("embedded", "real")
def test_versions_and_properties_are_rebuilt_as_they_were(sites, servers):
    (site,) = sites(["site-a"], **QUICK)
    oio = Oio(site.url)
    refs = fill(oio)
    before = view(oio, refs)
    eventually(lambda: fully_written_down(site, refs[1]), 20, "a snapshot is written down with all")
    stopped = oio.made()
    oio.destroy(stopped).must(204)
    site.stop()
    lines, total, ran = fsck(site)
    ran.must(DONE)
    assert lines == []
    lose_catalogue(site, servers)

    text = run_offline(site, "fsck", "--rebuild").must(DONE).text
    assert "0 objects left out" in text
    lines, total, ran = fsck(site)
    ran.must(DONE)
    assert lines == []
    site.start()
    assert view(oio, refs) == before
    assert oio.show(stopped).status == 404
    # It goes on: a version above the others, and the one behind a marker comes back.
    kept = refs[0]
    oio.put(kept, "o", b"four").must(201)
    assert [entry["size"] for entry in oio.versions(kept, "o")] == [4, 5, 3, 3]
    oio.delete(kept, "hidden", version=oio.versions(kept, "hidden")[0]["version"]).must(204)
    assert oio.body(kept, "hidden").must(200).body == b"behind"


def body_of(site, data):
    """The file of these bytes."""
    (found,) = [path for path in site.body_files() if path.read_bytes() == data]
    return found


def test_a_lost_body_of_an_older_version_is_named_and_left_out(sites, servers):
    (site,) = sites(["site-a"], **QUICK)
    oio = Oio(site.url)
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    oio.put(ref, "o", b"older").must(201)
    oio.put(ref, "o", b"the newest").must(201)
    site.stop()
    body_of(site, b"older").unlink()
    lines, _, ran = fsck(site)
    ran.must(DIFFERENT)
    assert sorted(line["check"] for line in lines) == ["file.missing", "version.lost"]
    (lost,) = [line for line in lines if line["check"] == "version.lost"]
    assert lost["about"] == f"{oio.account}/{ref}/o"

    lose_catalogue(site, servers)
    text = run_offline(site, "fsck", "--rebuild").must(DIFFERENT).text
    assert "version.left_out" in text and "1 objects left out" in text
    site.start()
    assert [entry["size"] for entry in oio.versions(ref, "o")] == [len(b"the newest")]
    assert oio.system(ref)["sys.m2.objects"] == "1"


def test_a_damaged_body_of_an_older_version_comes_from_a_site_that_has_it(sites):
    """Versions stay at their site: another one has these bytes only if they are its newest."""
    a, b = sites(["site-a", "site-b"])
    oio, other = Oio(a.url), Oio(b.url)
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    oio.put(ref, "at-b", b"found there").must(201)
    oio.put(ref, "lost", b"nowhere else").must(201)
    for name in ("at-b", "lost"):
        eventually(lambda name=name: other.body(ref, name).status == 200, 20, "it is at site b")
    Ferry(a.url)("site", "pause", "site-b").must(DONE)
    oio.put(ref, "at-b", b"newer").must(201)  # of which site b does not hear
    other.put(ref, "lost", b"other bytes of a later day").must(201)
    eventually(lambda: oio.body(ref, "lost").must(200).body.startswith(b"other"), 20, "at site a")
    assert len(oio.versions(ref, "lost")) == 2
    for data in (b"found there", b"nowhere else"):
        body_of(a, data).write_bytes(b"x" * len(data))
    ran = Ferry(a.url)("verify", "--repair", "--json")
    rows = {row["objects"][0]["name"]: row for row in ran.lines() if "objects" in row}
    assert rows["at-b"]["state"] == "repaired" and rows["at-b"]["from"] == "site-b"
    assert rows["lost"]["state"] == "damaged" and rows["lost"]["objects"][0]["version"]
    assert "only older versions have it" in a.log_text()
    assert f"damaged {ref}/lost (version " in Ferry(a.url)("verify", "--status").must(DIFFERENT).text


def test_bodies_go_with_the_last_version_that_has_them(sites):
    (site,) = sites(["site-a"], trash_keep="0s", **QUICK)
    oio = Oio(site.url)
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    oio.put(ref, "o", b"shared").must(201)
    oio.put(ref, "p", b"shared").must(201)
    oio.put(ref, "o", b"newer").must(201)
    oio.delete(ref, "p", version=oio.versions(ref, "p")[0]["version"]).must(204)
    oio.put(ref, "q", b"swept after").must(201)
    oio.delete(ref, "q", version=oio.versions(ref, "q")[0]["version"]).must(204)
    eventually(lambda: len(site.body_files()) == 2, 20, "the sweep came by")
    body_of(site, b"shared")  # an older version has it
    oio.delete(ref, "o", version=oio.versions(ref, "o")[1]["version"]).must(204)
    eventually(lambda: len(site.body_files()) == 1, 20, "and now it is gone")
    assert oio.body(ref, "o").must(200).body == b"newer"


@pytest.mark.worlds("embedded", "real")
def test_undelete_brings_back_what_a_delete_marker_hides(sites):
    a, b = sites(["site-a", "site-b"])
    oio, other = Oio(a.url, "client-1"), Oio(b.url, "client-1")
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    oio.put(ref, "o", b"one").must(201)
    oio.put(ref, "o", b"two").must(201)
    number = oio.versions(ref, "o")[0]["version"]
    oio.delete(ref, "o").must(204)
    eventually(lambda: other.body(ref, "o").status == 404, 20, "deleted at site b")
    Ferry(a.url)("undelete", f"{ref}/o").must(DONE)
    assert oio.body(ref, "o").must(200).body == b"two"
    assert [entry["version"] for entry in oio.versions(ref, "o")][0] == number
    eventually(lambda: other.body(ref, "o").status == 200, 20, "and back there")
    for _ in range(2):
        oio.delete(ref, "o", version=oio.versions(ref, "o")[0]["version"]).must(204)
    assert oio.versions(ref, "o") == []
    eventually(lambda: other.body(ref, "o").status == 404, 20, "deleted at site b")
    Ferry(a.url)("undelete", f"{ref}/never").must(NOT_FOUND)
