# SPDX-License-Identifier: Apache-2.0
"""``freezer-manage export`` and ``import --from-export``: move all documents to another store."""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, TextIO

import freezer_api
from freezer_api.cmd.progress import Progress
from freezer_api.documents.kind import Kind
from freezer_api.errors import CommandError, SearchTooLong, Unavailable
from freezer_api.operations import archive
from freezer_api.repository.protocol import Repository
from freezer_api.repository.query import Query
from freezer_api.stores import Store

STDIO = "-"
"""The name of a file that means stdin or stdout."""


@contextlib.contextmanager
def open_repository(store: Store) -> Iterator[Repository]:
    """Yield the repository. Raises ``CommandError`` if the store cannot be used."""
    with closing(store.open(threads=1)) as repository:
        try:
            repository.check()
        except Unavailable:
            raise CommandError(
                f"the store {store} is unavailable or of another release: run 'freezer-manage db sync' first"
            ) from None
        yield repository


def export(store: Store, kinds: Sequence[Kind], name: str) -> None:
    """Write all documents of the kinds to the file, or to stdout. Print their numbers and their digest.

    The file appears when it is complete, and replaces an older one.
    """
    with open_repository(store) as repository, _created(name) as file:
        exported = archive.Export(repository, kinds, freezer_api.__version__)
        progress = Progress()
        file.write(exported.header())
        for kind in kinds:
            with progress.task(f"Exporting {kind.name}", _number(repository, kind)) as advance:
                for line in exported.documents(kind):
                    file.write(line)
                    advance(1)
        file.write(exported.footer())
    lines = [f"Exported {kind_name}: {count}" for kind_name, count in exported.counts.items()]
    lines.append(f"SHA-256 of the documents: {exported.digest}")
    report = sys.stderr if name == STDIO else sys.stdout
    # print() would write to stdout if stderr is closed.
    if report is not None:
        print(*lines, sep="\n", file=report)


def _number(repository: Repository, kind: Kind) -> int | None:
    """Return the number of documents, None if the store takes too long to count them."""
    try:
        return repository.search(kind, Query(limit=1, with_total=True)).total
    except (SearchTooLong, Unavailable):
        return None


@contextlib.contextmanager
def _created(name: str) -> Iterator[IO[bytes]]:
    """Yield a file that gets its name when it is complete. Only its owner can read it. ``-`` is stdout."""
    try:
        if name == STDIO:
            yield _open_stream(sys.stdout, "write stdout").buffer
            sys.stdout.buffer.flush()
            return
        path = _target(name)
        number, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
        try:
            with open(number, "wb") as file:
                yield file
                file.flush()
                os.fsync(number)
            os.replace(part, path)
        except BaseException:
            # It is missing if a signal arrives just after it got its name.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
            raise
        _sync_directory(path.parent)
    except OSError as error:
        if name == STDIO:
            # Set stdout to None, because otherwise the process would try to write its buffer again at its end.
            sys.stdout = None
        raise CommandError(f"cannot write {_shown(name, 'stdout')}: {error.strerror}") from None


def _target(name: str) -> Path:
    """Return the path to replace. Raises ``CommandError`` if it is a device, a pipe or a directory."""
    path = Path(os.path.realpath(name))
    if name.endswith("/"):
        raise CommandError(f"cannot write {name}: it is not a regular file; '-' means stdout")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise CommandError(f"cannot write {name}: it is not a regular file; '-' means stdout")
    return path


def _sync_directory(path: Path) -> None:
    """Make the name of a new file survive a power cut."""
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def restore(store: Store, kinds: Sequence[Kind], name: str, *, is_trial: bool) -> int:
    """Import the documents of the kinds from the file, or from stdin, and print the counts.

    Return 1 if the store has a different document with the same id, or accepts no document of that size.
    """
    progress = Progress()
    shown = _shown(name, "stdin")
    with open_repository(store) as repository, _opened(name, shown) as file:
        total = None
        if file.seekable():
            # A damaged file is recognized before the first document is imported. Pipes are checked at their end.
            total = sum(archive.check(file, shown).values())
            file.seek(0)
        restored = archive.Restore(repository, kinds, is_trial=is_trial, report=progress.print_error)
        with progress.task("Importing documents", total) as advance:
            restored.run(archive.Reader(file, shown).documents(), advance)
    remark = " (dry run: nothing was changed)" if is_trial else ""
    for kind_name, count in restored.counts.items():
        refused = f", {count.refused} refused" if count.refused else ""
        numbers = f"{count.new} new, {count.existing} existing, {count.different} different"
        print(f"Imported {kind_name}: {numbers}{refused}{remark}")
    return 1 if any(count.different or count.refused for count in restored.counts.values()) else 0


@contextlib.contextmanager
def _opened(name: str, shown: str) -> Iterator[IO[bytes]]:
    try:
        with _open_stream(sys.stdin, "read stdin").buffer if name == STDIO else open(name, "rb") as file:
            yield file
    except OSError as error:
        raise CommandError(f"cannot read {shown}: {error.strerror}") from None


def _open_stream(stream: TextIO | None, use: str) -> TextIO:
    """Return the stream. Raises ``CommandError`` if it was closed before the process started."""
    if stream is None:
        raise CommandError(f"cannot {use}, because it is closed")
    return stream


def _shown(name: str, stream: str) -> str:
    return stream if name == STDIO else name
