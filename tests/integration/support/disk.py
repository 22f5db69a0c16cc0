"""Disks that are full when a test wants it.

SmallDisk is a small tmpfs in a mount namespace of the site's own, which root may make, and others
where user namespaces are allowed. FileLimit needs nothing: no file of the process may grow.
"""

import resource
import subprocess
from pathlib import Path

FILE_LIMIT_BYTES = 4096  # every database is larger already


def _unshare():
    """The command that gives a process its own mounts, or None."""
    for command in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        probe = [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        try:
            if subprocess.run(probe, capture_output=True).returncode == 0:
                return command
        except FileNotFoundError:
            return None
    return None


class SmallDisk:
    """A folder that is a disk of so many bytes for the site that wrapper() starts."""

    def __init__(self, folder, size_bytes):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.size_bytes = size_bytes
        self.site = None
        self.unshare = _unshare()

    @property
    def possible(self):
        return self.unshare is not None

    def wrapper(self, command):
        """The command line that mounts the disk and becomes ferry, pid and all."""
        script = f'mount -t tmpfs -o size={self.size_bytes} tmpfs "$0" && exec "$@"'
        return [*self.unshare, "sh", "-c", script, str(self.folder), *command]

    def attach(self, site):
        """Once the site runs: its disk is seen through /proc."""
        self.site = site
        return self

    def _ballast(self):
        return Path(f"/proc/{self.site.pid}/root{self.folder}/ballast")

    def fill(self):
        with open(self._ballast(), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self):
        self._ballast().unlink()


class FileLimit:
    """RLIMIT_FSIZE of the running site: writes beyond the limit fail with EFBIG."""

    def __init__(self, site):
        self.site = site

    def fill(self):
        self._limit(FILE_LIMIT_BYTES)

    def free(self):
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size_bytes):
        resource.prlimit(self.site.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))
