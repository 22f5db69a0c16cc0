"""`ferry api` and `ferry worker`: a site of several processes on shared engines."""

from support.site import Site


class Part(Site):
    """One process of a site; its URL is where the API listens, or a worker's metrics and health."""

    def __init__(self, role, number, name, folder, peers=None, settings=None):
        super().__init__(name, folder / "data", peers=peers, settings=settings)
        self.role = role
        self.log = folder / f"{role}-{number}.log"

    def command(self):
        words = [self.program, self.role, "--site", self.name, "--data", str(self.data)]
        words += ["--listen" if self.role == "api" else "--admin", f"127.0.0.1:{self.port}"]
        return words + self.options()


class Parts:
    """A site: APIs and workers that share its engines and its folder."""

    def __init__(self, name, folder, apis=1, workers=1, **settings):
        self.name = name
        self.apis = [Part("api", i, name, folder, settings=settings) for i in range(apis)]
        self.workers = [Part("worker", i, name, folder, settings=settings) for i in range(workers)]

    @property
    def url(self):
        """Under which the others know the site."""
        return self.apis[0].url

    @property
    def all(self):
        return [*self.workers, *reversed(self.apis)]

    def know(self, *others):
        for part in self.all:
            part.peers = {other.name: other.url for other in others}
            part.settings["public_url"] = self.url

    def start(self):
        for part in self.all:
            part.start()
        return self

    def stop(self):
        """Each ends by itself, with exit code 0 and no report of a sanitizer."""
        for part in self.all:
            part.stop()
            part.check_log()

    def kill(self):
        for part in self.all:
            part.kill()
