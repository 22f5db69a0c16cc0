"""The command `ferry` against real sites: what it does, prints and answers the shell."""

import hashlib
import json
import os
import signal
import subprocess
import threading

import pytest

from support.command import (
    CALL_S, DIFFERENT, DONE, ERROR, INTERRUPTED, NOT_FOUND, NOTHING, REFUSED, SOME_FAILED, TEMPORARY,
    TIMED_OUT, USAGE, Ferry)  # fmt: skip
from support.ports import take_port
from support.waiting import eventually


@pytest.fixture(scope="module")
def pair(module_sites):
    """Two sites that know each other; buckets of their own keep the tests apart."""
    return module_sites(["site-a", "site-b"])


@pytest.fixture
def ferry(pair):
    return Ferry(pair[0].url)


@pytest.fixture
def bucket(ferry, request):
    name = "b-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    ferry("bucket", "mk", name).must()
    return name


def names_of(ferry, bucket):
    return [row["name"] for row in ferry("ls", bucket, "--json").must().lines()]


def tree_of(folder):
    """{relative name as bytes: content} of all regular files."""
    found = {}
    for path, _, files in os.walk(os.fsencode(folder)):
        for name in files:
            file = os.path.join(path, name)
            if not os.path.islink(file):
                with open(file, "rb") as opened:
                    found[os.path.relpath(file, os.fsencode(folder))] = opened.read()
    return found


def make_tree(folder, names):
    for name in names:
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"content of " + name)


EXACT = [
    b"plain", b"a/b/c", b"sp ace", b"new\nline", b"100%", b"%2e%2e%2f", b"a+b&c=d?e#f", b"semi;colon",
    "été €".encode(), b"back\\slash", b"quote\"'", b"-dash", b"\x01\x1b[31m", b"a/..b/...c", b"tilde~",
]  # fmt: skip


# ---- put and get


def test_a_folder_arrives_under_exact_names_and_comes_back_the_same(ferry, pair, bucket, tmp_path):
    make_tree(tmp_path / "in", EXACT)
    ferry("put", tmp_path / "in", bucket).must()
    assert sorted(map(str.encode, names_of(ferry, bucket))) == sorted(EXACT)
    other = Ferry(pair[1].url)
    eventually(lambda: len(names_of(other, bucket)) == len(EXACT), 15, "all are at site-b")
    other("get", "--prefix", bucket, tmp_path / "out").must()
    assert tree_of(tmp_path / "out") == tree_of(tmp_path / "in")


def test_a_prefix_stands_before_the_names_of_a_folder(ferry, bucket, tmp_path):
    make_tree(tmp_path / "in", [b"x/y", b"z"])
    ferry("put", f"{tmp_path}/in/", f"{bucket}/back/up/").must()
    assert names_of(ferry, bucket) == ["back/up/x/y", "back/up/z"]


def test_put_again_finds_everything_unchanged(ferry, bucket, tmp_path):
    make_tree(tmp_path / "in", [b"%d" % i for i in range(50)])
    ferry("put", tmp_path / "in", bucket).must()
    (tmp_path / "in" / "new").write_bytes(b"new")
    summed = ferry("put", tmp_path / "in", bucket, "--json", "--jobs", "3").must().json()
    assert (summed["objects"], summed["unchanged"], summed["failed"]) == (51, 50, 0)


def test_another_object_under_the_name_is_a_failure_and_stays(ferry, bucket, tmp_path):
    make_tree(tmp_path / "in", [b"a", b"b", b"c"])
    ferry("put", "-", f"{bucket}/b", stdin=b"was here first").must()
    ran = ferry("put", tmp_path / "in", bucket).must(SOME_FAILED)
    assert "2 objects" in ran.text and "1 failed" in ran.text
    assert "another object" in ran.err
    assert ferry("get", f"{bucket}/b", "-").must().out == b"was here first"
    # of the same length: only the hash tells
    ferry("put", "-", f"{bucket}/b", stdin=b"Was here first").must(ERROR)


def test_what_cannot_be_an_object_fails_alone_and_links_are_not_followed(ferry, bucket, tmp_path):
    make_tree(tmp_path / "in", [b"good", b"bad\xff", b"sub/good too"])
    os.symlink("/etc/passwd", tmp_path / "in" / "link")
    os.symlink(tmp_path, tmp_path / "in" / "loop")
    os.mkfifo(tmp_path / "in" / "pipe")
    ran = ferry("put", tmp_path / "in", bucket).must(SOME_FAILED)
    assert names_of(ferry, bucket) == ["good", "sub/good too"]
    assert "bad\\xff" in ran.err
    assert "3 skipped" in ran.text


def test_one_file_keeps_its_name_or_takes_the_one_given(ferry, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    for word in (bucket, f"{bucket}/", f"{bucket}/other", f"{bucket}/folder/"):
        ferry("put", tmp_path / "file", word).must()
    assert names_of(ferry, bucket) == ["file", "folder/file", "other"]


def test_stdin_and_stdout_are_a_dash(ferry, bucket):
    data = os.urandom(3_000_000)
    ferry("put", "-", f"{bucket}/x", stdin=data).must()
    assert ferry("get", f"{bucket}/x", "-").must().out == data
    ran = ferry("put", "-", f"{bucket}/x", stdin=data).must()
    assert "(1 unchanged)" in ran.text
    ferry("put", "-", f"{bucket}/x", stdin=data[:-1]).must(ERROR)
    ferry("put", "-", bucket, stdin=data).must(USAGE)


def test_an_empty_object_is_one(ferry, bucket, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    ferry("put", tmp_path / "empty", bucket).must()
    ferry("get", f"{bucket}/empty", tmp_path / "back").must()
    assert (tmp_path / "back").read_bytes() == b""


def test_a_kill_of_the_site_in_the_middle_loses_nothing(sites, tmp_path):
    (site,) = sites(["site-a"])
    ferry = Ferry(site.url)
    ferry("bucket", "mk", "bucket-1").must()
    make_tree(tmp_path / "in", [b"%d" % i for i in range(2000)])
    process = ferry.begin("put", tmp_path / "in", "bucket-1", stdout=subprocess.DEVNULL)
    eventually(lambda: len(names_of(ferry, "bucket-1")) > 50, 15, "some are there")
    assert process.poll() is None
    site.restart()
    assert process.wait(CALL_S) == DONE
    assert len(names_of(ferry, "bucket-1")) == 2000


def test_put_gives_up_on_a_site_that_stays_away(ferry, tmp_path):
    make_tree(tmp_path / "in", [b"%d" % i for i in range(500)])
    ran = ferry("put", tmp_path / "in", "b-1", "--url", f"http://127.0.0.1:{take_port()}", "--jobs", 2)
    ran.must(TEMPORARY)
    assert "the rest was left out" in ran.err
    assert ran.err.count("\n") < 10


def test_get_refuses_names_that_would_leave_the_folder(ferry, bucket, tmp_path):
    evil = ["../evil", "a/../../evil", "/evil", "a//evil", "./evil", "dir/"]
    for name in [*evil, "good/one"]:
        ferry("put", "-", f"{bucket}/{name}", stdin=b"x").must()
    ran = ferry("get", "--prefix", bucket, "deep/in", cwd=tmp_path)
    ran.must(ERROR)  # the folder above is not made
    (tmp_path / "deep").mkdir()
    ran = ferry("get", "--prefix", bucket, "deep/in", cwd=tmp_path).must(SOME_FAILED)
    assert tree_of(tmp_path) == {b"deep/in/good/one": b"x"}
    assert ran.err.count("leave the folder") == 3
    assert "6 failed" in ran.text


def test_get_does_not_write_through_links(ferry, bucket, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "in").mkdir()
    os.symlink(tmp_path / "outside", tmp_path / "in" / "link")
    ferry("put", "-", f"{bucket}/link/x", stdin=b"x").must()
    ferry("get", "--prefix", bucket, tmp_path / "in").must(SOME_FAILED)
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("mode", ["other_bytes", "byte_less", "byte_more", "wrong_hash", "close_early"])
def test_a_body_that_is_not_proven_never_gets_its_name(hostile, tmp_path, mode):
    source = hostile(ferry=True, mode=mode)
    source.plant("bucket-1", "x", b"x" * 100_000)
    (tmp_path / "x").write_bytes(b"old")
    ran = Ferry(source.url)("get", "bucket-1/x", tmp_path / "x")
    assert ran.code in (ERROR, TEMPORARY), ran.err
    assert tree_of(tmp_path) == {b"x": b"old"}


def test_get_of_what_is_not_there(ferry, bucket, tmp_path):
    ferry("get", f"{bucket}/nothing", tmp_path / "x").must(NOT_FOUND)
    ferry("get", "no-bucket/x", tmp_path / "x").must(NOT_FOUND)
    ferry("get", "--prefix", "no-bucket/x", tmp_path / "folder").must(NOT_FOUND)
    ferry("get", "--prefix", f"{bucket}/x", tmp_path / "folder").must(NOTHING)
    assert tree_of(tmp_path) == {}


# ---- ^C


def test_an_interrupted_get_leaves_nothing_behind(hostile, tmp_path):
    source = hostile(ferry=True, mode="stall")
    source.plant("bucket-1", "x", b"x" * 1_000_000)
    process = Ferry(source.url).begin("get", "bucket-1/x", tmp_path / "x", stderr=subprocess.PIPE)
    eventually(lambda: any(tmp_path.iterdir()) and source.pulls("x"), 10, "it has begun")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == INTERRUPTED
    process.stderr.close()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_put_ends(ferry, pair, bucket):
    process = ferry.begin("put", "-", f"{bucket}/x", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"x" * 100_000)
    process.stdin.flush()
    site = pair[0].client()
    eventually(lambda: site.status_of(bucket, "x") == "UPLOAD", 10, "the upload has begun")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == INTERRUPTED
    process.stdin.close()
    process.stderr.close()
    assert names_of(ferry, bucket) == []


# ---- ls, rm, stat, buckets


def test_ls_goes_on_over_pages_in_order(ferry, bucket, tmp_path):
    names = [b"%04d" % i for i in range(1201)]
    make_tree(tmp_path / "in", names)
    ferry("put", tmp_path / "in", bucket, "--jobs", 16).must()
    assert names_of(ferry, bucket) == [name.decode() for name in names]
    text = ferry("ls", f"{bucket}/00").must().text.splitlines()
    assert len(text) == 101  # the titles
    assert text[0].split() == ["BYTES", "CREATED", "NAME"]
    assert text[1].endswith("  0000")


def test_names_cannot_forge_lines_of_a_table(ferry, bucket):
    ferry("put", "-", f"{bucket}/x\n  9  forged\x1b[2J", stdin=b"x").must()
    text = ferry("ls", bucket).must().text
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text


def test_rm_says_what_is_gone(ferry, bucket):
    ferry("put", "-", f"{bucket}/x", stdin=b"x").must()
    ferry("rm", f"{bucket}/x").must()
    ferry("rm", f"{bucket}/never").must(NOT_FOUND)
    ferry("get", f"{bucket}/x", "-").must(NOT_FOUND)
    assert names_of(ferry, bucket) == []


def test_buckets_are_made_listed_and_deleted(ferry):
    ferry("bucket", "mk", "one-bucket").must()
    ferry("bucket", "mk", "one-bucket").must(ERROR)
    assert "one-bucket" in [row["name"] for row in ferry("bucket", "ls", "--json").must().lines()]
    assert "one-bucket" in ferry("bucket", "ls").must().text
    ferry("put", "-", "one-bucket/x", stdin=b"x").must()
    assert "not empty" in ferry("bucket", "rm", "one-bucket").must(ERROR).err
    ferry("rm", "one-bucket/x").must()
    ferry("bucket", "rm", "one-bucket").must()
    assert "one-bucket" not in ferry("bucket", "ls").must().text
    ferry("bucket", "rm", "never-bucket").must(NOT_FOUND)
    ferry("bucket", "mk", "a/b").must(USAGE)


def test_a_container_outside_ccs_has_exact_names_too(ferry, pair):
    ferry("bucket", "mk", "My Bucket; é").must()
    ferry("put", "-", "My Bucket; é/x", stdin=b"x").must()
    assert names_of(ferry, "My Bucket; é") == ["x"]
    other = Ferry(pair[1].url)
    eventually(lambda: other("get", "My Bucket; é/x", "-").out == b"x", 15, "it is at site-b")


def test_stat_compares_the_sites(sites):
    a, b = sites(["site-a", "site-b"])
    ferry = Ferry(a.url)
    ferry("bucket", "mk", "bucket-1").must()
    ferry("stat", "bucket-1/x").must(NOT_FOUND)
    ferry("site", "pause", "site-b").must()
    ferry("put", "-", "bucket-1/x", stdin=b"hello").must()
    ran = ferry("stat", "bucket-1/x", "--json").must(DIFFERENT).json()
    assert not ran["equal"]
    assert {site["site"]: site["status"] for site in ran["sites"]} == {"site-a": "READY", "site-b": "absent"}
    ferry("site", "resume", "site-b").must()
    eventually(lambda: ferry("stat", "bucket-1/x").code == DONE, 15, "both have it")
    ran = ferry("stat", "bucket-1/x", "--json").must().json()
    assert ran["equal"]
    assert len({(site["size"], site["hash"], site["stamp"]) for site in ran["sites"]}) == 1
    ferry("rm", "bucket-1/x").must()
    eventually(lambda: ferry("stat", "bucket-1/x").code == NOT_FOUND, 15, "both have deleted it")
    ferry("put", "-", "bucket-1/y", stdin=b"y").must()
    eventually(lambda: ferry("stat", "bucket-1/y").code == DONE, 15, "both have y")
    b.stop()
    assert "unknown" in ferry("stat", "bucket-1/y").must(TEMPORARY).text


# ---- sites, status, doctor


def test_sites_are_added_paused_and_forgotten(sites):
    (site,) = sites(["site-a"])
    ferry = Ferry(site.url)
    added = ferry("site", "add", "site-x", "127.0.0.1:1", "--json").must().json()
    assert (added["status"], added["uri"]) == ("UP", "http://127.0.0.1:1")
    assert "is known already" in ferry("site", "add", "site-x", "127.0.0.1:1").must(ERROR).err
    ferry("site", "pause", "site-x").must()
    rows = {row["id"]: row for row in ferry("site", "ls", "--json").must().lines()}
    assert rows["site-x"]["paused"] and rows["site-a"]["self"]
    assert "paused" in ferry("site", "ls").must().text
    ferry("site", "resume", "site-x").must()
    ferry("site", "rm", "site-x").must()
    assert "site-x" not in ferry("site", "ls").must().text
    ferry("site", "rm", "site-x").must(NOT_FOUND)
    ferry("site", "pause", "site-a").must(ERROR)
    assert "http://there:8081" in ferry("site", "add", "site-y", "there").must().text
    assert "no base URI" in ferry("site", "add", "site-z", "ftp://h").must(USAGE).err


def test_status_shows_who_is_behind_by_how_much_and_why(sites):
    a, _ = sites(["site-a", "site-b"])
    ferry = Ferry(a.url)
    ferry("bucket", "mk", "bucket-1").must()
    ferry("site", "pause", "site-b").must()
    for i in range(5):
        ferry("put", "-", f"bucket-1/{i}", stdin=b"x").must()
    def behind():
        (target,) = ferry("status", "--json").must().json()["targets"]
        return target["paused"] and target["lag"] >= 5
    eventually(behind, 15, "site-b is five orders behind")
    assert "paused" in ferry("status").must().text
    ferry("order", "bucket-1/0", "--to", "site-x", "--wait").must(SOME_FAILED)
    text = ferry("status").must().text
    assert "TOPOLOGY_UNKNOWN" in text and "site-x" in text


def test_the_doctor_finds_healthy_sites_healthy(pair):
    ran = Ferry(pair[0].url, client=None)("doctor").must()
    assert "fail" not in ran.text
    found = Ferry(pair[0].url)("doctor", "--json").must().json()
    assert found["ok"] and found["failures"] == 0
    assert {check["site"] for check in found["checks"]} == {"site-a", "site-b"}


def test_the_doctor_names_what_is_wrong(sites):
    a, b, c = sites(
        ["site-a", "site-b", "site-c"],
        peers={"site-a": ["site-b", "site-c"], "site-b": ["site-a"], "site-c": ["site-a", "site-b"]},
    )
    ferry = Ferry(a.url)
    ran = ferry("doctor").must(ERROR)
    assert "does not know site site-c: ferry site add site-c" in ran.text
    ferry("site", "add", "site-c", c.url, "--url", b.url).must()
    ferry("doctor").must()
    ferry("site", "add", "site-d", b.url).must()  # the wrong address
    text = ferry("doctor").must(ERROR).text
    assert "the site 'site-b' answers" in text
    ferry("site", "rm", "site-d").must()
    c.stop()
    assert "is not reached" in ferry("doctor").must(ERROR).text
    ferry("doctor", "--url", f"http://127.0.0.1:{take_port()}").must(ERROR)


def test_health_tells_whether_a_process_is_ready_and_what_it_lacks(ferry, sites):
    assert ferry("health").must().text == ""
    assert ferry("health", "--json").must().json()["ready"] is True
    (full,) = sites(["site-f"], store_free_floor="16TiB", start=False)
    full.start(ready=False)
    ran = Ferry(full.url, client=None)("health").must(TEMPORARY)
    assert ran.text.startswith("store: free space is under the floor: "), ran.text
    assert ran.text.endswith(" bytes\n"), ran.text
    assert Ferry(full.url)("health", "--json").must(TEMPORARY).json()["ready"] is False
    full.stop()
    Ferry(full.url)("health").must(TEMPORARY)


def test_topics_are_ensured_in_a_kafka_only(ferry):
    assert "--queue kafka://HOST:PORT" in ferry("topics", "ensure", "--site", "site-a").must(USAGE).err


def test_a_check_of_settings_says_what_would_keep_a_server_from_starting(ferry, tmp_path):
    good = ["--site", "a", "--data", tmp_path / "data"]
    ferry("config", "check", *good).must()
    assert not (tmp_path / "data").exists()
    shared = ["--queue", "kafka://127.0.0.1:1", "--catalogue", "postgres://f@127.0.0.1:1/a"]
    ferry("config", "check", "worker", *good, *shared).must()
    for words, said in (
        (["--data", tmp_path], "site: needed"),
        ([*good, "--listen", "0.0.0.0:1"], "is not loopback"),
        ([*good, "--store", "s3:"], "it serves dir:PATH"),
        ([*good, "--cache", "redis://"], "no host"),
        ([*good, "--queue", "kafka://127.0.0.1:1", "-X", "nonsense=1"], "nonsense"),
        ([*good, "--catalogue", "postgres://f:secret@127.0.0.1/a"], "password"),
        (["worker", *good], "the queue must be one that processes share"),
        (["down", *good], "neither up, api nor worker"),
    ):
        ran = ferry("config", "check", *words).must(USAGE)
        assert said in ran.err and "secret" not in ran.err, ran.err


# ---- order


def test_an_order_is_waited_for_until_every_site_has_it(ferry, bucket):
    ferry("put", "-", f"{bucket}/x y", stdin=b"x").must()
    ran = ferry("order", f"{bucket}/x y", "--wait", "--json").must().json()
    assert ran["ended"] and ran["failures"] == []
    assert [site["site"] for site in ran["sites"]] == ["site-b"]
    ferry("order", bucket, "--to", "site-b", "--wait").must()
    ran = ferry("order", f"{bucket}/x y", "--json").must().json()
    assert ran["accepted"] == 1


def test_an_order_brings_what_a_site_does_not_know_of(sites):
    a, b = sites(["site-a", "site-b"], peers={"site-a": ["site-b"], "site-b": []})
    ferry, other = Ferry(a.url), Ferry(b.url)
    other("bucket", "mk", "bucket-1").must()
    other("put", "-", "bucket-1/any name; at all", stdin=b"x").must()
    ferry("order", "bucket-1/any name; at all", "--from", "site-b", "--to", "site-a", "--wait").must()
    assert ferry("get", "bucket-1/any name; at all", "-").must().out == b"x"
    rows = ferry("stat", "bucket-1/any name; at all", "--json").must().json()["sites"]
    assert len({row["stamp"] for row in rows}) == 1  # it repeats what happened, and is no new change


def test_waiting_ends_with_its_time(ferry, bucket):
    ran = ferry("order", f"{bucket}/nothing", "--wait", "--timeout", "300ms").must(TIMED_OUT)
    assert ran.text.splitlines()[1].split()[-1] == "1"  # open


def test_an_order_for_nobody_fails(ferry, bucket):
    ferry("put", "-", f"{bucket}/x", stdin=b"x").must()
    ran = ferry("order", f"{bucket}/x", "--to", "site-x", "--wait").must(SOME_FAILED)
    assert "TOPOLOGY_UNKNOWN" in ran.text
    ferry("failed", "drop", "--site", "site-x").must()


def lines_of(*orders):
    return b"".join(json.dumps(order).encode() + b"\n" for order in orders)


def line(bucket, name, **more):
    return {"fromSite": "site-a", "clientId": "client-1", "bucketName": bucket, "objectName": name,
            "action": "CREATE", **more}  # fmt: skip


def test_many_orders_stream_in_and_all_are_waited_for(ferry, bucket, tmp_path):
    make_tree(tmp_path / "in", [b"%d" % i for i in range(20)])
    ferry("put", tmp_path / "in", bucket).must()
    orders = [line(bucket, str(i % 20)) for i in range(2500)]
    orders[7]["opId"] = f"own-{bucket}"
    orders[8].update(toSite="site-b", action="UPDATE")
    (tmp_path / "orders").write_bytes(lines_of(*orders))
    ran = ferry("order", "-f", tmp_path / "orders", "--wait", "--json").must().json()
    (site,) = ran["sites"]
    assert (site["site"], site["orders"], site["open"]) == ("site-b", 2500, 0)
    assert site["settled"] == 1
    ran = ferry("order", "-f", "-", stdin=lines_of(*orders)[:-1]).must()
    assert ran.text.startswith("2500 orders accepted, opId ")


def test_a_bad_line_is_named_and_what_went_before_stays(ferry, bucket):
    body = lines_of(line(bucket, "x"), line(bucket, "y")) + b'{"no":"order"}\n' + lines_of(line(bucket, "z"))
    ran = ferry("order", "-f", "-", stdin=body).must(SOME_FAILED)
    assert "line 3 (2 orders before it are accepted)" in ran.err
    ferry("order", "-f", "-", stdin=b"not JSON\n").must(ERROR)
    ferry("order", "-f", "-", stdin=b"").must(ERROR)
    ferry("order", "-f", "/nowhere").must(ERROR)


# ---- failed


def test_failed_orders_are_listed_shown_retried_and_dropped(sites, hostile):
    source = hostile(ferry=True, mode="404")
    source.plant("bucket-1", "x", b"x" * 10, stamp="018f3a5b6c000100@site-h")
    (site,) = sites(
        ["site-a"], peers={"site-a": {"site-h": source.url}}, retry_memory="100ms", retry_first="1h"
    )
    ferry = Ferry(site.url)
    order = {"fromSite": "site-h", "toSite": "site-a", "clientId": "client-1", "bucketName": "bucket-1",
             "objectName": "x", "action": "CREATE"}  # fmt: skip
    ferry("order", "-f", "-", stdin=lines_of(order)).must()
    (row,) = eventually(lambda: ferry("failed", "ls", "--json").must().lines(), 20, "the order waits")
    assert (row["state"], row["order"]["objectName"]) == ("waiting", "x")
    reason = row["reason"]
    assert reason in ferry("failed", "ls").must().text
    assert ferry("failed", "ls", "--reason", reason, "--bucket", "bucket-1", "--json").must().lines() == [row]
    assert ferry("failed", "ls", "--state", "dead").must().text == ""
    assert reason in ferry("failed", "show", row["id"]).must().text
    assert ferry("failed", "show", row["id"], "--json").must().json() == row
    ferry("failed", "show", row["id"] + 1000).must(NOT_FOUND)

    ferry("failed", "retry").must(USAGE)
    ferry("failed", "drop").must(USAGE)
    ferry("failed", "drop", "--state", "dead").must(NOTHING)
    assert "1 order would be given up" in ferry("failed", "drop", row["id"], "--dry-run").must().text
    assert ferry("failed", "ls", "--json").must().lines() == [row]

    source.heal()
    assert "1 order will be tried" in ferry("failed", "retry", "--site", "site-h").must().text
    eventually(lambda: ferry("get", "bucket-1/x", "-").out == b"x" * 10, 20, "it has come")
    empty = ferry("failed", "ls").must()
    assert (empty.text, "nothing waits" in empty.err) == ("", True)
    assert ferry("failed", "ls", "--json").must().err == ""

    source.mode = "404"
    ferry("order", "-f", "-", stdin=lines_of({**order, "objectName": "y"})).must()
    (row,) = eventually(lambda: ferry("failed", "ls", "--json").must().lines(), 20, "y waits")
    ferry("failed", "drop", row["id"]).must()
    ferry("failed", "drop", row["id"]).must(NOTHING)

    ferry("order", "-f", "-", stdin=lines_of({**order, "orderedAt": "2020-01-01T00:00:00Z"})).must()
    eventually(lambda: ferry("failed", "ls", "--reason", "EXPIRED").text, 20, "it is dead")
    ran = ferry("failed", "retry", "--reason", "EXPIRED").must(NOTHING)
    assert "0 orders will be tried" in ran.text and "1 order left dead" in ran.text


# ---- what the shell is told


def test_exit_codes_tell_kinds_of_failure(ferry, bucket):
    away = f"http://127.0.0.1:{take_port()}"
    for words in (["ls", bucket], ["site", "ls"], ["status"], ["bucket", "mk", "b-9"], ["failed", "ls"]):
        ferry(*words, "--url", away).must(TEMPORARY)
    for words in (["ls", bucket], ["put", "-", f"{bucket}/x"], ["get", f"{bucket}/x", "-"]):
        ran = ferry(*words, "--client", "").must(REFUSED)
        assert "--client" in ran.err
    ferry("put", "-", f"{bucket}/x", "--client", "somebody-else").must(REFUSED)
    ferry("ls", bucket, "--client", "somebody-else").must(REFUSED)
    for words in (["ls"], ["ls", bucket, "--no-such"], ["sail"], ["ls", bucket, "--url", "ftp://h"],
                  ["ls", bucket, "--client", "a\nx-b: c"], ["put", "/etc/hostname", bucket, "--jobs", "0"], ["order"], ["get", bucket],
                  ["order", f"{bucket}/x", "--timeout", "1w"], ["failed", "show", "x"]):  # fmt: skip
        ferry(*words).must(USAGE)


def test_help_is_wherever_it_is_asked_for(ferry):
    assert "ferry site add" in ferry().must().text
    assert "ferry site add" in ferry("--help").must().text
    for words in (["put", "--help"], ["put", "a", "--jobs", "-h"], ["help", "put"]):
        assert "usage: ferry put SOURCE" in ferry(*words).must().text
    assert "--retry-max-age" in ferry("up", "--help").must().text
    ferry("put", "--", "--help").must(USAGE)
    ferry("help", "sail").must(USAGE)
    ferry("sail", "--help").must(USAGE)
    for words in (["help", "site"], ["site", "--help"]):
        assert "ferry site pause" in ferry(*words).must().text


def test_output_that_cannot_be_written_is_an_error(ferry, bucket):
    with open("/dev/full", "wb") as full:
        process = ferry.begin("status", stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=CALL_S)
    assert process.returncode == ERROR and b"could not be written" in err


def test_progress_is_for_terminals_only(ferry, bucket, tmp_path):
    make_tree(tmp_path / "in", [b"%d" % i for i in range(300)])
    assert ferry("put", tmp_path / "in", bucket).must().err == ""
    leader, follower = os.openpty()
    process = ferry.begin("put", tmp_path / "in", bucket, stdout=subprocess.PIPE, stderr=follower)
    os.close(follower)
    seen = []
    reader = threading.Thread(target=_drain, args=(leader, seen), daemon=True)
    reader.start()
    out, _ = process.communicate(timeout=CALL_S)
    reader.join(10)
    os.close(leader)
    assert process.returncode == DONE
    assert b"put: " in b"".join(seen) and b"objects/s" in out


def _drain(leader, seen):
    """Until the other end is closed, which a terminal says by an error."""
    while True:
        try:
            seen.append(os.read(leader, 65536))
        except OSError:
            return
