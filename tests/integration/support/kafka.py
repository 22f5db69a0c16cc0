"""Real Kafka brokers (KRaft) for the tests, as processes of this machine on loopback.

From Python: `with Cluster(folder, count=3) as kafka: kafka.bootstrap`. For the C tests, by hand:

    kafka.py fetch                  the jars, into build/kafka (from Maven Central, once)
    kafka.py start FOLDER [COUNT]   returns when all answer; FOLDER/bootstrap has their addresses
    kafka.py signal FOLDER N NAME   to broker N: STOP, CONT, KILL or TERM
    kafka.py restart FOLDER N       broker N again, on its port and data
    kafka.py stop FOLDER            ends them all and removes their data
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.ports import take_port  # noqa: E402
from support.waiting import eventually  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / "build" / "kafka"
POM = ROOT / "tests" / "servers" / "kafka" / "pom.xml"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
CLUSTER_ID = "ferryTestsAAAAAAAAAAAA"
START_S = 90.0
STOP_S = 20.0
TOOL_S = 120.0  # a Java process starts and asks, on a machine that is busy
# Started fast and kept small: a broker of the tests sees a few thousand records.
JAVA = [
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
]
PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=BROKER://127.0.0.1:{port}
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
auto.create.topics.enable=true
default.replication.factor={copies}
min.insync.replicas={least}
offsets.topic.num.partitions=4
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor={copies}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
controlled.shutdown.enable=true
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=1000
replica.lag.time.max.ms=5000
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=4194304
"""
LOG4J = """\
Configuration:
  status: warn
  Appenders:
    Console: {name: OUT, target: SYSTEM_OUT, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: OUT}}
"""


def fetch():
    """The folder of the jars; Maven brings them on the first call."""
    jars = HOME / "jars"
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = HOME / "pom.xml"  # a copy: what the jars were fetched for
        if stamp.exists() and stamp.read_bytes() == POM.read_bytes():
            return jars
        shutil.rmtree(jars, ignore_errors=True)
        repository = HOME / "m2"
        subprocess.run(
            ["mvn", "--quiet", "--batch-mode", "-f", str(POM), PLUGIN]
            + [f"-DoutputDirectory={jars}", f"-Dmaven.repo.local={repository}"],
            check=True,
            stdout=sys.stderr,
        )
        shutil.rmtree(repository)
        shutil.copy(POM, stamp)
    return jars


def tool(main, *words):
    """What one of Kafka's own tools says."""
    command = ["java", "-cp", f"{fetch()}/*", main, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Broker:
    """One broker; its folder has all that is known of it, so that any process can go on with it."""

    def __init__(self, folder, java=JAVA):
        self.folder = Path(folder)
        self.java = java
        self.process = None  # when it was started here

    def write(self, number, ports, voters, copies, more):
        data = self.folder / "data"
        data.mkdir(parents=True)
        least = 2 if copies >= 3 else 1
        text = (PROPERTIES + more).format(
            number=number,
            voters=voters,
            port=ports[0],
            controller_port=ports[1],
            data=data,
            copies=copies,
            least=least,
        )
        (self.folder / "server.properties").write_text(text)
        (self.folder / "log4j2.yaml").write_text(LOG4J)
        (self.folder / "port").write_text(str(ports[0]))
        # What `kafka-storage format` would write, without a Java process to write it.
        (data / "meta.properties").write_text(
            f"version=1\ncluster.id={CLUSTER_ID}\nnode.id={number}\n"
        )

    @property
    def port(self):
        return int((self.folder / "port").read_text())

    @property
    def pid(self):
        """Of the process that was started last, if it is still ours and alive; else None."""
        try:
            pid = int((self.folder / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.folder).encode() in command else None

    def start(self):
        assert self.pid is None, f"{self.folder} runs already"
        command = ["java", *self.java, f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}"]
        command += ["-cp", f"{fetch()}/*", "kafka.Kafka", str(self.folder / "server.properties")]
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # it outlives whoever started it
            )
        (self.folder / "pid").write_text(str(process.pid))
        self.process = process
        return self

    def ended(self):
        if self.process is not None:  # reaps it, else it stays as a zombie
            return self.process.poll() is not None
        return self.pid is None

    def answers(self):
        assert not self.ended(), f"the broker ended:\n{self.tail()}"
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def signal(self, name):
        os.kill(self.pid, getattr(signal, "SIG" + name))
        if name in ("KILL", "TERM"):
            eventually(self.ended, STOP_S, "the broker has ended")
        if name == "STOP":
            eventually(self.stopped, STOP_S, "the broker has stopped")

    def stopped(self):
        """All of its threads: on a machine that is busy some go on for a while after the signal."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/stat")
        return all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)

    def tail(self, lines=30):
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-lines:])


class Cluster:
    """COUNT brokers that know each other, each broker and controller at once.

    more: properties over those above, in which the same names stand in braces; java: options of the
    machine that runs them.
    """

    def __init__(self, folder, count=1, more="", java=JAVA):
        self.folder = Path(folder).resolve()
        self.more = more
        self.brokers = [Broker(self.folder / str(i + 1), java) for i in range(count)]

    @classmethod
    def of(cls, folder):
        """The one that lives in the folder."""
        found = sorted(p for p in Path(folder).resolve().iterdir() if p.name.isdigit())
        return cls(folder, len(found))

    @property
    def bootstrap(self):
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def start(self):
        if self.folder.exists():  # what an interrupted run left
            self.of(self.folder).stop()
        ports = [(take_port(), take_port()) for _ in self.brokers]
        voters = ",".join(f"{i + 1}@127.0.0.1:{p[1]}" for i, p in enumerate(ports))
        for i, broker in enumerate(self.brokers):
            broker.write(i + 1, ports[i], voters, len(self.brokers), self.more)
        for broker in self.brokers:
            broker.start()
        self.await_answers()
        (self.folder / "bootstrap").write_text(self.bootstrap)
        return self

    def await_answers(self):
        """A broker opens its port once it is registered and unfenced."""
        for broker in self.brokers:
            deadline = time.monotonic() + START_S
            while True:
                try:
                    broker.answers()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise AssertionError(f"no answer in {START_S} s:\n{broker.tail()}")
                    time.sleep(0.05)

    def stop(self):
        for broker in self.brokers:
            if broker.pid is not None:
                broker.signal("KILL")  # their data goes with them
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()


def main(words):
    command, folder = words[0], Path(words[1]) if len(words) > 1 else None
    if command == "fetch":
        fetch()
    elif command == "start":
        Cluster(folder, int(words[2]) if len(words) > 2 else 1).start()
    elif command == "signal":
        Broker(folder.resolve() / words[2]).signal(words[3])
    elif command == "restart":
        broker = Broker(folder.resolve() / words[2]).start()
        eventually(lambda: broker.answers(), START_S, "the broker answers")
    elif command == "stop":
        Cluster.of(folder).stop()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
