"""The demo: three sites on this machine replicate real files, every copy proven byte for byte.

Environment: DIR=folder (default: files found on this machine), KEEP=1 leaves the sites running,
BREAK=1 flips one stored byte and must end in one difference, ENGINES=real starts a Kafka, a
PostgreSQL and a Redis, and gives each site an API and two workers, one of which is killed for good.
Exit: 0 no differences, 1 some.

What is compared is each source file's sha256sum with the sha256sum of what curl fetched from each
site; Ferry's own hashes are not asked.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from servers import Engines, start_engines

FERRY = Path("build/release/ferry").resolve()
SITES = ["paris", "lyon", "nice"]
UPLOAD_TO = ["paris", "lyon"]  # half of the files each
KILLED = "nice"
WORKERS = 2  # of a site on real engines
DELETE_EVERY = 40  # every so manieth file is deleted again
CLIENT = "demo-client"
BUCKET = "files"
FILES_MIN = 10
FILES_MAX = 2000
BYTES_MAX = 200 * 1000 * 1000
FILE_BYTES_MAX = 12 * 1000 * 1000
LARGE_BYTES = 300 * 1000  # larger files get three quarters of the bytes, the many the rest
AWAY = 5  # exit code: an engine does not answer
STILL_S = 120  # without any progress, of replication or deletes, before the demo gives up
SHOW_EVERY_S = 0.25  # as often as a person wants to see it
NAME_BYTES_MAX = 1023  # of an object
FOUND_IN = ["/usr/share", "/usr/lib", "/usr/include", "/usr/bin", "/etc"]


def say(text: str = "") -> None:
    print(text, flush=True)


class Process:
    """One process of a site; its port has its /metrics."""

    def __init__(self, name: str, role: str, port: int):
        self.name, self.role, self.port = name, role, port
        self.child: subprocess.Popen | None = None
        self.retries = 0  # of runs that have ended

    def start(self, options: list[str], root: Path) -> None:
        listen = "--admin" if self.role == "worker" else "--listen"
        command = [str(FERRY), self.role, listen, f"127.0.0.1:{self.port}", *options]
        log = open(root / f"{self.name}.log", "ab")
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        if not self.child.stdout.readline().startswith(b"ferry: site"):
            sys.exit(f"demo: {self.name} did not start; see {log.name}")

    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def stop(self, number: int) -> None:
        self.child.send_signal(number)
        self.child.wait()
        self.child.stdout.close()

    def retries_now(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        wanted = ("ferry_retry_total", "ferry_send_retry_total")
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(wanted))


class Site:
    """One `ferry up`; on real engines an API and workers, each a process of its own."""

    def __init__(self, name: str, ports: list[int], root: Path, engines: Engines | None):
        self.name, self.root = name, root
        self.apart = engines is not None
        roles = ["api"] + ["worker"] * WORKERS if self.apart else ["up"]
        names = [name] + [f"{name}-worker-{i + 1}" for i in range(WORKERS)]
        self.processes = [Process(*each) for each in zip(names, roles, ports)]
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.options = ["--site", name, "--data", str(root / name)]
        if engines:
            self.options += ["--public-url", self.url, *engines.options(name)]
        self.last_s = 0.0  # when its last object was seen

    @property
    def victim(self) -> Process:
        """The one that is killed: the site itself, or one of its workers."""
        return self.processes[-1]

    def know(self, peers: list["Site"]) -> None:
        for peer in peers:
            if peer is not self:
                self.options += ["--peer", f"{peer.name}={peer.url}"]

    def start(self) -> None:
        for process in self.processes:
            process.start(self.options, self.root)

    def stop(self, number: int) -> None:
        for process in reversed(self.processes):
            if process.running():
                process.stop(number)

    def retries(self) -> int:
        return sum(p.retries + (p.retries_now() if p.running() else 0) for p in self.processes)

    def status(self, timeout_s: float = 5) -> dict | None:
        """None when it is down."""
        try:
            with urllib.request.urlopen(f"{self.url}/ferry/v1/status", timeout=timeout_s) as answer:
                return json.load(answer)
        except OSError:
            return None

    def ferry(self, *words: str, patience_s: float = 0) -> str:
        """What it prints. patience_s: it is asked again for so long while an engine is away."""
        environment = dict(os.environ, FERRY_URL=self.url, FERRY_CLIENT=CLIENT)
        until = time.monotonic() + patience_s
        while True:
            done = subprocess.run([str(FERRY), *words], env=environment, capture_output=True, text=True)
            if done.returncode != AWAY or time.monotonic() > until:
                break
            time.sleep(SHOW_EVERY_S)
        if done.returncode != 0:
            sys.exit(f"demo: ferry {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def object_url(self, name: bytes) -> str:
        query = {"acct": CLIENT, "ref": BUCKET, "path": name}
        return f"{self.url}/ferry/v1/content?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def find_files() -> list[Path]:
    """Files to replicate: all of DIR, or some 2,000 of this machine with many folders and sizes."""
    folders = [os.environ["DIR"]] if os.environ.get("DIR") else FOUND_IN
    found, unnamed = [], 0
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                if path.is_symlink() or not path.is_file() or not os.access(path, os.R_OK):
                    continue
                if is_object_name(path):
                    found.append(path)
                else:
                    unnamed += 1
    if unnamed:
        say(f"files left out: {unnamed} (an object's name is 1-{NAME_BYTES_MAX} bytes of UTF-8)")
    if len(found) < FILES_MIN:
        sys.exit(f"demo: fewer than {FILES_MIN} files in {' '.join(folders)}; DIR names another folder")
    if os.environ.get("DIR"):
        return sorted(found)
    # Evenly over all that was found, so that neighbours in a folder do not crowd out the rest.
    found.sort(key=lambda path: hash_of_text(str(path)))
    sizes = {path: path.stat().st_size for path in found}
    large = [path for path in sizes if LARGE_BYTES <= sizes[path] <= FILE_BYTES_MAX]
    small = [path for path in sizes if sizes[path] < LARGE_BYTES]
    chosen, size = [], 0
    for path in large + small:
        budget = BYTES_MAX * 3 // 4 if sizes[path] >= LARGE_BYTES else BYTES_MAX
        if size + sizes[path] > budget or len(chosen) == FILES_MAX:
            continue
        chosen.append(path)
        size += sizes[path]
    return chosen


def hash_of_text(text: str) -> int:
    value = 1469598103934665603  # FNV-1a: the same choice at every run
    for byte in os.fsencode(text):
        value = ((value ^ byte) * 1099511628211) % (1 << 64)
    return value


def is_object_name(path: Path) -> bool:
    name = os.fsencode(path)
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return len(name) <= NAME_BYTES_MAX


class Tree:
    """Copies of the files, in one folder for each upload; names are paths from their root."""

    def __init__(self, files: list[Path], root: Path):
        self.halves = [root / f"upload-{site}" for site in UPLOAD_TO]
        self.names: list[bytes] = []
        self.paths: list[Path] = []
        base = Path(os.environ["DIR"]) if os.environ.get("DIR") else Path("/")
        for i, source in enumerate(files):
            name = source.relative_to(base)
            target = self.halves[i % len(self.halves)] / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            self.names.append(os.fsencode(name))
            self.paths.append(target)
        self.bytes = sum(path.stat().st_size for path in self.paths)


def sha256sums(paths: list[Path]) -> list[str]:
    """By sha256sum(1); "missing" for a file that is not there."""
    there = [path for path in paths if path.exists()]
    sums = {}
    for at in range(0, len(there), 500):
        part = there[at : at + 500]
        done = subprocess.run(["sha256sum", "--zero", "--", *part], capture_output=True, check=True)
        for line, path in zip(done.stdout.split(b"\0"), part):
            sums[path] = line[:64].decode()
    return [sums.get(path, "missing") for path in paths]


def show(sites: list[Site], wanted: int, started: float) -> list[dict | None]:
    """One progress line; the statuses, None for a site that is down."""
    with ThreadPoolExecutor(len(sites)) as pool:
        statuses, texts = list(pool.map(Site.status, sites)), []
    for site, status in zip(sites, statuses):
        if status is None:
            texts.append(f"{site.name} down")
            continue
        count = status["objects"]
        behind = sum(target["lag"] or 0 for target in status["targets"])
        texts.append(f"{site.name} {count}/{wanted} (to send {behind})")
    line = f"{time.monotonic() - started:5.1f} s   " + "   ".join(texts)
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    else:
        say(line)
    return statuses


def waiting(status: dict) -> int:
    """Orders that a site has yet to do something with."""
    queues = [status["routing"], status["incoming"], *status["targets"]]
    if any(queue["lag"] is None for queue in queues):
        return 1  # at least: nobody knows while the queue does not answer
    return status["outbox"] + sum(queue["lag"] for queue in queues)


def settled(statuses: list[dict | None], wanted: int) -> bool:
    return all(
        status is not None and status["objects"] == wanted and waiting(status) == 0
        for status in statuses
    )


class Patience:
    """Ends the demo when nothing has moved for STILL_S; a large DIR may take as long as it needs."""

    def __init__(self, message: str):
        self.message, self.seen, self.since = message, None, time.monotonic()

    def check(self, statuses: list[dict | None]) -> None:
        now = [status and (status["objects"], waiting(status)) for status in statuses]
        if now != self.seen:
            self.seen, self.since = now, time.monotonic()
        elif time.monotonic() - self.since > STILL_S:
            sys.exit(f"demo: {self.message}; the logs of the sites are in the folder named above")


def upload(site: Site, folder: Path) -> subprocess.Popen:
    environment = dict(os.environ, FERRY_URL=site.url, FERRY_CLIENT=CLIENT)
    return subprocess.Popen(
        [str(FERRY), "put", str(folder), BUCKET],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def kill(site: Site, count: int) -> None:
    process = site.victim
    process.retries += process.retries_now()
    process.stop(signal.SIGKILL)
    say(f"\n         SIGKILL to {process.name} with {count} objects there")
    if site.apart:
        say("         its partitions are the other worker's once Kafka misses it (15 s)")


def replicate(sites: list[Site], tree: Tree, started: float) -> None:
    """Uploads, kills one site on the way, and waits until every site has everything."""
    by_name = {site.name: site for site in sites}
    uploads = [upload(by_name[name], half) for name, half in zip(UPLOAD_TO, tree.halves)]
    victim, killed_at, back = by_name[KILLED], 0.0, False
    wanted = len(tree.names)
    patience = Patience("the sites did not settle")
    while True:
        statuses = show(sites, wanted, started)
        patience.check(statuses)
        now = time.monotonic()
        status = statuses[sites.index(victim)]
        if not killed_at and status is not None and status["objects"] >= wanted // 5:
            kill(victim, status["objects"])
            killed_at = now
            back = victim.apart  # the other worker does it all
        elif killed_at and not back and now - killed_at >= 1:
            victim.start()
            back = True
            say(f"\n         {victim.name} started again")
        for one in uploads:
            if one.poll() not in (None, 0):
                sys.exit(f"demo: an upload failed: {one.stdout.read().decode().strip()}")
        for site, status in zip(sites, statuses):
            if status is not None and status["objects"] == wanted and not site.last_s:
                site.last_s = now
        if back and all(one.poll() == 0 for one in uploads) and settled(statuses, wanted):
            say()
            return
        time.sleep(SHOW_EVERY_S)


def delete_some(sites: list[Site], tree: Tree) -> set[int]:
    gone = set(range(7, len(tree.names), DELETE_EVERY))
    for count, i in enumerate(sorted(gone)):
        site = sites[count % len(sites)]
        site.ferry("rm", f"{BUCKET}/{os.fsdecode(tree.names[i])}")
    for site in sites:
        if site.apart and site.name == KILLED:
            say(f"what waits at {site.name}, by ferry lag:\n{site.ferry('lag', patience_s=STILL_S)}")
    started, wanted = time.monotonic(), len(tree.names) - len(gone)
    patience = Patience("the deletes did not arrive everywhere")
    while not settled(statuses := show(sites, wanted, started), wanted):
        patience.check(statuses)
        time.sleep(SHOW_EVERY_S)
    say()
    return gone


def break_one(site: Site, tree: Tree, gone: set[int]) -> None:
    """Flips one bit in the middle of one stored body, behind Ferry's back."""
    bodies: dict[int, list[Path]] = {}
    for path in (site.root / site.name / "store").glob("??/*"):
        if path.is_file():
            bodies.setdefault(path.stat().st_size, []).append(path)
    kept = [path.stat().st_size for i, path in enumerate(tree.paths) if i not in gone]
    # A kill leaves bodies that are nobody's until they are swept: only a size that one body has is
    # surely the body of an object.
    single = [size for size in kept if size > 0 and len(bodies.get(size, [])) == 1]
    if not single:
        sys.exit(f"demo: BREAK=1 finds no body of {site.name} that it can tell from all others")
    body = bodies[max(single)][0]
    with open(body, "r+b") as file:
        file.seek(body.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    say(f"BREAK=1: one bit flipped in a body of {site.name}")


def fetch_all(site: Site, tree: Tree, folder: Path) -> list[Path]:
    """Every object of one site by curl, 16 at a time; an object that is not there gives no file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    targets = [folder / str(i) for i in range(len(tree.names))]
    config = folder / "curl.config"
    with open(config, "w") as file:
        file.write('fail\nsilent\nparallel\nparallel-max = 16\n')
        file.write(f'header = "x-clonecloudstore-client-id: {CLIENT}"\n')
        for name, target in zip(tree.names, targets):
            file.write(f'url = "{site.object_url(name)}"\noutput = "{target}"\n')
    # Exits non-zero, as it must, for what was deleted; what counts is which files it left.
    subprocess.run(["curl", "-K", str(config)], check=False, stderr=subprocess.DEVNULL)
    return targets


def compare(sites: list[Site], tree: Tree, gone: set[int], root: Path) -> int:
    wanted = sha256sums(tree.paths)
    differences = 0
    for site in sites:
        sums = sha256sums(fetch_all(site, tree, root / "fetched"))
        for i, (want, got) in enumerate(zip(wanted, sums)):
            expected = "missing" if i in gone else want
            if got != expected:
                differences += 1
                if differences <= 10:
                    say(f"  {site.name}: {os.fsdecode(tree.names[i])}: {got[:16]}, not {expected[:16]}")
        say(f"fetched and compared: {site.name}")
    shutil.rmtree(root / "fetched")
    return differences


def table(sites: list[Site], began: float) -> None:
    say(f"\n{'site':8} {'objects':>8} {'bytes':>12} {'objects/s':>10} {'retries':>8}")
    for site in sites:
        status = site.status()
        seconds = max(site.last_s - began, 0.001)
        rate = round(status["objects"] / seconds)
        say(
            f"{site.name:8} {status['objects']:8} {status['bytes']:12} {rate:10}"
            f" {site.retries():8}"
        )


def next_steps(sites: list[Site], root: Path, engines: Engines | None) -> None:
    say(f"\nThe sites are running; their data and logs are in {root}. Try:")
    say(f"  export FERRY_URL={sites[0].url} FERRY_CLIENT={CLIENT}")
    say("  build/release/ferry status")
    say(f"  build/release/ferry ls {BUCKET} | head")
    say(f"  echo hello | build/release/ferry put - {BUCKET}/hello.txt")
    say(f"  build/release/ferry stat {BUCKET}/hello.txt")
    say("  build/release/ferry lag")
    say(f"  curl {sites[0].url}/metrics")
    processes = [process for site in sites for process in site.processes if process.running()]
    say(f"Stop them: kill {' '.join(str(process.child.pid) for process in processes)}")
    if engines:
        say(f"Then their servers: kill {' '.join(map(str, engines.pids()))}")
        say(f"and what they kept: rm -r {' '.join(map(str, engines.folders()))}")


def open_engines(root: Path) -> Engines | None:
    if not os.environ.get("ENGINES"):
        return None
    say("starting a Kafka, a PostgreSQL and a Redis")
    return start_engines(root / "servers", SITES)


def main() -> int:
    files = find_files()
    root = Path(tempfile.mkdtemp(prefix="ferry-demo-"))
    keep = bool(os.environ.get("KEEP"))
    sites: list[Site] = []
    engines, finished = None, False
    try:
        tree = Tree(files, root)
        say(f"{len(tree.names)} files, {tree.bytes / 1e6:.0f} MB; sites and copies in {root}")
        engines = open_engines(root)
        each = 1 + WORKERS if engines else 1
        ports = free_ports(each * len(SITES))
        sites += [Site(name, ports[i * each :][:each], root, engines) for i, name in enumerate(SITES)]
        for site in sites:
            site.know(sites)
        for site in sites:
            site.start()
            say(f"{site.name}: {site.url}" + (f" and {WORKERS} workers" if site.apart else ""))
        for site in sites:
            site.status(STILL_S)  # a new topic of Kafka is slow to answer for the first time
        sites[0].ferry("bucket", "mk", BUCKET)
        started = time.monotonic()
        while BUCKET not in sites[1].ferry("bucket", "ls"):
            if time.monotonic() - started > STILL_S:
                sys.exit("demo: the bucket did not reach the second site")
            time.sleep(0.05)
        began = time.monotonic()
        replicate(sites, tree, began)
        say(f"replicated in {time.monotonic() - began:.1f} s; now deleting every {DELETE_EVERY}th")
        gone = delete_some(sites, tree)
        say(f"deleted {len(gone)} objects on all sites")
        if os.environ.get("BREAK"):
            break_one(sites[-1], tree, gone)
        differences = compare(sites, tree, gone, root)
        table(sites, began)
        say(f"\ndifferences: {differences}")
        finished = True
        if keep:
            next_steps(sites, root, engines)
        else:
            say("Next: KEEP=1 ./run demo leaves the sites running; README.md has the first steps by hand.")
        return 0 if differences == 0 else 1
    finally:
        if not (keep and finished):
            for site in sites:
                site.stop(signal.SIGTERM)
            if engines:
                engines.stop()
            if finished:
                shutil.rmtree(root)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted")
