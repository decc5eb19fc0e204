"""Several servers share one host's ports 80 and 443: by the name in a TLS ClientHello, by the Host of a request.

A connection lives in one order, and the code reads in that order:

    accept -> sniff -> route -> pick -> connect -> relay -> log

`wire` says what bytes mean, `policy` says what to do about it, `flow` does it on Twisted, `service` is the only place
where they meet:

    model, places, hostnames, interfaces   frozen values of the file; one spelling of a name; the seams
    wire                           bytes in, values out: ClientHello, HTTP heads, chunks, alerts
    config                         the file: reader, schema, problems, differences
    policy                         pure decisions: sniff, routes, pool, attempts, session, exchange, outcome, health
    flow                           Twisted: listeners, fronts, dialling, relays, the one timer
    checks                         Twisted: whether servers are there
    stats                          the access log, notices, and where they go
    service, lastgood, tap         the tree, SIGHUP and the end; what is kept of a good file; the options
    command                        `pumpproxy`: run, check, route, systemd-unit

Imports go downwards only (see pyproject.toml). The longer story is docs/architecture.md.
"""

__version__ = "0.1.0"
