"""What morph-kgc and DuckDB make of the databases and scripts that kledger writes.

    check.py KLEDGER

runs the binary KLEDGER in a copy of a repository of tests/fixtures. `make test-sql` provides what it needs.
"""

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


def another_engine(graph, work):
    """morph-kgc reads the database by the mapping."""
    config = (
        "[CONFIGURATION]\noutput_format=N-TRIPLES\nlogging_level=ERROR\n"
        f"[DataSource]\nmappings={work / 'sqlite.r2rml.ttl'}\ndb_url=sqlite:///{work / 'sqlite.out'}\n"
    )
    made = morph_kgc.materialize(config)
    assert isomorphic(made, graph), f"{made.serialize()} is not {graph.serialize()}"


def another_database(graph, work):
    """DuckDB runs the script, and the queries of the mapping give as many rows as there are triples."""
    database = duckdb.connect()
    database.execute((work / "sql.out").read_text())
    mapping = (work / "sql.r2rml.ttl").read_text()
    queries = [query.encode().decode("unicode_escape") for query in re.findall(r'rr:sqlQuery "((?:[^"\\]|\\.)*)"', mapping)]
    rows = sum(len(database.execute(query).fetchall()) for query in queries)
    assert rows == len(graph), f"{rows} rows, {len(graph)} triples"


with tempfile.TemporaryDirectory() as work:
    repository = Path(work) / "repository"
    shutil.copytree(FIXTURE, repository)
    counts = []
    for number, revision in enumerate(REVISIONS):
        graph, place = exported(repository, str(number), revision)
        another_engine(graph, place)
        another_database(graph, place)
        counts.append(len(graph))
    assert max(counts) > 3, counts
    print(f"ok  morph-kgc makes the triples of {len(REVISIONS)} versions ({counts}) of their databases")
    print("ok  DuckDB runs their scripts")
