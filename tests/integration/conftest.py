"""Fixtures of the integration tests; support/ has what they are made of."""

import shutil
import tempfile
from pathlib import Path

import pytest

from support.hostile import HostileSource
from support.proxy import OrderProxy
from support.sites import Factory
from support.world import Borrowed, Servers, make_world

pytest_plugins = ["support.soak_report"]  # keeps tests/SOAK.md

FACTORY = pytest.StashKey()
FAILED = pytest.StashKey()
SERVERS = pytest.StashKey()


def pytest_generate_tests(metafunc):
    """@pytest.mark.worlds("embedded", "real"): once in each. The nearest mark counts; without one a
    test's sites are embedded."""
    mark = metafunc.definition.get_closest_marker("worlds")
    if mark and "world" in metafunc.fixturenames:
        metafunc.parametrize("world", mark.args, indirect=True, scope="module")


def pytest_configure(config):
    lent = getattr(config, "workerinput", None)  # of the processes that pytest-xdist has started
    if lent:
        number, count = int(lent["workerid"].removeprefix("gw")), lent["workercount"]
        config.stash[SERVERS] = Borrowed(lent["servers"], number + 1, count)
    else:
        config.stash[SERVERS] = Servers(Path(tempfile.mkdtemp(prefix="ferry-servers-")))


def pytest_configure_node(node):
    """In the first process, for each that pytest-xdist is about to start."""
    node.workerinput["servers"] = node.config.stash[SERVERS].addresses()


def pytest_unconfigure(config):
    config.stash[SERVERS].stop()


@pytest.fixture(scope="session")
def servers(pytestconfig):
    """One set for all tests, of which those are started that are asked for: support/world.py."""
    return pytestconfig.stash[SERVERS]


@pytest.fixture(scope="module")
def world(request, servers):
    """Which engines the sites have."""
    return make_world(getattr(request, "param", "embedded"), servers)


def _factory(request, tmp_path_factory, world):
    folders = []

    def make_folder():
        folders.append(tmp_path_factory.mktemp("sites"))
        return folders[-1]

    factory = Factory(make_folder, world)
    request.node.stash[FACTORY] = factory
    yield factory
    factory.stop_all()
    if FAILED not in request.node.stash:  # else somebody will want to look
        for folder in folders:
            shutil.rmtree(folder)


@pytest.fixture
def sites(request, tmp_path_factory, world):
    """sites(["site-a", "site-b"], retry_memory="1s"): running sites, stopped after the test.

    Stopping is part of the test: exit code 0, and no report of a sanitizer.
    """
    yield from _factory(request, tmp_path_factory, world)


@pytest.fixture(scope="module")
def module_sites(request, tmp_path_factory, world):
    """The same for all tests of a file: for those that only read, or use names of their own."""
    yield from _factory(request, tmp_path_factory, world)


@pytest.fixture
def hostile():
    """hostile(ferry=False, **settings): a source that answers as told: support/hostile.py."""
    made = []

    def make(**settings):
        made.append(HostileSource(**settings))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def order_proxy():
    """order_proxy(target_url, **settings): see support/proxy.py."""
    made = []

    def make(target, **settings):
        made.append(OrderProxy(target, **settings))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the last lines of its sites' logs."""
    report = yield
    if report.failed:
        for node in item.listchain():
            node.stash[FAILED] = True
            factory = node.stash.get(FACTORY, None)
            for site in factory.started if factory else ():
                report.sections.append((f"log of {site.name}", site.tail()))
    return report
