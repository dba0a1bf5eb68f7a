"""What every test may ask for: servers that are not ours, started once per run."""

pytest_plugins = ["tests.servers.fixtures", "tests.servers.identity"]
