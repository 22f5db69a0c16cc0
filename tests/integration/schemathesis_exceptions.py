"""Where schemathesis looks away. Every check is on; a failure of one is excused only by an entry here,
with its reason, and an entry excuses as little as it can: a status, a sentence, a place in the request.
"""

from dataclasses import dataclass

# What counts as a refusal of bad data. Schemathesis does not list 410, 413 and 416 by itself; they are
# refusals, too. It would also take a 5xx for one, which ours must never be.
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 416]

POSITIVE = "positive_data_acceptance"  # what fits the description is accepted
NEGATIVE = "negative_data_rejection"  # what does not fit it is refused
NO_5XX = "not_a_server_error"


@dataclass(frozen=True)
class Excused:
    check: str
    reason: str
    operations: tuple = ()  # "POST /ferry/v1/orders"; none: all of them
    status: int | None = None  # None: any success
    says: str = ""  # part of the sentence in x-clonecloudstore-error
    places: frozenset = frozenset()  # NEGATIVE: nothing outside these was made invalid

    def covers(self, check, operation, status, error, places):
        if check != self.check or (self.operations and operation not in self.operations):
            return False
        if status != self.status if self.status is not None else status >= 300:
            return False
        return self.says in error and (self.check != NEGATIVE or places <= self.places)


BUCKETS = (
    "/cloudclonestore/{bucketName}",
    "/replicator/local/buckets/{bucketName}",
    "/replicator/remote/buckets/{bucketName}",
)
OBJECTS = tuple(f"{bucket}/{{objectName}}" for bucket in BUCKETS)
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
UPLOADS = ("POST /cloudclonestore/{bucketName}/{objectName}", "PUT /ferry/v1/content")
ORDERS = ("POST /replicator/remote/orders", "POST /replicator/remote/orders/multiple", "POST /ferry/v1/orders")
SITES = ("POST /administration/topologies", "POST /ferry/v1/sites")
OIO = "POST /v3.0/{ns}/"
OIO_PARSED = tuple(
    OIO + operation
    for operation in ("container/create", "container/create_many", "container/get_properties", "container/set_properties",
                      "container/touch", "container/dedup", "container/purge", "container/flush", "container/snapshot",
                      "content/create", "content/delete", "content/get_properties", "content/set_properties",
                      "content/del_properties")
)  # fmt: skip
OPEN_JSON = ORDERS + SITES + OIO_PARSED + ("PUT /administration/topologies",)  # unknown keys are ignored there

EXCUSED = (
    # ---- the request is as described, but what it is about is not so just then
    Excused(POSITIVE, "CCS says 406 for a bucket that is not empty", status=406, says="is not empty",
            operations=("DELETE /cloudclonestore/{bucketName}", "DELETE /ferry/v1/container")),
    Excused(POSITIVE, "CCS says 406 while another upload of the object is under way", status=406,
            says="is being uploaded", operations=UPLOADS),
    Excused(POSITIVE, "a deleted bucket is 410", status=410,
            operations=("GET /cloudclonestore/{bucketName}", "DELETE /cloudclonestore/{bucketName}",
                        "GET /replicator/remote/buckets/{bucketName}",
                        "GET /replicator/local/buckets/{bucketName}", "DELETE /ferry/v1/container")),
    Excused(POSITIVE, "a range may begin behind the end of whatever object it meets", status=416),
    Excused(POSITIVE, "the topology is bounded, and this run fills it", status=413, says="there are 64 sites",
            operations=SITES),
    Excused(POSITIVE, "a site cannot be paused or forgotten by itself", status=400, says="that is this site itself"),
    Excused(POSITIVE, "acct and prefix choose within a bucket, which ref names", status=400, says="need ref",
            operations=("POST /ferry/v1/verify",)),
    Excused(POSITIVE, "this site is no source of its own copies", status=400, says="is this site",
            operations=ORDERS),
    Excused(NO_5XX, "a size may be promised for which no disk has room", status=507, says="no room",
            operations=UPLOADS),
    Excused(POSITIVE, "backfills are bounded, and this run begins many", status=413, says="no more at once",
            operations=("POST /ferry/v1/backfills",)),
    Excused(NO_5XX, "OpenIO says 503 for what a frozen container does not allow", status=503, says="is frozen"),
    Excused(NO_5XX, "and 503 for what a disabled one does not", status=503, says="is disabled"),
    Excused(NO_5XX, "or 500, to destroy it", status=500, says="is disabled", operations=(OIO + "container/destroy",)),
    Excused(NO_5XX, "and 500 for what needs not be enabled", status=500, says="is enabled already",
            operations=(OIO + "admin/enable",)),
    Excused(NO_5XX, "OpenIO says 500 for more bytes than a quota allows", status=500, says="quota",
            operations=(OIO + "content/create",)),
    Excused(NO_5XX, "a client may give no time at all", status=503, says="the time for this request is over"),
    # ---- what a schema cannot say
    Excused(POSITIVE, "one of two objects has to have a key", status=400, says="no property is given",
            operations=(OIO + "container/set_properties",)),
    Excused(POSITIVE, "an account and a prefix are of a bucket", status=400, says="which is missing",
            operations=("POST /ferry/v1/backfills",)),
    Excused(POSITIVE, "a stamp is compared with the clock", status=400, says="ahead of this site's clock",
            operations=ORDERS),
    Excused(POSITIVE, "two fields of an order are compared", status=400, says="fromSite and toSite are the same",
            operations=ORDERS),
    Excused(POSITIVE, "the promised hash is compared with the body", status=400,
            says="SHA-256 is not the hash that was given", operations=UPLOADS),
    Excused(POSITIVE, "a body is zstd when a header says so, and its schema does not know that", status=400,
            says="zstd", operations=UPLOADS),
    Excused(POSITIVE, "JSON Schema calls 1.0 an integer; we want it written as one", status=400,
            says="is not an integer", operations=ORDERS),
    Excused(POSITIVE, "the same", status=400, says="not a whole number",
            operations=("POST /ferry/v1/waiting/retry", "POST /ferry/v1/waiting/drop",
                        "POST /ferry/v1/conflicts/drop", "POST /ferry/v1/backfills")),
    Excused(POSITIVE, "a list within one parameter cannot say that its items differ", status=400,
            says="is named twice", operations=("POST /ferry/v1/container", "PUT /ferry/v1/container/targets")),
    Excused(POSITIVE, "U+0000 is refused wherever it stands, in the keys that are ignored, too", status=400,
            says="NUL", operations=OPEN_JSON),
    Excused(POSITIVE, "a number beyond 64 bits is refused wherever it stands, in the keys that are ignored, too",
            status=400, says="not JSON: too big", operations=OPEN_JSON),
    Excused(POSITIVE, "lengths count characters in a schema, and bytes in Ferry", status=400, says="bytes"),
    # ---- what CCS takes, wider than what its documents say
    Excused(NEGATIVE, "CCS cleans names before it looks at them: 'Bébé' is none, but 'bébé' is 'bebe'",
            operations=tuple(f"{method} {path}" for method in METHODS for path in BUCKETS + OBJECTS),
            places=frozenset({"path", "query"})),
    Excused(NEGATIVE, "CCS reads any word but 'true' as false (java.lang.Boolean), and its clients may count on it",
            operations=tuple(f"HEAD {path}" for path in BUCKETS + OBJECTS), places=frozenset({"query"})),
)  # fmt: skip
