"""How the servers that tests talk to are started: real processes on loopback, each on a port of its own."""
