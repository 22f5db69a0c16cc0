"""deploy/: every file in it means something to the program, as it is here and now."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import promql_parser
import pytest
import yaml
from compose_spec import PyCompose

from support import containerfile
from support.command import USAGE, Ferry, Ran
from support.site import ROOT, binary, environment, release_binary

DEPLOY = ROOT / "deploy"
SETTINGS = ["one-machine.ini", "site/ferry.ini", "container/paris.ini", "container/lyon.ini"]
UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.service"))
INSTANCES = {"ferry-api@.service": "8081", "ferry-worker@.service": "9464"}
SECRETS = ("/etc/ferry/secrets/", "/run/secrets/")
INSTALLED = "/usr/local/bin/ferry"  # where ./run install puts it
EXPOSURE = 15  # tenths, of systemd-analyze security: up to 20 it says OK


def ferry(*words, env=None):
    words = list(map(str, words))
    process = subprocess.run(
        [binary(), *words], capture_output=True, env={**environment(), **(env or {})}
    )
    return Ran(words, process)


def role_of(name):
    """Of a process that has these settings."""
    return "worker" if name in ("site/ferry.ini", "container/paris.ini") else "up"


@pytest.fixture
def stop_s():
    """What a stop may take: worker.drain for the API, and again for the worker."""
    drain = ferry("config", "show", "--json").must().json()["worker.drain"]
    return 2 * int(drain.removesuffix("s"))


@pytest.fixture
def settings(tmp_path):
    """settings("site/ferry.ini", uncommented=False): a copy whose secrets are there."""

    def copy(name, uncommented=False):
        text = (DEPLOY / name).read_text()
        secrets = tmp_path / "secrets"
        secrets.mkdir(exist_ok=True)
        for folder in SECRETS:
            for secret in re.findall(re.escape(folder) + r"(\w+)", text):
                (secrets / secret).write_text("a secret\n")
            text = text.replace(folder, f"{secrets}/")
        if uncommented:
            text = re.sub(r"^;(?=[a-z_.]+ =)", "", text, flags=re.MULTILINE)
        path = tmp_path / name.replace("/", "-")
        path.write_text(text)
        return path

    return copy


# ---- settings files


@pytest.mark.parametrize("name", SETTINGS)
def test_a_server_would_start_with_the_settings(name, settings):
    ferry("config", "check", role_of(name), "--config", settings(name)).must()


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_commented_out_is_a_setting_at_its_default(name, settings):
    shown = ferry("config", "show", "--json", "--config", settings(name)).must().json()
    whole = ferry("config", "show", "--json", "--config", settings(name, uncommented=True))
    assert whole.must().json() == shown


def test_a_check_names_the_line_the_engine_or_the_secret_that_does_not_do(settings, tmp_path):
    good = settings("site/ferry.ini")
    for old, new, said in (
        ("queue.partitions = 12", "queue.partition = 12", "no setting 'queue.partition'"),
        ("sasl.mechanism", "sasl.mechanics", "sasl.mechanics"),
        ("postgres://", "mysql://", "'mysql://"),
        ("redis://", "rediss://", "TLS"),
        ("dir:", "s3:", "it serves dir:PATH"),
        ("secrets/postgres", "secrets/none", "catalogue.password_file"),
        ("secrets/redis", "secrets/none", "cache.password_file"),
        ("secrets/kafka", "secrets/none", "sasl.password"),
    ):
        text = good.read_text()
        assert old in text
        bad = tmp_path / "bad.ini"
        bad.write_text(text.replace(old, new))
        ran = ferry("config", "check", "--config", bad).must(USAGE)
        assert said in ran.err and "a secret" not in ran.err, ran.err


def test_a_site_runs_with_the_settings_of_one_machine(sites, settings):
    (paris,) = sites(["paris"], peers={}, config=settings("one-machine.ini"))
    listed = Ferry(paris.url)("site", "ls", "--json").must().lines()
    assert {row["id"] for row in listed} == {"lyon", "paris"}


@pytest.mark.parametrize("name", ["site/api.env", "site/worker.env"])
def test_every_variable_of_an_environment_file_is_a_setting(name, settings):
    lines = re.findall(r"^#?(FERRY_\w+)=(.*)$", (DEPLOY / name).read_text(), re.MULTILINE)
    assert lines
    ferry("config", "check", "--config", settings("site/ferry.ini"), env=dict(lines)).must()


# ---- systemd


def unit_lines(name):
    """[(key, value)] of the unit, its instance filled in."""
    text = (DEPLOY / "systemd" / name).read_text()
    text = text.replace("%i", INSTANCES.get(name, "")).replace("%S", "/var/lib")
    return re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)


def analyze(*words):
    done = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_knows_every_word_of_the_units(tmp_path):
    files = []
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        assert INSTALLED in text
        path = tmp_path / name.replace("@.", f"@{INSTANCES.get(name)}.")
        path.write_text(text.replace(INSTALLED, release_binary()))
        files.append(path)
    assert analyze("verify", "--man=no", *files) == ""


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_gives_away_little(name):
    analyze("security", "--offline=true", f"--threshold={EXPOSURE}", DEPLOY / "systemd" / name)


@pytest.mark.parametrize("name", UNITS)
def test_ferry_understands_what_a_unit_starts(name, settings):
    unit = dict(unit_lines(name))
    program, role, *words = shlex.split(unit["ExecStart"])
    assert program == INSTALLED
    file = settings("one-machine.ini" if role == "up" else "site/ferry.ini")
    words = [file if word == "/etc/ferry/ferry.ini" else word for word in words]
    env = dict(part.split("=", 1) for part in shlex.split(unit.get("Environment", "")))
    ferry("config", "check", role, *words, env=env).must()
    assert env.get("FERRY_DATA", "/var/lib/ferry") == "/var/lib/" + unit["StateDirectory"]


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_waits_for_work_in_hand_and_gives_up_on_wrong_settings_only(name, stop_s):
    unit = dict(unit_lines(name))
    assert int(unit["TimeoutStopSec"]) > stop_s
    assert (unit["Restart"], int(unit["RestartPreventExitStatus"])) == ("always", USAGE)
    assert unit["StartLimitIntervalSec"] == "0"


# ---- containers

CONTAINERFILE = DEPLOY / "container" / "Containerfile"


def test_the_containerfile_passes_the_linter():
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", CONTAINERFILE], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr


def owner(library):
    """The Debian package that a library of this machine came with."""
    path = Path(library)
    for known in (path, Path("/usr") / path.relative_to("/")):
        done = subprocess.run(["dpkg-query", "-S", known], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    raise AssertionError(f"{library} is of no package")


def needed_packages(program):
    """Of the libraries that it names itself; theirs come with their packages."""
    named = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    loaded = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    places = dict(re.findall(r"(\S+) => (/\S+)", loaded.stdout))
    return {owner(places[name]) for name in re.findall(r"\(NEEDED\).*\[(.*)\]", named.stdout)}


def test_the_image_has_the_libraries_of_the_program_and_nothing_else():
    needed = needed_packages(release_binary()) - {"libc6"}
    assert set(containerfile.installed(containerfile.read(CONTAINERFILE)[-1])) == {
        *needed, "ca-certificates"}  # fmt: skip


def test_the_image_is_built_from_all_that_the_build_names(tmp_path):
    """What CMake cannot find it says; that the sources are enough is in test_faults_bare_root.py."""
    build, _ = containerfile.read(CONTAINERFILE)
    for step in build.all("COPY"):
        *sources, target = step.words
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / "src" / target)
            else:
                (tmp_path / "src").mkdir(exist_ok=True)
                shutil.copy(ROOT / source, tmp_path / "src" / target)
    for words in (["cmake", "--preset", "release"], ["ninja", "-C", "build/release", "-n", "ferry"]):
        done = subprocess.run(words, cwd=tmp_path / "src", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_as_nobody_special_and_is_asked_by_the_program_itself():
    image = containerfile.read(CONTAINERFILE)[-1]
    assert image.last("USER").text == "10001:10001"
    assert image.last("STOPSIGNAL").text == "SIGTERM"
    assert image.last("ENTRYPOINT").words == ["ferry"]
    ferry(*image.last("CMD").words).must()
    health = image.last("HEALTHCHECK").text.split(" CMD ")[1]
    program, *words = json.loads(health)
    assert program == "ferry"
    ferry(*words, "--help").must()


@pytest.fixture(scope="module")
def compose():
    read = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    PyCompose.from_json(json.dumps(read))  # raises what does not follow the specification
    return read


def ours(compose):
    return {n: s for n, s in compose["services"].items() if s["image"].startswith("ferry:")}


def test_images_are_pinned_and_ours_is_of_this_version(compose):
    version = ferry("--version").must().text.split()[1]
    for service in compose["services"].values():
        name, _, tag = service["image"].partition(":")
        assert re.search(r"\d+\.\d+\.\d+|\d+\.\d+-", tag), service["image"]
        assert name != "ferry" or tag == version


def test_ferry_understands_what_the_services_start(compose, settings):
    services = ours(compose)
    roles = [service["command"][0] for service in services.values()]
    assert sorted(roles) == ["api", "up", "worker"]
    assert services["worker"]["deploy"]["replicas"] == 3
    for service in services.values():
        role, *words = service["command"]
        (config,) = service["configs"]
        file = compose["configs"][config["source"]]["file"]
        copy = settings(f"container/{Path(file).name}")
        words = [copy if word == config["target"] else word for word in words]
        ferry("config", "check", role, *words, env=service.get("environment")).must()
        program, *words = service.get("healthcheck", {}).get("test", ["CMD", "ferry", "health"])[1:]
        assert program == "ferry"
        ferry(*words, "--help").must()


def test_services_of_ours_can_write_their_volumes_only(compose, stop_s):
    for name, service in ours(compose).items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert int(service["stop_grace_period"].rstrip("s")) > stop_s
        targets = [volume.split(":")[-1] for volume in service["volumes"]]
        assert "/var/lib/ferry" in targets, name
        assert set(targets) <= {"/var/lib/ferry", "/srv/ferry"}, name


def test_nothing_is_published_beyond_this_machine_and_engines_have_no_way_out(compose):
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert compose["networks"]["engines"]["internal"] is True
    for name in ("kafka", "postgres", "redis"):
        assert compose["services"][name]["networks"] == ["engines"], name


def test_every_secret_that_settings_name_is_given_to_its_service(compose):
    for name, service in ours(compose).items():
        (config,) = service["configs"]
        text = (DEPLOY / "container" / compose["configs"][config["source"]]["file"]).read_text()
        named = re.findall(r"/run/secrets/(\w+)", text)
        assert sorted(named) == sorted(service.get("secrets", [])), name
        assert set(named) <= set(compose["secrets"])


# ---- Prometheus


@pytest.fixture(scope="module")
def rules():
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "ferry.rules.yml").read_text())["groups"]
    return group["rules"]


def test_every_alarm_is_about_a_metric_that_a_site_prints(rules, sites):
    (site,) = sites(["paris"], accept_retention="30d")  # it prints one more
    page = site.request("GET", "/metrics").body.decode()
    printed = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    named = {name for rule in rules for name in re.findall(r"\bferry_\w+", rule["expr"])}
    named -= {"ferry_site"}  # the label that the scrape gives
    assert named and named <= printed, named - printed
    texts = json.dumps(rules)
    for check in site.request("GET", "/health/ready").json()["checks"]:
        assert f'ferry_ready{{check="{check}"}} 1' in page
    assert "$labels.check" in texts


def test_alarms_are_expressions_that_somebody_can_act_on(rules):
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        promql_parser.parse(rule["expr"])
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


def test_the_scrape_example_gives_the_labels_that_alarms_use(rules):
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert [(DEPLOY / "prometheus" / file).exists() for file in scrape["rule_files"]] == [True]
    (job,) = scrape["scrape_configs"]
    assert job["job_name"] == "ferry"
    roles = []
    for targets in job["static_configs"]:
        assert set(targets["labels"]) == {"ferry_site", "role"}
        roles += [targets["labels"]["role"]] * len(targets["targets"])
    assert sorted(roles) == ["api", "worker", "worker", "worker"]


# ---- listening where others can reach it


def test_a_site_listens_beyond_loopback_when_told_and_says_what_that_means(sites):
    (site,) = sites(["paris"], start=False, accept_unauthenticated="on")
    public = site.url
    site.url = f"http://0.0.0.0:{site.port}"  # which to a client is loopback
    site.settings |= {"listen": f"0.0.0.0:{site.port}", "public_url": public}
    site.start()
    (warning,) = re.findall(r'.*"listen.unauthenticated".*', site.log_text())
    assert '"level":"warn"' in warning and f'"0.0.0.0:{site.port}"' in warning
    (row,) = Ferry(public)("site", "ls", "--json").must().lines()
    assert row["uri"] == public


def test_a_site_on_loopback_has_nothing_to_warn_of(sites):
    (site,) = sites(["paris"], accept_unauthenticated="on")
    assert "listen.unauthenticated" not in site.log_text()
