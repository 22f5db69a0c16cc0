"""The examples do what their README says, against real sites."""

import shutil
import subprocess
import sys

import pytest
from support.site import ROOT, environment

EXAMPLES = ROOT / "examples"
COMMANDS = {
    "python": [sys.executable, "order_producer.py"],
    "java": ["java", "OrderProducer.java"],
}
TIMEOUT_S = 120  # the Java one is compiled first
NAMES = ["dir/one", "two", "three"]


@pytest.fixture(scope="module")
def pair(module_sites):
    """b knows a; a does not know b, so that nothing travels by itself."""
    sites = module_sites(
        ["site-a", "site-b"], peers={"site-b": ["site-a"]}, retry_memory="1s", retry_first="100ms",
        retry_second="100ms")  # fmt: skip
    client = sites[0].client()
    client.make_bucket("bucket-1").must(201)
    for name in NAMES:
        client.put("bucket-1", name, name.encode() * 1000).must(201)
    return sites


@pytest.fixture(params=COMMANDS)
def produce(request):
    """produce(*arguments): the example's process, ended."""
    assert shutil.which(COMMANDS[request.param][0]), f"{request.param} is not installed"

    def run(*arguments):
        return subprocess.run(
            [*COMMANDS[request.param], *arguments], cwd=EXAMPLES, env=environment(), text=True,
            timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    return run


def expected(target, names):
    """Who, where, as printed, without the outcomes."""
    return [f"one: {names[0]} at {target}"] + [
        f"{way}: {name} at {target}" for way in ("array", "lines") for name in names
    ]


def test_orders_bring_the_objects(pair, produce):
    a, b = pair
    run = produce(b.url, "site-a", "site-b", "client-1", "bucket-1", *NAMES)
    assert run.returncode == 0, run.stdout + run.stderr
    printed = [line.rsplit(": ", 1) for line in run.stdout.splitlines()]
    assert sorted(who for who, _ in printed) == sorted(expected("site-b", NAMES))
    assert {outcome for _, outcome in printed} <= {"applied", "duplicate", "superseded"}
    for name in NAMES:
        assert b.client().get("bucket-1", name).must(200).body == name.encode() * 1000


def test_a_refused_order_is_told(pair, produce):
    _, b = pair
    run = produce(b.url, "site-a", "site-b", "client-1", "Not A Bucket", "x")
    assert run.returncode not in (0, None)
    assert "refused with 400" in run.stderr and "bucketName" in run.stderr, run.stderr


def test_an_order_that_fails_is_told(pair, produce):
    _, b = pair
    run = produce(b.url, "site-a", "site-b", "client-1", "bucket-1", "not-there")
    assert run.returncode == 1, run.stdout + run.stderr
    *repeated, last = run.stdout.splitlines()
    assert last.startswith("lines: not-there at site-b: dead (SRC_NOT_FOUND: ")
    assert all("superseded" in line or "dead" in line for line in repeated), run.stdout
