"""Two sites change one object while apart: the body that loses is kept where it lost, listed with
reason CONFLICT, and can be fetched and put again."""

import uuid
from datetime import datetime, timedelta, timezone

import pytest
import zstandard
from support import digest
from support.command import NOT_FOUND, NOTHING, REFUSED, USAGE, Ferry
from support.setting import check_common, check_error
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

LOSER = b"written at site a, first"
WINNER = b"written at site b, later"
KEEP = timedelta(seconds=1)


@pytest.fixture(scope="module")
def pair(module_sites):
    return module_sites(["site-a", "site-b"])


@pytest.fixture
def client(pair):
    """At site a, where the first writer loses."""
    return pair[0].client()


@pytest.fixture
def ferry(pair):
    return Ferry(pair[0].url)


@pytest.fixture
def bucket(pair):
    return make_bucket(pair)


def make_bucket(pair):
    name = f"c-{uuid.uuid4().hex[:12]}"
    pair[0].client().make_bucket(name).must(201)
    eventually(
        lambda: pair[1].client().bucket_status(name) == "READY", 20, "the bucket is at site b"
    )
    return name


def write_apart(pair, bucket, name, loser=LOSER, winner=WINNER):
    """Site a writes it, then site b does, before either has heard of the other."""
    a, b = pair[0].client(), pair[1].client()
    a.pause("site-b").must(200)
    b.pause("site-a").must(200)
    a.put_exact(bucket, name, loser, metadata={"kind": "loser"}).must(201)
    b.put_exact(bucket, name, winner).must(201)
    a.resume("site-b").must(200)
    b.resume("site-a").must(200)
    for client in (a, b):
        eventually(lambda: client.get_exact(bucket, name).body == winner, 20, "both are equal")


def only_row(client, **query):
    (row,) = client.conflicts(**query).must(200).json()["conflicts"]
    return row


# ---- the API


def test_the_body_that_lost_is_listed_and_read_where_it_lost(pair, client, bucket):
    write_apart(pair, bucket, "dir/o")
    page = check_common(client.conflicts(bucket=bucket), "FERRY").must(200).json()
    (row,) = page["conflicts"]
    assert page["next"] is None
    loser = row["loser"]
    assert row["reason"] == "CONFLICT"
    assert (row["action"], row["account"]) == ("CREATE", "client-1")
    assert (loser["site"], loser["bucket"], loser["name"]) == ("site-a", bucket, "dir/o")
    assert (loser["size"], loser["hash"]) == (len(LOSER), digest.base32hex(LOSER))
    assert loser["metadata"] == {"kind": "loser"}
    assert loser["stamp"].endswith("@site-a") and row["winner"].endswith("@site-b")
    assert loser["stamp"].split("@")[0] < row["winner"].split("@")[0]
    assert row["at"] < row["until"]
    assert client.site_status().must(200).json()["conflicts"] >= 1

    answer = check_common(client.conflict(row["id"]), "FERRY").must(200)
    assert answer.body == LOSER
    assert answer.header("x-clonecloudstore-hash") == digest.base32hex(LOSER)
    assert answer.header("x-clonecloudstore-metadata") == '{"kind":"loser"}'
    part = client.conflict(row["id"], Range="bytes=11-16").must(206)
    assert part.body == LOSER[11:17]
    packed = client.conflict(row["id"], Accept_Encoding="zstd").must(200)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed.body) == LOSER
    # It is kept where it lost, and nowhere else.
    assert pair[1].client().conflicts(bucket=bucket).must(200).json()["conflicts"] == []


def test_filters_and_pages(pair, client, bucket):
    for name in ("o1", "o2", "o3"):
        write_apart(pair, bucket, name)
    first = client.conflicts(bucket=bucket, limit=2).must(200).json()
    assert [row["loser"]["name"] for row in first["conflicts"]] == ["o1", "o2"]
    rest = client.conflicts(bucket=bucket, limit=2, after=first["next"]).must(200).json()
    assert [row["loser"]["name"] for row in rest["conflicts"]] == ["o3"]
    assert rest["next"] is None
    one = first["conflicts"][1]
    assert only_row(client, id=one["id"]) == one
    assert only_row(client, id=one["id"], bucket=bucket, site="site-b") == one
    assert client.conflicts(id=one["id"], site="site-a").must(200).json()["conflicts"] == []
    for wrong in ({"id": "x"}, {"site": ""}, {"bucket": "b" * 1024}, {"limit": 0}):
        check_error(client.conflicts(**wrong).must(400))


def test_a_page_of_large_rows_ends_early(pair, client, bucket):
    """Its size in memory has a bound; `next` goes on behind it."""
    names = [f"{i:03}-{'n' * 1000}" for i in range(150)]
    a, b = pair[0].client(), pair[1].client()
    a.pause("site-b").must(200)
    b.pause("site-a").must(200)
    for name in names:
        a.put_exact(bucket, name, LOSER, metadata={"k": "v" * 1000}).must(201)
    for name in names:
        b.put_exact(bucket, name, WINNER).must(201)
    a.resume("site-b").must(200)
    b.resume("site-a").must(200)
    for name in names:
        eventually(lambda name=name: client.get_exact(bucket, name).body == WINNER, 60, "all lost")
    listed, after, pages = [], {}, 0
    while after is not None:
        page = client.conflicts(bucket=bucket, **after).must(200)
        assert len(page.body) < 300_000
        listed += [row["loser"]["name"] for row in page.json()["conflicts"]]
        after = {"after": page.json()["next"]} if page.json()["next"] is not None else None
        pages += 1
    assert pages > 1
    assert sorted(listed) == names


def test_who_may_not_read_the_bucket_may_not_read_what_it_lost(pair, client, bucket):
    write_apart(pair, bucket, "o")
    row = only_row(client, bucket=bucket)
    check_error(pair[0].client("client-2").conflict(row["id"]).must(403))
    check_error(pair[0].client(None).conflict(row["id"]).must(401))
    client.add_ownership("client-2", bucket, "READ").must(201)
    assert pair[0].client("client-2").conflict(row["id"]).must(200).body == LOSER


def test_a_body_is_dropped_before_its_time(pair, client, bucket):
    for name in ("o1", "o2"):
        write_apart(pair, bucket, name)
    ids = [row["id"] for row in client.conflicts(bucket=bucket).must(200).json()["conflicts"]]
    check_error(client.drop_conflicts(bucket="").must(400))
    check_error(client.drop_conflicts(reason="CONFLICT").must(400))
    assert client.drop_conflicts(bucket=bucket, dryRun=True).must(200).json() == {
        "matched": 2,
        "dryRun": True,
    }
    assert client.drop_conflicts(id=ids[0]).must(200).json() == {"matched": 1, "dryRun": False}
    check_error(client.conflict(ids[0]).must(404))
    assert only_row(client, bucket=bucket)["id"] == ids[1]
    assert client.drop_conflicts(bucket=bucket).must(200).json()["matched"] == 1
    assert client.drop_conflicts(bucket=bucket).must(200).json()["matched"] == 0
    for unknown in ("0", "-1", "x", "9" * 30):
        check_error(client.conflict(unknown).must(404))


def test_a_losing_body_goes_after_its_time(sites):
    pair = sites(["site-a", "site-b"], sweep_every="1s", trash_grace="0s")
    site, client = pair[0], pair[0].client()
    bucket = make_bucket(pair)
    write_apart(pair, bucket, "o", loser=b"x" * 1000)
    row = only_row(client)
    assert len(site.body_files()) == 2
    site.stop()
    lost = datetime.fromisoformat(row["at"])
    eventually(lambda: datetime.now(timezone.utc) > lost + KEEP, 20, "its time is over")
    site.settings["conflicts_keep"] = f"{KEEP.seconds}s"
    site.start()
    eventually(
        lambda: client.conflicts().must(200).json()["conflicts"] == [], 20, "it is listed no more"
    )
    client.conflict(row["id"]).must(404)
    assert client.site_status().must(200).json()["conflicts"] == 0
    eventually(lambda: len(site.body_files()) == 1, 20, "its file is gone")
    assert client.get_exact(bucket, "o").must(200).body == WINNER


# ---- the command


def test_the_command_lists_shows_fetches_and_drops_what_lost(pair, ferry, bucket, tmp_path):
    write_apart(pair, bucket, "dir/o")
    words = ("--reason", "CONFLICT", "--bucket", bucket)
    (row,) = ferry("failed", "ls", *words, "--json").must().lines()
    name = f"c{row['id']}"
    (line,) = ferry("failed", "ls", *words).must().text.splitlines()[1:]
    assert line.split()[:5] == [name, "in", "kept", "CONFLICT", "site-b"]
    assert line.split()[-2:] == ["CREATE", f"{bucket}/dir/o"]
    assert ferry("failed", "ls", *words, "--state", "dead").must().text == ""
    assert "losing bodies kept" in ferry("status").must().text
    assert ferry("failed", "show", name, "--json").must().json() == row
    assert digest.base32hex(LOSER) in ferry("failed", "show", name).must().text
    ferry("failed", "show", "c999999").must(NOT_FOUND)

    assert ferry("get", "--conflict", name, "-").must().out == LOSER
    ferry("get", "--conflict", name, cwd=tmp_path).must()
    assert (tmp_path / "o").read_bytes() == LOSER
    ferry("get", "--conflict", "c999999", "-").must(NOT_FOUND)
    ferry("get", "--conflict", f"{bucket}/dir/o", "-").must(USAGE)
    ferry("get", "--conflict", "--prefix", name).must(USAGE)
    ferry("get", "--conflict", name, "-", "--client", "client-2").must(REFUSED)

    assert "--conflict" in ferry("failed", "retry", name).must(USAGE).err
    assert "1 losing body would be" in ferry("failed", "drop", name, "--dry-run").must().text
    dropped = ferry("failed", "drop", *words, "--json").must().json()
    assert dropped == {"matched": 1, "dryRun": False}
    ferry("failed", "drop", name).must(NOTHING)
    assert ferry("failed", "ls", *words).must().text == ""


def test_putting_the_fetched_body_again_restores_it_everywhere(pair, ferry, bucket, tmp_path):
    write_apart(pair, bucket, "o")
    (row,) = ferry("failed", "ls", "--reason", "CONFLICT", "--bucket", bucket, "--json").lines()
    ferry("get", "--conflict", f"c{row['id']}", tmp_path / "kept").must()
    ferry("rm", f"{bucket}/o").must()
    ferry("put", tmp_path / "kept", f"{bucket}/o").must()
    for site in pair:
        client = site.client()
        eventually(lambda: client.get_exact(bucket, "o").body == LOSER, 20, "restored everywhere")
