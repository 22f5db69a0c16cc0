"""The setting of the black-box cases: sites a, b and c, all UP; client-1's bucket-1 on a and b;
dir/o1 only on b, dir/a1 only on a.

Ferry would copy all of it everywhere, so b and c know nobody, and a holds back what it would send.
"""

O1 = b"A" * 120
O1_HASH = "kjq2aoapt9nr4ep7te65teefn4438tcobsqll1e7hnkf5vnimem0"
A1 = b"only on a"
METADATA = {"kind": "test", "owner_name": "somebody"}


class Setting:
    """a, b, c: the sites; client("client-2") talks to a, the site under test."""

    def __init__(self, sites, **settings):
        self.sites = sites(
            ["site-a", "site-b", "site-c"], peers={"site-a": ["site-b", "site-c"]}, **settings
        )
        self.a, self.b, self.c = self.sites
        for other in ("site-b", "site-c"):
            self.a.client().pause(other).must(200)
        for site in (self.a, self.b):
            site.client().make_bucket("bucket-1").must(201)
        self.b.client().put("bucket-1", "dir/o1", O1, metadata=METADATA).must(201)
        self.a.client().put("bucket-1", "dir/a1", A1).must(201)

    def client(self, client="client-1"):
        return self.a.client(client)


def check_common(answer, module="REPLICATOR"):
    """What every answer carries (spec 1.1). Gives the answer back."""
    assert answer.header("x-clonecloudstore-op-id"), answer
    assert answer.header("x-clonecloudstore-module") == module, answer
    return answer


def check_none(answer, status=404):
    """A HEAD that says no: type NONE and the error header (spec 1.6 C)."""
    check_common(answer).must(status)
    assert answer.header("x-clonecloudstore-type") == "NONE"
    assert answer.body == b""
    check_error(answer)
    return answer


def check_error(answer):
    """One line of printable ASCII that begins with the module (spec 1.8)."""
    assert answer.error, answer
    assert answer.error.isascii() and answer.error.isprintable(), answer.error
    assert answer.error.startswith(answer.header("x-clonecloudstore-module") + " - "), answer.error
    return answer


def check_type(answer, kind):
    """A HEAD that says yes: 204 and no body."""
    check_common(answer).must(204)
    assert answer.header("x-clonecloudstore-type") == kind
    assert answer.body == b""
    return answer
