"""What `ferry doctor` says of the engines that its configuration names."""

import subprocess

import pytest
from support.command import DONE, ERROR, Ferry
from support.ports import take_port
from support.postgres import Postgres
from support.redis import Redis


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis").start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def doctor(module_sites):
    """doctor(code, engine, *words): what it says of that engine, as level -> sentences."""
    (site,) = module_sites(["site-a"])

    def ask(code, engine, *words):
        ran = Ferry(site.url, client=None)("doctor", "--site", "site-a", "--json", *words).must(code)
        return [
            (row["level"], row["text"].removeprefix(f"{engine}: "))
            for row in ran.json()["checks"]
            if row["text"].startswith(f"{engine}: ")
        ]

    return ask


def test_a_postgresql_that_does_is_one_line(doctor, postgres):
    ((level, text),) = doctor(DONE, "catalogue", "--catalogue", postgres.url)
    assert (level, "the first start makes its tables" in text) == ("ok", True)


def test_what_is_wrong_with_a_postgresql(doctor, postgres):
    nobody = f"postgres://ferry@127.0.0.1:{take_port()}/x"
    ((level, text),) = doctor(ERROR, "catalogue", "--catalogue", nobody)
    assert (level, "Connection refused" in text) == ("fail", True)
    ((level, text),) = doctor(ERROR, "catalogue", "--catalogue", postgres.url + "-absent")
    assert (level, "does not exist" in text) == ("fail", True)
    postgres.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    latin = postgres.url.rsplit("/", 1)[0] + "/latin"
    ((level, text),) = doctor(ERROR, "catalogue", "--catalogue", latin)
    assert (level, "LATIN1" in text) == ("fail", True)


def test_a_schema_of_a_newer_program_is_told(doctor, postgres):
    url = postgres.database("newer")
    postgres.query("CREATE TABLE ferry_schema(version BIGINT PRIMARY KEY)", "newer")
    postgres.query("INSERT INTO ferry_schema VALUES(99)", "newer")
    ((level, text),) = doctor(ERROR, "catalogue", "--catalogue", url)
    assert (level, "schema is 99" in text) == ("fail", True)


def test_a_redis_that_does_and_one_that_is_full(doctor, redis):
    ((level, text),) = doctor(DONE, "cache", "--cache", redis.url)
    assert (level, "answers in" in text) == ("ok", True)
    words = ["redis-cli", "-p", str(redis.port), "CONFIG", "SET", "maxmemory", "10mb"]
    subprocess.run(words, check=True, capture_output=True, timeout=10)
    ((level, text),) = doctor(DONE, "cache", "--cache", redis.url)
    assert (level, "noeviction" in text) == ("warn", True)


def test_a_redis_that_is_away(doctor):
    ((level, text),) = doctor(ERROR, "cache", "--cache", f"redis://127.0.0.1:{take_port()}/0")
    assert (level, "Connection refused" in text) == ("fail", True)


def test_a_kafka_that_is_away_says_that_it_is_kafka(doctor):
    nobody = f"kafka://127.0.0.1:{take_port()}"
    ((level, text),) = doctor(ERROR, "its topics cannot be checked", "--queue", nobody)
    assert (level, text.startswith("kafka: ")) == ("fail", True)
