"""What the integration tests share: real sites, a client, and other sites that misbehave.

site.py     one `ferry up` process: start, stop, kill, restart, its client
sites.py    several of them that know each other
client.py   what clients and other sites ask of a site, over HTTP
wire.py     one HTTP request, sent exactly as it is written
orders.py   replication orders, and waiting for what became of them
kafka.py    Kafka brokers, one or several; kcat.py looks at them
load.py     orders from several connections at once, and what was answered to each
hostile.py  a source site that answers as it is told to: wrong, slow, cut, not at all
proxy.py    between two sites: repeats, shuffles and holds their orders
links.py    bad lines between processes: slow, stalled, reset, refused, corrupt
racers.py   clients that make and delete the same few names at random, and what a site then shows
waiting.py  bounded waits
digest.py   SHA-256 as the APIs write it
"""
