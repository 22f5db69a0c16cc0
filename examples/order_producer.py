#!/usr/bin/env python3
"""Gives Ferry replication orders and waits for what becomes of them. Python 3.9, standard library only.

    order_producer.py URL FROM TO CLIENT BUCKET OBJECT...

URL is any site that knows FROM and TO. The first object is ordered alone, then all of them as one
array, then all of them as lines. Orders may be repeated without harm, so each of the three ends well.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ANSWER_TIMEOUT_S = 60
OUTCOME_TIMEOUT_S = 60
TRIES = 10  # of one request, while the site is busy or its queue is full
GOOD = {"applied", "duplicate", "superseded", "settled"}  # the object is there, or something newer is
BAD = {"dead", "dropped"}  # a person has to look; "waiting" will be tried again by itself


def order(source, target, client, bucket, name):
    """A copy of one object; "DELETE" instead of "CREATE" removes it, without objectName it is the bucket."""
    return {
        "action": "CREATE",
        "fromSite": source,
        "toSite": target,  # None: every site but the source
        "clientId": client,
        "bucketName": bucket,
        "objectName": name,
    }


def post(url, content_type, make_body):
    """Gives orders; returns how to ask for them: {"opId": "...", "accepted": 3}. They are safe then.

    make_body is called again for each try: 503 means "not now", and sending all again is safe.
    """
    for left in reversed(range(TRIES)):
        request = urllib.request.Request(
            url + "/ferry/v1/orders", make_body(), {"Content-Type": content_type}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            if refusal.code != 503 or left == 0:
                sys.exit(f"refused with {refusal.code}: {refusal.read().decode(errors='replace')}")
            time.sleep(float(refusal.headers.get("Retry-After", 1)))


def post_one(url, one):
    return post(url, "application/json", lambda: json.dumps(one).encode())


def post_array(url, orders):
    """At most 10,000 orders; all of them are taken, or none."""
    return post(url, "application/json", lambda: json.dumps(orders).encode())


def post_lines(url, orders):
    """Any number of orders: a generator is sent as it runs, and the site takes them as they come."""
    return post(
        url, "application/x-ndjson", lambda: (json.dumps(one).encode() + b"\n" for one in orders)
    )


def outcomes(url, op_id, target):
    """What the target says so far: ({"applied": 2, "waiting": 1}, [{"object": ..., "outcome": ...}, ...])."""
    with urllib.request.urlopen(
        f"{url}/ferry/v1/orders/{urllib.parse.quote(op_id, safe='')}", timeout=ANSWER_TIMEOUT_S
    ) as answer:
        for site in json.load(answer)["sites"]:
            if site["site"] == target and site["reachable"]:
                return site["counts"], site["orders"]
    return {}, []  # not reachable just now; the orders wait for it


def wait(url, accepted, target):
    """Until every order has ended. Returns the orders; of very many, the first of them."""
    deadline = time.monotonic() + OUTCOME_TIMEOUT_S
    pause = 0.02
    while True:
        counts, orders = outcomes(url, accepted["opId"], target)
        if sum(counts.get(word, 0) for word in GOOD | BAD) >= accepted["accepted"]:
            return orders
        if time.monotonic() > deadline:
            sys.exit(f"not ended within {OUTCOME_TIMEOUT_S} s: {counts}")
        time.sleep(pause)
        pause = min(2 * pause, 1.0)


def main(arguments):
    if len(arguments) < 6:
        sys.exit(__doc__)
    url, source, target, client, bucket = arguments[:5]
    orders = [order(source, target, client, bucket, name) for name in arguments[5:]]

    given = {
        "one": post_one(url, orders[0]),
        "array": post_array(url, orders),
        "lines": post_lines(url, orders),
    }
    failed = 0
    for way, accepted in given.items():
        for ended in wait(url, accepted, target):
            why = f" ({ended['reason']}: {ended['detail']})" if ended["outcome"] in BAD else ""
            print(f"{way}: {ended['object']} at {target}: {ended['outcome']}{why}")
            failed += ended["outcome"] in BAD
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
