"""Policy's decisions, done on Twisted. May not: decide, or know a feature's name where a Step will do."""
