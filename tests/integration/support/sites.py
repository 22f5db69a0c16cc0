"""Several sites that know each other."""

from support.site import Site


class Sites:
    """In the order they were named: a, b = sites(...), or sites(...)["site-a"]."""

    def __init__(self, members):
        self.members = members

    def __iter__(self):
        return iter(self.members)

    def __len__(self):
        return len(self.members)

    def __getitem__(self, key):
        if isinstance(key, int):
            return self.members[key]
        return next(site for site in self.members if site.name == key)


def check_memory(sites):
    """That each has kept within its memory, as words for a report; of release builds only."""
    peaks = {site.name: site.peak_kib() for site in sites}
    assert all(peaks[site.name] <= site.memory_kib() for site in sites), peaks
    return "VmHWM " + ", ".join(f"{peak} KiB at {name}" for name, peak in peaks.items())


class Factory:
    """Makes sites and ends them all. What the fixtures `sites` and `module_sites` give."""

    def __init__(self, make_folder, world):
        self._make_folder = make_folder
        self._world = world
        self._engines = []
        self.started = []

    def __call__(
        self, names, peers=None, per_site=None, start=True, wrapper=None, program=None, **settings
    ):
        """
        names     list of site ids
        peers     who knows whom: None is everybody; {"site-a": ["site-b"]}, or for sites that are
                  elsewhere or behind a proxy {"site-a": {"site-b": "http://..."}}. A site that is
                  left out knows nobody.
        per_site  {"site-a": {...}}: settings of one site over those of all
        settings  retry_memory="1s" is --retry-memory 1s; an engine named here is that, in any world
        """
        folder = self._make_folder()
        engines = self._world.settings(names)
        self._engines.append(engines)
        members = [
            Site(
                name,
                folder / name / "data",
                settings={**engines[name], **settings, **(per_site or {}).get(name, {})},
                program=program,
                wrapper=wrapper,
            )
            for name in names
        ]
        urls = {site.name: site.url for site in members}
        for site in members:
            site.peers = _peers_of(site.name, urls, peers)
        self.started += members
        if start:
            for site in members:
                site.start()
        return Sites(members)

    def stop_all(self):
        """Every one gets its signal; the first complaint is raised at the end."""
        complaints = []
        for site in self.started:
            try:
                site.stop()
                site.check_log()
            except AssertionError as complaint:
                complaints.append(complaint)
        self.started = []
        while self._engines:
            self._world.give_back(self._engines.pop())
        if complaints:
            raise complaints[0]


def _peers_of(name, urls, peers):
    if peers is None:
        return {other: url for other, url in urls.items() if other != name}
    known = peers.get(name, ())
    if isinstance(known, dict):
        return known
    return {other: urls[other] for other in known}
