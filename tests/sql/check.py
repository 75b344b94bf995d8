"""What morph-kgc, DuckDB and PostgreSQL make of the databases and scripts that kledger writes.

    check.py KLEDGER

runs the binary KLEDGER in a copy of a repository of tests/fixtures. `make test-sql` provides what it needs, but for
PostgreSQL, which is left out, and that is said, where Debian's package is not installed.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import morph_kgc
from rdflib import Graph
from rdflib.compare import isomorphic

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests/fixtures/format/full-0002"
KLEDGER = Path(sys.argv[1]).resolve()
REVISIONS = ["HEAD", "HEAD~1", "HEAD~2", "HEAD~3", "HEAD~5"]


def run(repository, *words):
    done = subprocess.run([KLEDGER, *words], cwd=repository, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{words} ended with {done.returncode}"
    return done.stdout


def exported(repository, name, revision):
    """The facts of a version with their words, as they go out as RDF, and as a database and a script."""
    work = repository / name
    work.mkdir()
    for form in ["nt", "sqlite", "sql"]:
        run(repository, "export", "--format", form, revision, str(work / f"{form}.out"))
    graph = Graph().parse(work / "nt.out", format="nt")
    return graph, work


def another_engine(graph, mapping, url):
    """morph-kgc reads the database by the mapping."""
    config = (
        "[CONFIGURATION]\noutput_format=N-TRIPLES\nlogging_level=ERROR\n"
        f"[DataSource]\nmappings={mapping}\ndb_url={url}\n"
    )
    made = morph_kgc.materialize(config)
    assert isomorphic(made, graph), f"{made.serialize()} is not {graph.serialize()}"


def queries(work):
    """The queries of the mapping."""
    texts = re.findall(r'rr:sqlQuery "((?:[^"\\]|\\.)*)"', (work / "sql.r2rml.ttl").read_text())
    return [text.encode().decode("unicode_escape") for text in texts]


def duckdb_runs(graph, work):
    """DuckDB runs the script, and the queries of the mapping give as many rows as there are triples."""
    database = duckdb.connect()
    database.execute((work / "sql.out").read_text())
    rows = sum(len(database.execute(query).fetchall()) for query in queries(work))
    assert rows == len(graph), f"{rows} rows, {len(graph)} triples"


@contextlib.contextmanager
def postgres():
    """A PostgreSQL of its own: a function that runs SQL in a database of it, and where its socket is; nothing where there is none."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        print("SKIPPED: PostgreSQL is not installed (sudo apt-get install postgresql)", file=sys.stderr)
        yield None, None
        return
    programs = programs[-1].parent
    # It refuses to run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as place:
        if user:
            shutil.chown(place, "postgres")
        data = f"{place}/data"
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
        subprocess.run([*user, programs / "initdb", "-A", "trust", "-U", "me", "--no-sync", "-D", data], **quiet)
        options = f"-k {place} -c listen_addresses='' -c fsync=off"
        control = [*user, programs / "pg_ctl", "-w", "-D", data]
        subprocess.run([*control, "-o", options, "-l", f"{place}/log", "start"], **quiet)

        def run_sql(name, sql):
            words = ["psql", "-h", place, "-U", "me", "-d", name, "-v", "ON_ERROR_STOP=1", "-qAt"]
            return subprocess.run(words, input=sql, check=True, stdout=subprocess.PIPE, text=True).stdout

        try:
            yield run_sql, place
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


def postgres_runs(run_sql, name, graph, work):
    """PostgreSQL does so too."""
    run_sql("postgres", f"CREATE DATABASE {name};")
    run_sql(name, (work / "sql.out").read_text())
    counts = [run_sql(name, f"SELECT count(*) FROM ({query}) AS q;") for query in queries(work)]
    rows = sum(int(count) for count in counts)
    assert rows == len(graph), f"{rows} rows, {len(graph)} triples"


def postgres_is_written(repository, place, name, graph, revision):
    """What kledger writes to PostgreSQL, morph-kgc reads there."""
    run(repository, "export", "--format", "postgres", "--schema", "kb", revision, f"host={place} user=me dbname={name}")
    mapping = repository / "kb.r2rml.ttl"
    another_engine(graph, mapping, f"postgresql+psycopg://me@/{name}?host={place}")
    mapping.unlink()


with postgres() as (run_sql, socket), tempfile.TemporaryDirectory() as work:
    repository = Path(work) / "repository"
    shutil.copytree(FIXTURE, repository)
    counts = []
    for number, revision in enumerate(REVISIONS):
        graph, place = exported(repository, str(number), revision)
        another_engine(graph, place / "sqlite.r2rml.ttl", f"sqlite:///{place / 'sqlite.out'}")
        duckdb_runs(graph, place)
        if run_sql:
            postgres_runs(run_sql, f"v{number}", graph, place)
            postgres_is_written(repository, socket, f"v{number}", graph, revision)
        counts.append(len(graph))
    assert max(counts) > 3, counts
    print(f"ok  morph-kgc makes the triples of {len(REVISIONS)} versions ({counts}) of their databases")
    print("ok  DuckDB runs their scripts")
    if run_sql:
        print("ok  PostgreSQL runs their scripts, and morph-kgc makes the triples of what is written there")
