"""api/openapi.yaml against a running site, by schemathesis: examples, edge cases of every parameter,
random requests good and bad, and chains of calls. That the text and the routes tables agree is
tests/unit/api_openapi_test.c."""

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import schemathesis
import yaml
from schemathesis_exceptions import NEGATIVE, REFUSALS
from support.oio import cid
from support.setting import Setting
from support.site import ROOT, environment

HERE = Path(__file__).parent
TEXT = ROOT / "api" / "openapi.yaml"
SEED = 20240221  # of CI, which must not fail for what nobody changed; FERRY_SEED=n or the soak draw others
REQUEST_TIMEOUT_S = 20  # under a sanitizer, on a busy machine
# A seed of the soak takes about two minutes, of which none is begun after SOAK_S; ROUND_S is for one that
# finds something, which schemathesis then makes smaller.
SOAK_S = 1200
SOAK_EXAMPLES = 100
ROUND_S = 1200

OBJECTS = ["dir/o1", "dir/a1", "new-1", "new-2"]
# So that random requests often meet something that is there.
KNOWN = {
    "header.x-clonecloudstore-client-id": ["client-1"],
    "header.x-clonecloudstore-target-id": ["site-b"],
    "header.Accept-Encoding": ["zstd"],
    "header.Content-Encoding": ["identity"],
    "header.Range": ["bytes=1-3", "bytes=-2", "bytes=5-"],
    "path.client": ["client-2"],  # whose rights may go; client-1 needs its own for all the rest
    "path.bucket": ["bucket-1"],
    "path.bucketName": ["bucket-1"],
    "path.objectName": OBJECTS,
    "query.acct": ["client-1"],
    "query.cid": [cid("client-1", "bucket-1")],
    "query.ref": ["bucket-1"],
    "query.path": OBJECTS,
}
KNOWN_SHARE = 0.8


def filled(sites):
    made = Setting(sites)
    for site in (made.a, made.b):
        for name in OBJECTS:
            site.client().put("bucket-1", name, b"something to read").must(201, 409)
    made.client().add_ownership("client-2", "bucket-1", "READ").must(201)
    return made


@pytest.fixture
def setting(sites):
    return filled(sites)


def test_the_text_is_an_openapi_document():
    schemathesis.openapi.from_path(TEXT).validate()


def test_a_site_serves_this_very_text(setting):
    answer = setting.client(None).call("GET", "/openapi.yaml").must(200)
    assert answer.header("Content-Type") == "application/yaml"
    assert answer.body == TEXT.read_bytes()
    assert yaml.safe_load(answer.body)["openapi"].startswith("3.1.")


def configuration(seed, examples):
    """Of schemathesis, as TOML; every key and text here is written alike in JSON."""
    # One worker: ast.parse of Python 3.11, which hypothesis calls, is not safe in threads.
    lines = [f"seed = {seed}", "workers = 1", f"request-timeout = {REQUEST_TIMEOUT_S}"]
    lines += ["continue-on-failure = true", "[generation]", f"max-examples = {examples}", 'database = "none"']
    lines += ["[output.truncation]", "max-payload-size = 2000"]
    lines += [f"[checks.{NEGATIVE}]", f"expected-statuses = {REFUSALS}"]
    lines += ["[dictionaries]"] + [f"known-{i}.values = {json.dumps(words)}" for i, words in enumerate(KNOWN.values())]
    lines += ["[parameters]"]
    lines += [
        f'"{place}" = {{dictionary = "known-{i}", probability = {KNOWN_SHARE}}}' for i, place in enumerate(KNOWN)
    ]
    return "\n".join(lines) + "\n"


def fuzz(setting, folder, seed, examples, timeout):
    """Runs schemathesis against site a; its findings are the assertion's text. Gives the number of requests."""
    config = folder / "schemathesis.toml"
    config.write_text(configuration(seed, examples))
    hooks = {
        "SCHEMATHESIS_HOOKS": str(HERE / "support" / "schemathesis_hooks.py"),
        "PYTHONPATH": str(HERE),
        "OPENAPI_TEST_PEER": setting.b.url,
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(config)]
    command += ["run", f"{setting.a.url}/openapi.yaml"]
    print(f"schemathesis: seed {seed}, again by FERRY_SEED={seed}")
    run = subprocess.run(
        command, cwd=folder, env={**environment(), **hooks}, text=True, timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    (folder / "schemathesis.log").write_text(run.stdout)
    print(run.stdout[-3000:])
    assert setting.a.running(), "the site has died"
    setting.client(None).ready().must(200)
    assert run.returncode == 0, f"seed {seed}:\n{findings(run.stdout)}"
    return int(re.search(r"^ +(\d+) generated", run.stdout, re.MULTILINE)[1])


def findings(output):
    """From the first failure or error on, without what comes before."""
    starts = [output.find(mark) for mark in ("= FAILURES =", "= ERRORS =") if mark in output]
    return output[min(starts, default=0) :][:20000]


def test_every_answer_is_as_described(setting, tmp_path):
    seed = int(os.environ.get("FERRY_SEED", SEED))
    fuzz(setting, tmp_path, seed, examples=10, timeout=240)


@pytest.mark.soak
def test_every_answer_is_as_described_whatever_the_seed(sites, tmp_path, record_property):
    """One seed after the other, each on sites of its own: what one has left must not shape the next."""
    seeds, requests, end = 0, 0, time.monotonic() + SOAK_S
    while time.monotonic() < end:
        setting = filled(sites)
        requests += fuzz(setting, tmp_path, random.randrange(1 << 32), SOAK_EXAMPLES, ROUND_S)
        seeds += 1
        for site in setting.sites:
            site.stop()
    record_property("soak", f"{seeds} seeds, {requests} requests")
