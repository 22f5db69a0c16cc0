"""A disk that is small and can be filled: a tmpfs of its own. Needs root."""

import contextlib
import os
import subprocess

MIB = 1 << 20


class SmallDisk:
    def __init__(self, folder, mib):
        self.folder = folder
        self.filler = folder / "filler"
        folder.mkdir(parents=True)
        run("mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0755", "tmpfs", str(folder))

    def free_bytes(self):
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def fill(self, leave_bytes=0):
        """Somebody else's file takes all space but this, also while others write."""
        with open(self.filler, "ab") as file:
            while (left := self.free_bytes() - leave_bytes) > 0:
                size = os.fstat(file.fileno()).st_size + left
                with contextlib.suppress(OSError):  # somebody was faster: there is less
                    os.posix_fallocate(file.fileno(), 0, size)

    def empty(self):
        """And gives it back."""
        self.filler.unlink()

    def resize(self, mib):
        run("mount", "-o", f"remount,size={mib}m", str(self.folder))

    def close(self):
        run("umount", "--lazy", str(self.folder))


def run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def body_files_under(store):
    """Of the bodies alone, unfinished ones too: not what the store keeps besides."""
    return sorted(path.name for path in store.glob("[0-9a-f][0-9a-f]/*") if path.is_file())
