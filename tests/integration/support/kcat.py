"""Looking at a Kafka broker, and writing to it, as anybody would: with kcat."""

import json
import subprocess


def kcat(kafka, *words, stdin=None):
    done = subprocess.run(
        ["kcat", "-b", kafka.bootstrap, *words], input=stdin, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def records(kafka, topic):
    """Every record of a topic, as kcat tells it: key and value as text, headers as a dictionary."""
    lines = kcat(kafka, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J").splitlines()
    found = [json.loads(line) for line in lines]
    for record in found:
        pairs = record.get("headers", [])
        record["headers"] = dict(zip(pairs[::2], pairs[1::2]))
    return found


def write(kafka, topic, value):
    """As CCS does: no key, no headers."""
    kcat(kafka, "-P", "-t", topic, "-D", "\x1e", stdin=value)


def leaders(kafka, topic):
    """{partition: number of the broker that leads it, or -1}."""
    (found,) = json.loads(kcat(kafka, "-L", "-J", "-t", topic))["topics"]
    return {row["partition"]: row["leader"] for row in found["partitions"]}
