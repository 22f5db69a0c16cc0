from support.orders import order, wait_outcome
from support.waiting import eventually
def test_smoke(sites):
    a, b = sites(["site-a", "site-b"])
    c = a.client()
    c.make_bucket("bucket-1").must(201)
    c.put("bucket-1", "x/y", b"hello").must(201)
    eventually(lambda: b.client().status_of("bucket-1", "x/y") == "READY", 10, "there")
    assert b.client().get("bucket-1", "x/y").must(200).body == b"hello"
    b.restart()
    assert b.client().get("bucket-1", "x/y").must(200).body == b"hello"

def test_hostile(sites, hostile):
    src = hostile()
    a, = sites(["site-a"], peers={"site-a": {"site-b": src.url}}, retry_memory="1s")
    src.plant("bucket-1", "o", b"x" * 1000)
    o = order("CREATE", "bucket-1", "o", data=b"x"*1000)
    a.client().post_order(o).must(201)
    print(wait_outcome(a.client(), o["opId"]))
    src.mode = "byte_more"
    src.plant("bucket-1", "p", b"y" * 1000)
    o = order("CREATE", "bucket-1", "p", data=b"y"*1000)
    a.client().post_order(o).must(201)
    print(wait_outcome(a.client(), o["opId"], "waiting"))
    print(a.client().waiting().json())
