"""The command `ferry` as a client of a site, and what it tells the shell."""

import json
import subprocess

from support.site import binary, environment

DONE, ERROR, USAGE, SOME_FAILED, NOT_FOUND, TEMPORARY, REFUSED = range(7)
NOTHING, TIMED_OUT, DIFFERENT, INTERRUPTED = 9, 10, 11, 130
CALL_S = 60.0


class Ran:
    """What one call of the command left behind."""

    def __init__(self, words, process):
        self.words = words
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr.decode(errors="replace")

    def must(self, code=DONE):
        assert self.code == code, f"ferry {self.words}: exit {self.code}\n{self.text}\n{self.err}"
        return self

    @property
    def text(self):
        return self.out.decode(errors="replace")

    def json(self):
        return json.loads(self.out)

    def lines(self):
        """Of a listing with --json: one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Ferry:
    """Calls the command as a client of one site."""

    def __init__(self, url, client="client-1", call_s=CALL_S):
        self.call_s = call_s
        self.env = {**environment(), "FERRY_URL": url}
        if client is not None:
            self.env["FERRY_CLIENT"] = client

    def __call__(self, *words, stdin=b"", cwd=None):
        process = subprocess.run(
            [binary(), *map(str, words)], input=stdin, capture_output=True, env=self.env, cwd=cwd,
            timeout=self.call_s)  # fmt: skip
        return Ran(words, process)

    def begin(self, *words, **pipes):
        return subprocess.Popen([binary(), *map(str, words)], env=self.env, **pipes)
