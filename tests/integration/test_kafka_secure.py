"""A Kafka that lets in only whom it knows: TLS with a certificate of its own, and a password."""

import subprocess

import pytest
from support.kafka import Cluster
from support.orders import order, wait_outcome
from support.ports import take_port
from support.site import binary, environment
from support.waiting import eventually

PASSWORD = "correct horse"
# Clients have a listener of their own; the broker goes on speaking to itself in plain text.
SECURE = """\
listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},CLIENT://127.0.0.1:%(port)d
advertised.listeners=BROKER://127.0.0.1:{port},CLIENT://127.0.0.1:%(port)d
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:SASL_SSL
listener.name.client.sasl.enabled.mechanisms=PLAIN
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_ferry="%(password)s";
listener.name.client.ssl.keystore.type=PEM
listener.name.client.ssl.keystore.location=%(keystore)s
"""


def make_certificate(folder, name):
    """(key, certificate) of somebody at 127.0.0.1 whom nobody else vouches for."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return key, certificate


class Secure:
    """The broker, and what a client needs to be let in."""

    def __init__(self, folder):
        self.folder = folder
        self.port = take_port()
        key, self.certificate = make_certificate(folder, "broker")
        _, self.foreign_certificate = make_certificate(folder, "stranger")
        keystore = folder / "keystore.pem"
        keystore.write_text(key.read_text() + self.certificate.read_text())
        words = {"port": self.port, "password": PASSWORD, "keystore": keystore}
        self.cluster = Cluster(folder / "brokers", more=SECURE % words)

    def options(self, prefix, password=PASSWORD, certificate=None):
        """The options of ferry for it, with this password and trusting this certificate."""
        file = self.folder / f"password-{prefix}"
        file.write_text(password + "\n")
        properties = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "ferry",
            "sasl.password_file": file,
            "ssl.ca.location": certificate or self.certificate,
        }
        words = ["--queue", f"kafka://127.0.0.1:{self.port}", "--queue-prefix", prefix]
        for name, value in properties.items():
            words += ["-X", f"{name}={value}"]
        return words


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    made = Secure(tmp_path_factory.mktemp("kafka"))
    with made.cluster:
        yield made


def ferry(*words):
    """(exit code, what it said but for its log)"""
    done = subprocess.run(
        [binary(), *words], env=environment(), capture_output=True, text=True, timeout=60
    )
    said = (done.stdout + done.stderr).splitlines()
    return done.returncode, "\n".join(line for line in said if not line.startswith("{"))


def test_a_site_that_is_let_in_does_its_orders(secure, sites, hostile):
    source = hostile(site="site-a", ferry=True)
    options = secure.options("in.")
    (site,) = sites(
        ["site-b"],
        peers={"site-b": {"site-a": source.url}},
        wrapper=lambda words: words + options,
    )
    data = source.plant("bucket-1", "o", b"over TLS")
    given = order("CREATE", "bucket-1", "o", source="site-a", data=data)
    site.client().post_order(given).must(201)
    assert wait_outcome(site.client(), given["opId"])["outcome"] == "applied"
    assert site.client().get("bucket-1", "o").must(200).body == data
    code, said = ferry("doctor", "--url", site.url, "--site", "site-b", *options)
    assert "topic request-action " in said and "cannot be checked" not in said, said
    assert PASSWORD not in said and PASSWORD not in site.log_text()


@pytest.mark.parametrize("command", ["topics ensure", "doctor", "up"])
def test_a_wrong_password_is_what_everyone_is_told(secure, tmp_path, command):
    words = [*command.split(), "--site", "site-b", *secure.options("wrong.", "wrong battery")]
    if command == "up":
        words += ["--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    code, said = ferry(*words)
    print(code, said)
    assert code != 0
    assert "Authentication failed" in said, said
    assert "wrong battery" not in said


def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(secure):
    options = secure.options("stranger.", certificate=secure.foreign_certificate)
    code, said = ferry("topics", "ensure", "--site", "site-b", *options)
    print(code, said)
    assert code != 0
    assert "certificate" in said, said
