"""Health checks, done on Twisted: what is asked of servers, and when. May not: know of connections from clients."""
