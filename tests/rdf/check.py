"""What rdflib makes of the facts, patches and answers that kledger writes.

    check.py KLEDGER

runs the binary KLEDGER in a copy of a repository of tests/fixtures. `make test-rdf` provides what it needs.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rdflib import Dataset, Graph
from rdflib.compare import isomorphic
from rdflib.query import Result

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests/fixtures/format/full-0002"
KLEDGER = Path(sys.argv[1]).resolve()
FORMATS = {"nt": "nt", "ttl": "turtle", "jsonld": "json-ld"}


def run(repository, *words):
    done = subprocess.run([KLEDGER, *words], cwd=repository, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{words} ended with {done.returncode}"
    return done.stdout


def graph(text, form="nt"):
    return Graph().parse(data=text, format=form)


def facts(repository, revision):
    """The facts of a version, which every format has to agree on."""
    found = graph(run(repository, "facts", revision, "--format", "nt"))
    for name, form in FORMATS.items():
        other = graph(run(repository, "facts", revision, "--format", name), form)
        assert isomorphic(found, other), f"{revision} as {name}"
        words = graph(run(repository, "facts", revision, "--format", name, "--words"), form)
        assert set(found) <= set(words), f"{revision} as {name} with words"
    return found


def patches(repository, revisions):
    """A patch makes the one version of the other."""
    for old in revisions:
        for new in revisions:
            dataset = Dataset()
            for triple in facts(repository, old):
                dataset.default_graph.add(triple)
            patch = run(repository, "diff", old, new, "--format", "rdf-patch")
            dataset.parse(source=io.BytesIO(patch.encode()), format="patch")
            made, wanted = set(dataset.default_graph), set(facts(repository, new))
            assert made == wanted, f"{old} to {new}: {made ^ wanted}"
    print(f"ok  rdf-patch: rdflib makes each of {len(revisions)} versions of each other")


def answers(repository, revisions):
    """What rdflib answers over the facts, kledger answers."""
    queries = [
        "SELECT ?s ?o { ?s ?p ?o }",
        "SELECT ?o (COUNT(?s) AS ?n) { ?s ?p ?o } GROUP BY ?o",
        "SELECT ?a ?b { ?a ?p ?o . ?b ?p ?o FILTER(STR(?a) < STR(?b)) }",
        "SELECT ?s ?n { ?s ?p ?o OPTIONAL { ?o ?q ?n } }",
    ]
    for revision in revisions:
        ours = facts(repository, revision)
        for query in queries:
            wanted = rows(ours.query(query).bindings)
            for form in ["json", "xml", "tsv"]:
                words = ["query", query, "--at", revision, "--facts-only", "--format", form]
                text = run(repository, *words)
                found = rows(Result.parse(io.BytesIO(text.encode()), format=form).bindings)
                assert found == wanted, f"{query} at {revision} as {form}: {found}, {wanted}"
        construct = ["query", "CONSTRUCT WHERE { ?s ?p ?o }", "--at", revision, "--facts-only"]
        made = graph(run(repository, *construct), "turtle")
        assert isomorphic(made, ours), f"CONSTRUCT at {revision}"
    print(f"ok  query: rdflib answers {len(queries)} queries at {len(revisions)} versions as kledger does")


def rows(bindings):
    """Rows in one order, each with its variables in one order."""
    row = lambda cells: sorted((str(name), term.n3()) for name, term in cells.items() if term is not None)
    return sorted(map(row, bindings))


with tempfile.TemporaryDirectory() as work:
    repository = Path(work) / "repository"
    shutil.copytree(FIXTURE, repository)
    revisions = ["HEAD", "HEAD~1", "HEAD~2", "HEAD~3", "HEAD~5"]
    counts = [len(facts(repository, revision)) for revision in revisions]
    assert max(counts) > 3 and len(set(counts)) > 1, counts
    print(f"ok  facts: nt, ttl and jsonld are the same graph at {len(revisions)} versions")
    patches(repository, revisions)
    answers(repository, revisions)
