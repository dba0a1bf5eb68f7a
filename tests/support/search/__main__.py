"""Starts, stops and uses a real Elasticsearch or OpenSearch server. See README.rst beside this."""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tests.support.search import Failed, Missing, jdk
from tests.support.search.assembly import assembled, cache
from tests.support.search.cluster import Cluster, Wish
from tests.support.search.given import VARIABLES, addresses, ca_variable
from tests.support.search.node import Node
from tests.support.search.versions import ENGINES, choose

_NOTHING_RUNS = 3


def main() -> int:
    arguments = _parser().parse_args()
    try:
        code: int = arguments.call(arguments)
        return code
    except (Failed, Missing) as error:
        _say(f"error: {error}", sys.stderr)
        return 1


def _say(text: str, to: Any = sys.stdout) -> None:
    to.write(f"{text}\n")
    to.flush()


# What the commands do


def resolve(arguments: argparse.Namespace) -> int:
    version = choose(arguments.engine, arguments.version, secure=arguments.secure)
    _say(str(assembled(version, jdk.find(version))))
    return 0


def run(arguments: argparse.Namespace) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    folder = _folder(arguments.name or f"run-{os.getpid()}")
    try:
        cluster = _start(arguments, folder, tied=True)
        return _execute(arguments.command, os.environ | _environment(cluster))
    finally:
        if folder.exists():
            Cluster.load(folder).stop()
            if not arguments.keep_logs:
                shutil.rmtree(folder)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _execute(command: list[str], environment: dict[str, str]) -> int:
    """The command's exit code, as a shell gives it. Ctrl-C reaches the command as well, and it decides."""
    try:
        process = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise Failed(f"cannot run {command[0]}: {error.strerror}") from error
    try:
        while True:
            with suppress(KeyboardInterrupt):
                code = process.wait()
                return code if code >= 0 else 128 - code
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def start(arguments: argparse.Namespace) -> int:
    """The last line that it prints is the address."""
    cluster = _start(arguments, _folder(arguments.name or "default"), tied=False)
    for name, value in _environment(cluster).items():
        _say(f"{name}={value}")
    _say(cluster.url)
    return 0


def _start(arguments: argparse.Namespace, folder: Path, *, tied: bool) -> Cluster:
    if folder.exists():
        if any(node.alive for node in Cluster.load(folder).nodes):
            raise Failed(f"{folder.name} runs already")
        shutil.rmtree(folder)
    began = time.monotonic()
    cluster = Cluster.make(_wish(arguments), folder, tied=tied)
    made = time.monotonic()
    cluster.start(timeout=arguments.timeout)
    times = f"prepared in {made - began:.1f} s, started in {time.monotonic() - made:.1f} s"
    _say(f"{cluster.engine} {cluster.version}, {len(cluster.nodes)} node(s): {times}", sys.stderr)
    return cluster


def _wish(arguments: argparse.Namespace) -> Wish:
    return Wish(
        arguments.engine,
        arguments.version,
        arguments.nodes,
        arguments.secure,
        arguments.heap,
        dict(setting.split("=", 1) for setting in arguments.setting),
        arguments.port,
        arguments.data,
    )


def _environment(cluster: Cluster) -> dict[str, str]:
    """What `given` reads, added to what was given before, and the name for `node`."""
    variable = VARIABLES[cluster.engine]
    before = [os.environ[variable]] if os.environ.get(variable) else []
    environment = {
        variable: ",".join([*before, addresses([cluster])]),
        variable.replace("_URL", "_NAME"): cluster.folder.name,
    }
    if cluster.access.ca is not None:
        environment[ca_variable(cluster.engine)] = str(cluster.access.ca)
    return environment


def stop(arguments: argparse.Namespace) -> int:
    cluster = _load(arguments.name)
    cluster.stop()
    shutil.rmtree(cluster.folder)
    return 0


def status(_: argparse.Namespace) -> int:
    clusters = [Cluster.load(saved.parent) for saved in sorted(_folder("").glob("*/cluster.json"))]
    for cluster in clusters:
        for node in cluster.nodes:
            server = f"{cluster.folder.name} {cluster.engine} {cluster.version}"
            _say(f"{server} {node.name} {node.url} {_state(cluster, node)}")
    return 0 if any(node.alive for cluster in clusters for node in cluster.nodes) else _NOTHING_RUNS


def _state(cluster: Cluster, node: Node) -> str:
    if node.pid is None:
        return "down"
    try:
        _, health = cluster.access.request("GET", f"{node.url}/_cluster/health?local=true", timeout=2)
        return f"pid {node.pid} {health['status']}"
    except (OSError, ValueError, KeyError):
        return f"pid {node.pid} does not answer"


def act(arguments: argparse.Namespace) -> int:
    """On one node. One that is started this way is not tied to `run`: it ends with it only if `run` ends well."""
    cluster = replace(_load(arguments.name), tied=False)
    if not 0 < arguments.number <= len(cluster.nodes):
        raise Failed(f"{arguments.name} has no node {arguments.number}")
    getattr(cluster, arguments.action)(cluster.nodes[arguments.number - 1])
    return 0


def _load(name: str) -> Cluster:
    folder = _folder(name)
    if not folder.exists():
        raise Failed(f"{name} does not run")
    return Cluster.load(folder)


def _folder(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9._-]*", name) or ".." in name:
        raise Failed(f"{name!r} is no name")
    return cache() / "run" / name


# What one can say


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.support.search", description=__doc__)
    commands = parser.add_subparsers(required=True)
    _version_options(_command(commands, "resolve", resolve, "put a server into the cache and print its folder"))
    _start_options(_command(commands, "start", start, "start in the background; the last line is the address"))
    runner = _command(commands, "run", run, "start, run a command that finds the address in its environment, stop")
    _start_options(runner)
    runner.add_argument("--keep-logs", action="store_true", help="leave configuration, logs and data behind")
    runner.add_argument("command", nargs="+", metavar="-- COMMAND")
    stopper = _command(commands, "stop", stop, "stop what `start` has started")
    stopper.add_argument("--name", default="default")
    _command(commands, "status", status, f"list the nodes; exit code {_NOTHING_RUNS} when none runs")
    actor = _command(commands, "node", act, "do something to one node")
    actor.add_argument("action", choices=["kill", "stop", "pause", "resume", "start"])
    actor.add_argument("number", type=int, help="1 for node-1, and so on")
    actor.add_argument("--name", default="default")
    return parser


def _command(commands: Any, name: str, call: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(call=call)
    return parser


def _version_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--version", default="", help="a major or an exact version; default: the engine's first")
    parser.add_argument("--secure", action="store_true", help="TLS and a password, for elasticsearch 8")


def _start_options(parser: argparse.ArgumentParser) -> None:
    _version_options(parser)
    parser.add_argument("--name", help="to have several at once")
    parser.add_argument("--nodes", type=int, default=1, help="one process each")
    parser.add_argument("--heap", default="512m", help="of each node (512m)")
    parser.add_argument(
        "--port", type=int, default=0, help="of the first node, the others follow; default: free ones"
    )
    parser.add_argument("--data", type=Path, help="a folder for data that outlive the server")
    parser.add_argument("--timeout", type=int, default=120, help="how many seconds a start may take (120)")
    setting = parser.add_argument("-E", action="append", default=[], dest="setting", metavar="KEY=VALUE")
    setting.help = "one more setting of the nodes"


if __name__ == "__main__":
    sys.exit(main())
