"""What the daemon costs, beside HAProxy, nginx and sniproxy: `make bench`; docs/benchmarks.md says what is measured.

    __main__        the command line
    compare         CPU a connection, a GiB, a round trip, a request; memory an idle relay
    logs            CPU a connection with an access log line for each
    scale           50,000 idle relays at once (emulated.sh: the same, where this machine's limits are lower)
    proxies         which programs are measured, and how they are run
    texts           their configuration files
    traffic         the clients and the servers (client.c, server.c), and what they say to each other
    processes       what the kernel says of a process: CPU time, memory
    machine         where and with what a figure was taken; limits; a network of our own
    figures         rounds, medians, ratios
    page            the tables of docs/benchmarks.md
    plot            its plot

Figures are the proxy's own CPU time (user and system), because clock time on a shared machine is noise.
May not: import the proxy. It is measured from outside, as installed. Linux only: it reads /proc.
"""
