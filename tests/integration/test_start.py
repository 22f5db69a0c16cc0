"""A site that starts before its PostgreSQL or Kafka does."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.command import TEMPORARY, USAGE
from support.cut import CommitCutter
from support.kafka import Cluster
from support.ports import take_port
from support.postgres import Postgres
from support.site import STOP_S, Site, environment
from support.waiting import eventually

SAID_S = 20.0  # a process starts and finds nobody, on a loaded machine


@pytest.fixture
def postgres(tmp_path):
    with Postgres(tmp_path / "postgres") as server:
        yield server


@pytest.fixture
def kafka(tmp_path):
    with Cluster(tmp_path / "brokers") as cluster:
        yield cluster


@pytest.fixture
def site(tmp_path):
    """site(**settings): not started."""
    made = []

    def make(**settings):
        made.append(Site("site-a", tmp_path / "site-a", settings=settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def events(log, name):
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def starts_when_it_comes(site, engine, come):
    """Starts the site, lets the engine come once the site has said that it waits for it."""
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(site.start)
        eventually(lambda: events(site.log_text(), "engine.awaited"), SAID_S, "it says what it waits for")
        assert not started.done()
        come()
        started.result()
    (awaited,) = events(site.log_text(), "engine.awaited")  # once, not at every try
    (there,) = events(site.log_text(), "engine.there")
    assert awaited["engine"] == there["engine"] == engine
    site.client().make_bucket("bucket-1").must(201)


def run(site):
    """The process until it ends by itself, and how long that took."""
    began = time.monotonic()
    done = subprocess.run(
        site.command(), capture_output=True, text=True, env=environment(), timeout=STOP_S
    )
    return done, time.monotonic() - began


def test_a_site_waits_for_its_postgresql(postgres, site):
    postgres.stop()
    starts_when_it_comes(site(catalogue=postgres.url), "catalogue", postgres.start)


def test_a_site_waits_for_its_kafka(kafka, site):
    kafka.brokers[0].signal("KILL")
    one = site(queue=f"kafka://{kafka.bootstrap}")
    starts_when_it_comes(one, "queue", kafka.brokers[0].start)


@pytest.mark.parametrize("setting", ["catalogue", "queue"])
def test_what_does_not_come_in_time_ends_the_start_as_temporary(site, setting):
    nobody = take_port()
    urls = {"catalogue": f"postgres://ferry@127.0.0.1:{nobody}/x", "queue": f"kafka://127.0.0.1:{nobody}"}
    done, took = run(site(start_wait="3s", **{setting: urls[setting]}))
    assert done.returncode == TEMPORARY, done.stderr
    assert 3 <= took < SAID_S
    assert "Connection refused" in done.stderr.splitlines()[-1]


def test_a_start_that_waits_is_stopped_at_once(site, tmp_path):
    one = site(catalogue=f"postgres://ferry@127.0.0.1:{take_port()}/x")
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(one.command(), stdout=log, stderr=log, env=environment())
    eventually(lambda: "engine.awaited" in (tmp_path / "log").read_text(), SAID_S, "it waits")
    began = time.monotonic()
    process.terminate()
    assert process.wait(STOP_S) == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("wrong", ["database", "user", "encoding"])
def test_a_postgresql_that_will_never_do_ends_the_start_at_once(postgres, site, wrong):
    url = postgres.url
    if wrong == "database":
        url += "-absent"
    if wrong == "user":
        url = url.replace("ferry@", "nobody@")
    if wrong == "encoding":
        postgres.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        url = url.rsplit("/", 1)[0] + "/latin"
    done, took = run(site(catalogue=url))
    assert done.returncode == USAGE, done.stderr
    assert took < SAID_S
    assert "engine.awaited" not in done.stderr


# What it writes until it listens: its lease, itself and the sites it knows. Each is written, and the
# answer does not come.
def test_a_start_goes_on_though_its_catalogue_breaks_off_in_the_middle(site, postgres):
    cutter = CommitCutter(postgres.port, every=2)
    url = postgres.database("site-a").replace(f":{postgres.port}/", f":{cutter.port}/")
    try:
        starting = site(catalogue=url)
        starting.peers = {f"site-{letter}": "http://127.0.0.1:9" for letter in "bcd"}
        starting.start(ready=False)
        assert cutter.cuts >= 2
    finally:
        cutter.every = 0
    try:
        eventually(lambda: starting.client(None).ready().must(200), SAID_S, "it is ready")
        known = {row["id"] for row in starting.client(None).sites().must(200).json()["sites"]}
        assert known == {"site-a", "site-b", "site-c", "site-d"}
        starting.stop()
    finally:
        cutter.close()
