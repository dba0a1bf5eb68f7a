# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from bench import engines, fleet
from bench.cases import herd, identity, importing, memory, paging, references, requests, search, sessions
from bench.context import SIZES, Bench, Sizes, report_progress
from bench.rows import Row, as_json, machine, table
from tests.support import search as search_servers
from tests.support import sql

_DESCRIPTION = """Measure the service, and compare it with lower bounds (floors) and goals. A server is started
for the run, unless FREEZER_BENCH_ES_URL or FREEZER_BENCH_OPENSEARCH_URL names a search server."""

CASES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "requests": requests.run,
    "search": search.run,
    "paging": paging.run,
    "session": sessions.run,
    "references": references.run,
    "herd": herd.run,
    "import": importing.run,
    "memory": memory.run,
    "identity": identity.run,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=_DESCRIPTION)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"default: all of {', '.join(CASES)}")
    parser.add_argument("--engine", choices=engines.ENGINES, default=engines.ENGINES[0])
    parser.add_argument("--server", default="", help="version of the search server; default: the newest")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", dest="sizes", action="store_const", const="quick", help="about a minute")
    sizes.add_argument("--large", dest="sizes", action="store_const", const="large", help="1,000,000 backups")
    parser.add_argument("--jobs", type=_numbers, help="jobs of the case requests, with commas")
    parser.add_argument("--backups", type=_numbers, help="backups of the case search, with commas")
    parser.add_argument("--central-jobs", type=_numbers, help="jobs of the case paging, with commas")
    parser.add_argument("--requests", type=int, help="requests of each read per round; writes: half")
    parser.add_argument("--rounds", type=int, help="rounds; results are their medians")
    parser.add_argument("--members", type=int, help="jobs in the session of the case session")
    parser.add_argument("--herd", type=int, help="clients of the case herd")
    parser.add_argument("--writers", type=int, help="clients of the case herd that write at the same time")
    parser.add_argument("--connections", type=int, default=4, help="concurrent connections of the case requests")
    parser.add_argument("--output", type=Path, default=Path("bench-results/bench.json"))
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - CASES.keys():
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}; choose from {', '.join(CASES)}")
    if min(arguments.jobs or [fleet.MIN_JOBS]) < fleet.MIN_JOBS:
        parser.error(f"--jobs should be at least {fleet.MIN_JOBS} each")
    return arguments


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


def _sizes(arguments: argparse.Namespace) -> Sizes:
    given = {name: getattr(arguments, name, None) for name in asdict(SIZES["default"])}
    changes = {name: value for name, value in given.items() if value}
    return replace(SIZES[arguments.sizes or "default"], **changes)


def main() -> int:
    """Run the cases. A case that fails does not prevent the others; the exit code is then 1."""
    arguments = _arguments()
    # Stop the servers and remove the files even after a signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rows: list[Row] = []
    failed: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix="freezer-bench-") as name:
            directory = Path(name)
            with engines.opened(arguments.engine, arguments.server, directory / "server") as engine:
                bench = Bench(engine, _sizes(arguments), arguments.connections, directory)
                for case in arguments.cases or CASES:
                    report_progress(f"case {case}")
                    found: list[Row] = []
                    try:
                        found += CASES[case](bench)
                    except Exception:  # noqa: BLE001 - the other results are reported
                        traceback.print_exc()
                        failed.append(case)
                    rows += found
                    if found:
                        print(table(found), flush=True)
                facts = machine(engine.versions)
    except KeyboardInterrupt:
        return 130
    except (search_servers.Missing, search_servers.Failed, sql.Missing, sql.Failed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    settings = {"engine": arguments.engine, **asdict(bench.sizes)}
    arguments.output.write_text(json.dumps(as_json(rows, facts, settings), indent=2) + "\n")
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    if failed:
        print(f"bench: failed cases: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
