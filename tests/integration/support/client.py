"""What clients and other sites ask of a site, over HTTP. Every call gives the wire.Answer, so that
a test says itself which status it wants: client.make_bucket("b").must(201)."""

import json
import urllib.parse

from support import wire

PREFIX = "x-clonecloudstore-"
JSON = "application/json"
OCTETS = "application/octet-stream"


def ccs_headers(**values):
    """op_id="x" becomes x-clonecloudstore-op-id: x; None is left out, what is no text is JSON."""
    return {
        PREFIX + name.replace("_", "-"): value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


class Client:
    def __init__(self, url, client="client-1"):
        self.url = url
        self.client = client

    def call(self, method, target, headers=None, body=None, timeout=wire.TIMEOUT_S):
        """The client-id is sent unless the client is None or the headers name one."""
        all_headers = {} if self.client is None else ccs_headers(client_id=self.client)
        all_headers.update(headers or {})
        return wire.request(self.url, method, target, all_headers, body, timeout)

    def send_json(self, method, target, value, content_type=JSON, headers=None):
        all_headers = {"Content-Type": content_type, **(headers or {})}
        return self.call(method, target, all_headers, json.dumps(value).encode())

    # ---- the Accessor: /cloudclonestore

    def make_bucket(self, bucket):
        return self.call("POST", f"/cloudclonestore/{bucket}")

    def drop_bucket(self, bucket):
        return self.call("DELETE", f"/cloudclonestore/{bucket}")

    def bucket(self, bucket):
        return self.call("GET", f"/cloudclonestore/{bucket}")

    def head_bucket(self, bucket):
        return self.call("HEAD", f"/cloudclonestore/{bucket}")

    def buckets(self):
        return self.call("GET", "/cloudclonestore")

    def put(self, bucket, name, body=b"", encoding=None, op_id=None, expect=False, **described):
        """described: size, hash, metadata, expires as the upload's headers. expect: the site says that
        the body may come, and has taken the object's row by then."""
        headers = {"Content-Type": OCTETS, **ccs_headers(op_id=op_id, **described)}
        if expect:
            headers["Expect"] = "100-continue"
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        return self.call("POST", f"/cloudclonestore/{bucket}/{wire.quote(name)}", headers, body)

    def get(self, bucket, name, **headers):
        """headers by their own names, underscores as dashes: get(b, n, Accept_Encoding="zstd")."""
        sent = {"Accept": OCTETS, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.call("GET", f"/cloudclonestore/{bucket}/{wire.quote(name)}", sent)

    def describe(self, bucket, name):
        """The object's row as JSON, in any status."""
        return self.call("GET", f"/cloudclonestore/{bucket}/{wire.quote(name)}", {"Accept": JSON})

    def head(self, bucket, name):
        return self.call("HEAD", f"/cloudclonestore/{bucket}/{wire.quote(name)}")

    def delete(self, bucket, name):
        return self.call("DELETE", f"/cloudclonestore/{bucket}/{wire.quote(name)}")

    def listing(self, bucket, **filters):
        """filters: namePrefix="a", statuses=["READY"], sizeLT=5 ... (spec 3.4)."""
        headers = {"Accept": OCTETS, **ccs_headers(**filters)}
        return self.call("PUT", f"/cloudclonestore/{bucket}", headers)

    def status_of(self, bucket, name):
        """ "READY", "DELETED", ... or None when there is no row."""
        answer = self.describe(bucket, name)
        return answer.json()["status"] if answer.status == 200 else None

    def bucket_status(self, bucket):
        """As /cloudclonestore shows it: "READY", "DELETED" or None."""
        answer = self.bucket(bucket)
        if answer.status == 410:
            return "DELETED"
        return answer.json()["status"] if answer.status == 200 else None

    # ---- the Replicator: /replicator

    def remote(self, method, path, headers=None):
        """What this site itself has; path is "bucket" or "bucket/object"."""
        return self.call(method, f"/replicator/remote/buckets/{path}", headers)

    def local(self, method, path, headers=None):
        """What the other sites have."""
        return self.call(method, f"/replicator/local/buckets/{path}", headers)

    def post_order(self, order, **headers):
        """CCS's door, at the target."""
        return self.send_json(
            "POST", "/replicator/remote/orders", order, headers=ccs_headers(**headers)
        )

    def post_orders(self, orders, **headers):
        return self.send_json(
            "POST", "/replicator/remote/orders/multiple", orders, headers=ccs_headers(**headers)
        )

    def give_orders(self, order_or_orders, **headers):
        """Ferry's door, at any site."""
        return self.send_json(
            "POST", "/ferry/v1/orders", order_or_orders, headers=ccs_headers(**headers)
        )

    def order_lines(self, body, target="/ferry/v1/orders", **headers):
        """NDJSON: bytes, or an iterable of them for chunked."""
        all_headers = {"Content-Type": "application/x-ndjson", **ccs_headers(**headers)}
        return self.call("POST", target, all_headers, body)

    def outcomes(self, op_id, here=False):
        query = "?here=true" if here else ""
        return self.call("GET", f"/ferry/v1/orders/{urllib.parse.quote(op_id, safe='')}{query}")

    # ---- Administration

    def topologies(self, status=None):
        query = "" if status is None else f"?status={status}"
        return self.call("GET", f"/administration/topologies{query}")

    def topology(self, site):
        return self.call("GET", f"/administration/topologies/{site}")

    def add_topology(self, site, uri, status="UP", name=None):
        row = {"id": site, "name": name or site, "uri": uri, "status": status}
        return self.send_json("POST", "/administration/topologies", row)

    def change_topology(self, site, uri, status="UP", name=None):
        row = {"id": site, "name": name or site, "uri": uri, "status": status}
        return self.send_json("PUT", "/administration/topologies", row)

    def drop_topology(self, site):
        return self.call("DELETE", f"/administration/topologies/{site}")

    def ownerships(self, client, ownership=None):
        query = "" if ownership is None else f"?ownership={ownership}"
        return self.call("GET", f"/administration/ownerships/{client}{query}")

    def ownership(self, client, bucket):
        return self.call("GET", f"/administration/ownerships/{client}/{bucket}")

    def add_ownership(self, client, bucket, ownership):
        return self.call("POST", f"/administration/ownerships/{client}/{bucket}/{ownership}")

    def fuse_ownership(self, client, bucket, ownership):
        return self.call("PUT", f"/administration/ownerships/{client}/{bucket}/{ownership}")

    def drop_ownership(self, client, bucket=None):
        """Without bucket, "client" is the bucket of which all rights go (spec 5.2)."""
        rest = client if bucket is None else f"{client}/{bucket}"
        return self.call("DELETE", f"/administration/ownerships/{rest}")

    # ---- Ferry's own: /ferry/v1

    def exact(self, bucket, path=None, account=None, route="content"):
        """The target of an exact name; texts or bytes."""
        query = {"ref": bucket}
        if account is not None:
            query["acct"] = account
        if path is not None:
            query["path"] = path
        return f"/ferry/v1/{route}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}"

    def put_exact(self, bucket, path, body=b"", account=None, **described):
        headers = {"Content-Type": OCTETS, **ccs_headers(**described)}
        return self.call("PUT", self.exact(bucket, path, account), headers, body)

    def get_exact(self, bucket, path, account=None, **headers):
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.call("GET", self.exact(bucket, path, account), sent)

    def head_exact(self, bucket, path, account=None):
        return self.call("HEAD", self.exact(bucket, path, account))

    def delete_exact(self, bucket, path, account=None):
        return self.call("DELETE", self.exact(bucket, path, account))

    def container(self, method, bucket, account=None):
        return self.call(method, self.exact(bucket, account=account, route="container"))

    def objects(self, bucket, account=None, **query):
        """One page: prefix, after, status, limit."""
        target = self.exact(bucket, account=account, route="objects")
        if query:
            target += "&" + urllib.parse.urlencode(query)
        return self.call("GET", target)

    def sites(self):
        return self.call("GET", "/ferry/v1/sites")

    def add_site(self, **row):
        return self.send_json("POST", "/ferry/v1/sites", row)

    def pause(self, site):
        return self.call("POST", f"/ferry/v1/sites/{site}/pause")

    def resume(self, site):
        return self.call("POST", f"/ferry/v1/sites/{site}/resume")

    def drop_site(self, site):
        return self.call("DELETE", f"/ferry/v1/sites/{site}")

    def site_status(self):
        return self.call("GET", "/ferry/v1/status")

    def waiting(self, **query):
        """Waiting and dead orders: state, direction, reason, site, bucket, id, after, limit."""
        return self.call("GET", "/ferry/v1/waiting?" + urllib.parse.urlencode(query))

    def retry_waiting(self, **words):
        return self.send_json("POST", "/ferry/v1/waiting/retry", words)

    def drop_waiting(self, **words):
        return self.send_json("POST", "/ferry/v1/waiting/drop", words)

    def conflicts(self, **query):
        """Bodies that lost: site, bucket, id, after, limit."""
        return self.call("GET", "/ferry/v1/conflicts?" + urllib.parse.urlencode(query))

    def conflict(self, row_id, **headers):
        """The bytes of one of them."""
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.call("GET", f"/ferry/v1/conflicts/{row_id}/content", sent)

    def drop_conflicts(self, **words):
        return self.send_json("POST", "/ferry/v1/conflicts/drop", words)

    def ready(self):
        return self.call("GET", "/health/ready")

    def live(self):
        return self.call("GET", "/health/live")

    def metrics(self):
        """{'name{label="x"}': value} of /metrics."""
        text = self.call("GET", "/metrics").must(200).body.decode()
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in samples}
