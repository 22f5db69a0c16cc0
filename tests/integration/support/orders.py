"""Replication orders, and waiting for what became of them."""

import uuid

from support import digest
from support.waiting import eventually

FINAL = {"applied", "duplicate", "superseded", "settled", "dead", "dropped"}


def order(verb, bucket, name=None, source="site-b", client="client-1", data=None, **keys):
    """An order as CCS writes it, nulls included. data: the promised bytes; keys: anything else,
    like opId, toSite, stamp, or a size, hash or action of its own."""
    made = {
        "opId": f"op-{uuid.uuid4()}",
        "fromSite": source,
        "toSite": None,
        "clientId": client,
        "bucketName": bucket,
        "objectName": name,
        "size": 0 if data is None else len(data),
        "hash": None if data is None else digest.base32hex(data),
        "action": verb,
    }
    made.update(keys)
    return made


def outcome_rows(client, op_id):
    """What this site says of an opId: one row an order."""
    sites = client.outcomes(op_id, here=True).must(200).json()["sites"]
    return sites[0]["orders"]


def wait_outcome(client, op_id, *outcomes, timeout=20.0):
    """The row of a single order here, once its outcome is one of these (default: a final one)."""
    wanted = set(outcomes) or FINAL

    def look():
        rows = outcome_rows(client, op_id)
        assert len(rows) == 1 and rows[0]["outcome"] in wanted, rows
        return rows[0]

    return eventually(look, timeout, f"order {op_id} is {' or '.join(sorted(wanted))}")


def wait_counts(client, op_id, timeout=30.0, **counts):
    """Until the orders of an opId here are as counted: wait_counts(c, "x", applied=1000)."""

    def look():
        site = client.outcomes(op_id, here=True).must(200).json()["sites"][0]
        assert site["counts"] == counts, site["counts"]
        return site

    return eventually(look, timeout, f"the orders of {op_id} are {counts}")
