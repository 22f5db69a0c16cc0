"""Black-box cases 1-24 of the replicator API: /replicator/local looks at the other sites."""

import re
import uuid

import pytest
import zstandard
from support.client import OCTETS, ccs_headers
from support.setting import O1, O1_HASH, Setting, check_common, check_error, check_none, check_type

pytestmark = pytest.mark.worlds("embedded", "real")

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")
STREAM = {"Accept": OCTETS}


@pytest.fixture(scope="module")
def setting(module_sites):
    return Setting(module_sites)


@pytest.fixture
def client(setting):
    return setting.client()


def target(site):
    return ccs_headers(target_id=site)


def test_case_01_head_bucket_names_the_site_that_has_it(client):
    answer = check_type(client.local("HEAD", "bucket-1"), "BUCKET")
    assert answer.header("x-clonecloudstore-target-id") == "site-b"


def test_case_02_head_bucket_that_is_nowhere(client):
    check_none(client.local("HEAD", "nope-1"))


def test_case_03_op_id_is_echoed(client):
    answer = client.local("HEAD", "bucket-1", ccs_headers(op_id="abc")).must(204)
    assert answer.header("x-clonecloudstore-op-id") == "abc"


def test_case_04_op_id_is_made_when_absent(client):
    made = [
        client.local("HEAD", "bucket-1").must(204).header("x-clonecloudstore-op-id")
        for _ in range(2)
    ]
    assert all(re.fullmatch("[0-9a-v]{26}", op_id) for op_id in made), made
    assert made[0] != made[1]


def test_case_05_target_without_the_bucket(client):
    check_none(client.local("HEAD", "bucket-1", target("site-c")))


def test_case_06_target_that_is_the_own_site(client):
    check_none(client.local("HEAD", "bucket-1", target("site-a")))


def test_case_07_target_that_is_unknown(client):
    check_none(client.local("HEAD", "bucket-1", target("no-such-site")))


def test_case_08_target_equal_to_op_id_counts_as_absent(client):
    guid = "0123456789abcdefghijklmnop"
    answer = client.local("HEAD", "bucket-1", ccs_headers(target_id=guid, op_id=guid))
    assert check_type(answer, "BUCKET").header("x-clonecloudstore-target-id") == "site-b"


@pytest.fixture
def others_down(setting):
    """Sites b and c are DOWN in a's topology, but still running."""
    client = setting.client()
    for site in (setting.b, setting.c):
        client.change_topology(site.name, site.url, "DOWN").must(202)
    yield
    for site in (setting.b, setting.c):
        client.change_topology(site.name, site.url, "UP").must(202)


def test_case_09_a_named_target_is_asked_though_down(client, others_down):
    answer = check_type(client.local("HEAD", "bucket-1", target("site-b")), "BUCKET")
    assert answer.header("x-clonecloudstore-target-id") == "site-b"


def test_case_10_sites_that_are_down_are_not_asked(client, others_down):
    check_none(client.local("HEAD", "bucket-1"))


def test_case_11_without_client_id(setting):
    for method, path in [("HEAD", "bucket-1"), ("GET", "bucket-1"), ("GET", "bucket-1/dir/o1")]:
        check_error(check_common(setting.client(None).local(method, path).must(401)))


def test_case_12_get_bucket_suits_both_kinds_of_reader(client):
    answer = check_common(client.local("GET", "bucket-1").must(200))
    assert answer.header("Content-Type").startswith("application/json")
    row = answer.json()
    assert (row["id"], row["site"], row["status"]) == ("bucket-1", "site-b", "READY")
    assert row["clientId"] == "client-1"
    assert row["expires"] is None
    assert INSTANT.fullmatch(row["creation"])
    assert row["targetId"] == "site-b"
    assert row["response"] == {k: v for k, v in row.items() if k not in ("response", "targetId")}


def test_case_13_get_bucket_that_is_nowhere(client):
    check_error(check_common(client.local("GET", "nope-1").must(404)))


def test_case_14_get_bucket_with_a_bad_name(client):
    check_error(check_common(client.local("GET", "Bad_Name").must(400)))


def test_case_15_head_object(client):
    answer = check_type(client.local("HEAD", "bucket-1/dir/o1"), "OBJECT")
    assert answer.header("x-clonecloudstore-target-id") == "site-b"


def test_case_16_head_object_with_an_encoded_slash(client):
    answer = check_type(client.local("HEAD", "bucket-1/dir%2Fo1"), "OBJECT")
    assert answer.header("x-clonecloudstore-target-id") == "site-b"


def test_case_17_own_content_is_not_consulted(client):
    client.describe("bucket-1", "dir/a1").must(200)
    check_none(client.local("HEAD", "bucket-1/dir/a1"))


def test_case_18_no_directory_through_local(client):
    check_none(client.local("HEAD", "bucket-1/dir/"))


def check_o1(answer, site="site-b"):
    """dir/o1 with the headers of spec 1.4."""
    check_common(answer.must(200))
    assert answer.header("Content-Type") == OCTETS
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.header("Content-Length") is None
    expected = {
        "site": site,
        "bucket": "bucket-1",
        "name": "dir/o1",
        "size": "120",
        "hash": O1_HASH,
        "status": "READY",
    }
    got = {name: answer.header("x-clonecloudstore-" + name) for name in expected}
    assert got == expected
    assert INSTANT.fullmatch(answer.header("x-clonecloudstore-creation"))
    assert re.fullmatch("[0-9a-v]{26}", answer.header("x-clonecloudstore-id"))


def test_case_19_get_object_streams_from_the_other_site(client):
    answer = client.local("GET", "bucket-1/dir/o1", STREAM)
    check_o1(answer)
    assert answer.body == O1
    assert answer.header("Content-Encoding") is None


def test_case_20_get_object_as_zstd(client):
    answer = client.local("GET", "bucket-1/dir/o1", {**STREAM, "Accept-Encoding": "zstd"})
    check_o1(answer)
    assert answer.header("Content-Encoding") == "zstd"
    assert zstandard.ZstdDecompressor().decompressobj().decompress(answer.body) == O1


def test_case_21_get_object_with_an_encoding_that_is_not_ours(client):
    answer = client.local("GET", "bucket-1/dir/o1", {**STREAM, "Accept-Encoding": "gzip"})
    check_o1(answer)
    assert answer.header("Content-Encoding") is None
    assert answer.body == O1


def test_case_22_get_object_that_is_nowhere(client):
    check_error(check_common(client.local("GET", "bucket-1/dir/none", STREAM).must(404)))


def test_case_23_a_broken_site_does_not_hide_another(sites, hostile):
    broken = hostile(site="site-b", mode="500")
    a, c = sites(["site-a", "site-c"], peers={"site-a": {"site-b": broken.url}})
    c.client().make_bucket("bucket-1").must(201)
    c.client().put("bucket-1", "dir/o1", O1).must(201)
    client = a.client()
    check_error(
        client.local("GET", "bucket-1/dir/o1", STREAM).must(500)
    )  # none said yes, one failed
    client.add_topology("site-c", c.url).must(201)
    answer = client.local("GET", "bucket-1/dir/o1", STREAM)
    check_o1(answer, "site-c")
    assert answer.body == O1
    assert any("HEAD" in line for line in broken.requests)


def test_case_24_get_object_without_the_right_there(setting):
    check_error(
        check_common(setting.client("client-2").local("GET", "bucket-1/dir/o1", STREAM).must(404))
    )


# ---- beyond the numbered cases


def test_each_client_is_asked_for_itself(setting):
    """No answer for one client leaks to another (spec 5.4)."""
    path = f"bucket-1/{uuid.uuid4()}"
    setting.b.client().put("bucket-1", path.split("/")[1], b"secret").must(201)
    check_type(setting.client("client-1").local("HEAD", path), "OBJECT")
    check_none(setting.client("client-2").local("HEAD", path))


def test_a_new_object_is_seen_at_once_though_it_was_asked_for_before(setting):
    """A "no" is not kept: a fresh upload elsewhere must be found (spec 8)."""
    name = str(uuid.uuid4())
    check_none(setting.client().local("HEAD", f"bucket-1/{name}"))
    setting.b.client().put("bucket-1", name, b"fresh").must(201)
    check_type(setting.client().local("HEAD", f"bucket-1/{name}"), "OBJECT")


def test_local_get_of_json_is_not_acceptable(client):
    check_error(client.local("GET", "bucket-1/dir/o1", {"Accept": "application/json"}).must(406))


@pytest.mark.parametrize("accept", [None, "*/*", "application/*", "text/html, */*;q=0.1"])
def test_local_get_takes_any_accept_that_includes_octets(client, accept):
    headers = {} if accept is None else {"Accept": accept}
    assert client.local("GET", "bucket-1/dir/o1", headers).must(200).body == O1


def test_local_head_without_any_site_that_answers(sites, hostile):
    """No site said yes and one failed: 500 with type NONE (spec 1.2)."""
    broken = hostile(mode="500")
    (a,) = sites(["site-a"], peers={"site-a": {"site-b": broken.url}})
    check_none(a.client().local("HEAD", "bucket-1"), 500)
