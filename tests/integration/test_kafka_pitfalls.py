"""What is known to go wrong with queues of orders, over a real Kafka. Each test names its pitfall by
the number that ARCHITECTURE.md has for it; a grep for "pitfall" finds those of the other files too."""

import random
import signal
import statistics
import subprocess
import time

import pytest
from support.kafka import Cluster
from support.kcat import records
from support.load import BUCKET, OrderLoad, check_effects
from support.orders import order
from support.site import BUILDS, binary, release_binary
from support.waiting import eventually

# A worker that died is replaced by its own restart as soon as the group has missed it for so long.
QUICK = ["session.timeout.ms=2000", "heartbeat.interval.ms=500"]
PARTITIONS = 4
KILLS = 12
SETTLE_S = 60.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("kafka") / "brokers") as cluster:
        yield cluster


@pytest.fixture
def on_kafka(kafka, sites, hostile, tmp_path):
    """on_kafka(**settings): (site-b on the broker, with topics of its own; site-a, its source)."""

    def make(properties=(), **settings):
        source = hostile(site="site-a", ferry=True)
        (site,) = sites(
            ["site-b"],
            peers={"site-b": {"site-a": source.url}},
            queue=f"kafka://{kafka.bootstrap}",
            queue_prefix=f"{tmp_path.name[-20:]}.",
            queue_partitions=PARTITIONS,
            kafka=[*QUICK, *properties],
            **settings,
        )
        return site, source

    return make


def applied(site):
    return site.client(None).metrics().get('ferry_orders_completed_total{outcome="applied"}', 0)


def no_failures(site):
    numbers = site.client(None).metrics()
    assert numbers["ferry_dead_letters"] == 0
    assert site.client().waiting().must(200).json()["orders"] == []


# Pitfall 1: what is committed is what is done, never what was seen.
def test_nothing_accepted_is_lost_by_a_dozen_kills_under_load(on_kafka):
    site, source = on_kafka()
    seed = random.SystemRandom().randrange(1 << 16)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with OrderLoad(site.client(), source, pause_s=0.2) as load:
        for _ in range(KILLS):
            eventually(lambda: applied(site) > 0, SETTLE_S, "orders are done since the start")
            time.sleep(chance.random() * 0.5)  # anywhere between two commits
            site.restart()
    given = load.answers()
    others = check_effects(site.client(), given, SETTLE_S)
    print(f"answers {load.statuses()}; what became of those without 201: {others}")
    assert load.statuses()[201] > KILLS * 10
    no_failures(site)


# Pitfall 8: neither is safe with librdkafka 2.0, and nothing here needs them.
@pytest.mark.parametrize("program", [binary, release_binary])
def test_calls_that_skip_records_are_not_even_linked(program):
    words = ["nm", "--dynamic", "--undefined-only", program()]
    used = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert "rd_kafka_assign" in used  # or nm has told nothing
    avoided = ["rd_kafka_consume_batch_queue", "rd_kafka_pause_partitions", "rd_kafka_resume_partitions"]
    assert [name for name in avoided if name in used] == []


# Pitfall 11: the library takes up to a second for a topic's first record unless it was asked before. A
# busy machine makes some of the starts slow, and the next orders too; that made all of them.
def test_the_first_order_after_a_start_is_taken_as_fast_as_any(on_kafka):
    site, source = on_kafka(program=release_binary())
    client = site.client()

    def taken(name):
        given = order("CREATE", BUCKET, name, source="site-a", data=source.plant(BUCKET, name, b"x"))
        began = time.monotonic()
        client.post_order(given).must(201)
        return time.monotonic() - began

    firsts, nexts = [], []
    for number in range(5):
        firsts.append(taken(f"first-{number}"))
        nexts.append(taken(f"next-{number}"))
        site.restart()
    for what, took in (("first", firsts), ("next", nexts)):
        print(f"{what} answers after", [f"{seconds * 1000:.1f} ms" for seconds in took])
    assert min(firsts) < statistics.median(nexts) + 0.25


# Pitfall 13: what waits for a broker that hangs is bounded, and the first that it takes again is soon.
def test_a_broker_that_hangs_costs_refusals_and_no_memory(on_kafka, kafka):
    site, source = on_kafka(["message.timeout.ms=3000"], program=release_binary())
    with OrderLoad(site.client(), source, connections=32, pause_s=0.0) as load:
        load.await_status(201, 500, SETTLE_S)
        kafka.brokers[0].signal("STOP")
        hung = time.monotonic()
        try:
            load.await_status(503, 100, SETTLE_S, since=hung)
        finally:
            woke = time.monotonic()
            kafka.brokers[0].signal("CONT")
        recovered = load.await_status(201, 100, SETTLE_S, since=woke) - woke
        print(f"while it hung {load.statuses(hung, woke)}, first 201 {recovered:.2f} s after it woke")
    assert recovered < 5.0
    assert 201 not in load.statuses(hung, woke)
    peak = site.peak_kib()
    print(f"VmHWM {peak} KiB")
    assert peak < site.memory_kib()
    check_effects(site.client(), load.answers(), SETTLE_S)


# Pitfall 15: an outage of the source makes no dead letters, though each order's time is over; all come
# in the end.
def test_an_outage_at_full_rate_empties_nothing_into_the_dead_letters(on_kafka):
    site, source = on_kafka(retry_memory="300ms", retry_first="500ms", retry_second="500ms",
                            retry_later="500ms", retry_max_age="2s")  # fmt: skip
    free = 20  # FY_GATE_FREE
    with OrderLoad(site.client(), source) as load:
        load.await_status(201, 100, SETTLE_S)
        eventually(lambda: applied(site) > 0, SETTLE_S, "the source serves")
        source.mode = "503"
        began = time.monotonic()
        load.await_status(201, 500, SETTLE_S, since=began)
    eventually(lambda: dead(site), SETTLE_S, "the first orders' time is over")
    eventually(lambda: len(waiting(site)) > 300, SETTLE_S, "the others wait")
    assert {row["reason"] for row in waiting(site)} == {"SRC_REFUSED"}
    died = len(dead(site))
    assert died <= free + applied(site)  # what was on its way when the outage began has earned, too
    source.heal()
    eventually(lambda: waiting(site) == [], SETTLE_S, "all but the dead come by themselves")
    accepted = [one for one in load.answers() if one.status == 201]

    def all_applied():
        # The source is asked again only at the breaker's next probe: whose 2 s are over before that
        # dies once more, untried.
        if dead(site):
            site.client().retry_waiting(reason="SRC_REFUSED", state="dead").must(200)
        return applied(site) >= len(accepted)

    eventually(all_applied, SETTLE_S, "retried, the dead come, too")
    check_effects(site.client(), load.answers(), SETTLE_S)
    no_failures(site)


def waiting(site):
    return site.client().waiting(state="waiting", limit=1000).must(200).json()["orders"]


def dead(site):
    return site.client().waiting(state="dead", limit=1000).must(200).json()["orders"]


# Pitfall 16: whoever takes it dies, and takes it again when it is back, but not for ever.
def test_an_order_that_crashes_its_worker_is_a_dead_letter_and_the_next_comes(on_kafka, kafka):
    site, source = on_kafka(pull_stall_timeout="60s")
    source.plant(BUCKET, "killer", bytes(100_000), mode="stall")
    poison = order("CREATE", BUCKET, "killer", source="site-a", data=bytes(100_000))
    site.client().post_order(poison).must(201)
    crashes = pulls = 0
    while True:
        eventually(
            lambda: dead(site) or source.pulls("killer") > pulls,
            SETTLE_S,
            "it is being worked on, or given up",
        )
        if dead(site):
            break
        pulls = source.pulls("killer")
        site.process.send_signal(signal.SIGABRT)
        assert site.process.wait(20) == -signal.SIGABRT
        crashes += 1
        site.start()
    assert crashes <= 4  # three in company, and one alone that proves it
    (letter,) = records(kafka, site.settings["queue_prefix"] + "request-action.dead")
    assert letter["headers"]["ferry-dlq-reason"] == "INTERNAL"
    source.heal()
    given = order("CREATE", BUCKET, "next", source="site-a", data=source.plant(BUCKET, "next", b"x"))
    site.client().post_order(given).must(201)
    eventually(lambda: site.client().status_of(BUCKET, "next") == "READY", SETTLE_S, "the next comes")
