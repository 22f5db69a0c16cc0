"""Loaded by schemathesis (SCHEMATHESIS_HOOKS): the media types it does not know, and what
schemathesis_exceptions.py excuses."""

import json
import os

import schemathesis
from schemathesis_exceptions import EXCUSED, NEGATIVE, NO_5XX, POSITIVE

# A site that answers; every site that the run adds is sent there, and no request leaves this machine.
PEER = os.environ["OPENAPI_TEST_PEER"]

CHECKS = {"AcceptedNegativeData": NEGATIVE, "RejectedPositiveData": POSITIVE, "ServerError": NO_5XX}


@schemathesis.serializer("application/x-ndjson")
def write_lines(context, value):
    if isinstance(value, bytes):
        return value
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@schemathesis.deserializer("application/octet-stream")
def read_octets(context, response):
    return response.content.decode("latin-1")


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("uri"), str) and not places_made_invalid(case):
        body["uri"] = PEER


def places_made_invalid(case):
    """Where the request was made to break the description: "path", "query", "header", "body"."""
    if case.meta is None:
        return frozenset()
    return frozenset(
        place.value for place, component in case.meta.components.items() if component.mode.is_negative
    )


def message_of(response):
    """Of an error of OpenIO's API, which tells it in the body."""
    try:
        return response.json().get("message", "")
    except (ValueError, AttributeError):
        return ""


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """False drops the failure."""
    check = CHECKS.get(type(failure).__name__)
    operation = case.operation.label
    error = " ".join(response.headers.get("x-clonecloudstore-error", ())) or message_of(response)
    places = places_made_invalid(case)
    return not any(
        excused.covers(check, operation, response.status_code, error, places) for excused in EXCUSED
    )
