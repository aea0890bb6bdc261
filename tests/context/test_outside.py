"""What results follow from: calls and their facts, the longer pattern against the shorter, names against libraries."""

from __future__ import annotations

import pkgutil
import sys
from importlib.util import find_spec

import pytest

from orchestra_nb.context import outside as knowledge
from orchestra_nb.context.outside import Fact, Table, outside, outside_text

TIME, NETWORK, CHANCE, DATABASE = "the time", "the network", "chance", "a database"
FILES = "files that it finds when it runs"


@pytest.mark.parametrize(
    ("path", "without", "given"),
    [
        ("time.time", TIME, TIME),
        ("time.perf_counter_ns", TIME, TIME),
        ("time.sleep", "", ""),
        ("time.mktime", "", ""),
        ("time.localtime", TIME, ""),
        ("time.ctime", TIME, ""),
        ("time.strftime", TIME, TIME),  # one argument is the format; nobody says whether there is another
        ("datetime.datetime.now", TIME, TIME),  # of a time zone
        ("datetime.datetime.fromtimestamp", "", ""),
        ("datetime.datetime", "", ""),
        ("datetime.date.today", TIME, TIME),
        ("pandas.Timestamp.now", TIME, TIME),
        ("pandas.Timestamp", "", ""),
        ("pandas.to_datetime", "", ""),
        ("numpy.datetime64", "", ""),
        ("timeit.default_timer", TIME, TIME),
        ("?.now", TIME, TIME),
        ("requests.get", NETWORK, NETWORK),
        ("requests.sessions.Session.get", NETWORK, NETWORK),
        ("requests.exceptions.ConnectionError", "", ""),
        ("requests.codes.ok", "", ""),
        ("requestsx.get", "", ""),
        ("requests", "", ""),
        ("httpx.AsyncClient", NETWORK, NETWORK),
        ("httpx.Timeout", "", ""),
        ("httpx.ConnectError", "", ""),
        ("urllib.request.urlopen", NETWORK, NETWORK),
        ("urllib.request.Request", "", ""),
        ("urllib.parse.urlencode", "", ""),
        ("socket.create_connection", NETWORK, NETWORK),
        ("socket.gethostname", "this machine", "this machine"),
        ("socket.inet_aton", "", ""),
        ("google.genai.Client", NETWORK, NETWORK),
        ("transformers.AutoModel.from_pretrained", NETWORK, NETWORK),
        ("sqlite3.connect", DATABASE, DATABASE),
        ("sqlite3.IntegrityError", "", ""),
        ("duckdb.sql", DATABASE, DATABASE),
        ("pandas.read_sql", DATABASE, DATABASE),
        ("pandas.read_csv", "", ""),
        ("random.random", CHANCE, CHANCE),
        ("random.seed", CHANCE, CHANCE),
        ("random.Random", CHANCE, ""),
        ("random.Random.random", CHANCE, CHANCE),
        ("random.SystemRandom", CHANCE, CHANCE),
        ("numpy.random.rand", CHANCE, CHANCE),
        ("numpy.random.default_rng", CHANCE, ""),
        ("numpy.random.RandomState", CHANCE, ""),
        ("numpy.random.PCG64", CHANCE, ""),
        ("numpy.random.Generator.normal", CHANCE, CHANCE),
        ("secrets.token_hex", CHANCE, CHANCE),
        ("secrets.compare_digest", "", ""),
        ("os.urandom", CHANCE, CHANCE),
        ("uuid.uuid1", CHANCE, CHANCE),
        ("uuid.uuid4", CHANCE, CHANCE),
        ("uuid.uuid3", "", ""),
        ("uuid.uuid5", "", ""),
        ("tempfile.mkdtemp", CHANCE, CHANCE),
        ("tempfile.gettempdir", "this machine", "this machine"),
        ("torch.randn", CHANCE, CHANCE),
        ("torch.zeros", "", ""),
        ("builtins.input", "who types", "who types"),
        ("getpass.getpass", "who types", "who types"),
        ("builtins.id", "this process", "this process"),
        ("builtins.hash", "this process", "this process"),
        ("os.getpid", "this process", "this process"),
        ("threading.get_ident", "this process", "this process"),
        ("platform.node", "this machine", "this machine"),
        ("platform.python_version", "", ""),  # of which every key has as much as counts
        ("subprocess.run", "another program", "another program"),
        ("subprocess.PIPE", "", ""),
        ("os.system", "another program", "another program"),
        ("os.listdir", FILES, FILES),
        ("os.path.exists", FILES, FILES),
        ("os.path.join", "", ""),
        ("glob.glob", FILES, FILES),
        ("glob.escape", "", ""),
        ("pathlib.Path.glob", FILES, FILES),
        ("pathlib.PosixPath.iterdir", FILES, FILES),
        ("pathlib.Path.read_text", "", ""),
        ("pathlib.Path", "", ""),
        ("?.iterdir", FILES, FILES),
        ("?.get", "", ""),
        ("os.environ", "", ""),
        ("os.getenv", "", ""),
        ("os.cpu_count", "", ""),
        ("builtins.open", "", ""),
        ("mine.requests.get", "", ""),
        ("", "", ""),
    ],
)
def test_what_a_call_follows_from(path, without, given):
    assert (outside(path), outside(path, given=True)) == (without, given)


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("pandas.read_csv", "https://example.org/a.csv", NETWORK),
        ("pandas.read_parquet", "s3://bucket/a", NETWORK),
        ("polars.scan_csv", "http://example.org", NETWORK),
        ("numpy.loadtxt", "ftp://example.org", NETWORK),
        ("pandas.read_csv", "a.csv", ""),
        ("pandas.read_csv", "see https://example.org", ""),
        ("pandas.concat", "https://example.org", ""),
        ("pandas.to_datetime", "now", TIME),
        ("pandas.Timestamp", "today", TIME),
        ("numpy.datetime64", "now", TIME),
        ("numpy.datetime64", "now and then", ""),
        ("numpy.datetime64", "2026-01-01", ""),
        ("print", "now", ""),
    ],
)
def test_what_a_text_says(path, text, told):
    assert outside_text(path, text) == told


def test_the_longest_pattern_wins_whichever_of_the_names_it_fits_and_wherever_it_stands():
    rows = {"a.*": Fact("wide"), "a.b.*": Fact(""), "a.b.c": Fact("exact"), "a.*.d": Fact("every")}
    for facts in (rows, dict(reversed(rows.items()))):
        table = Table(facts)
        assert table.find(["a.x"]) == ("a.x", Fact("wide"))
        assert table.find(["a.b.x"]) == ("a.b.x", Fact(""))
        assert table.find(["a.b.c"]) == ("a.b.c", Fact("exact"))
        assert table.find(["a.x", "a.b.x"]) == table.find(["a.b.x", "a.x"]) == ("a.b.x", Fact(""))
        assert table.find(["a.q.d"]) == ("a.q.d", Fact("every"))
        assert table.find(["b.a.x", "aa.x"]) is None


def names():
    rows = [*knowledge._OUTSIDE.values(), *knowledge._REPEATS.values(), knowledge._SAME]
    return {name for row in rows for name in row.split()}


ELSEWHERE = {"os.startfile", "os.path.isjunction", "os.process_cpu_count", "telnetlib", "nntplib"}
ELSEWHERE |= {"uuid.uuid6", "uuid.uuid7", "uuid.uuid8", "glob.translate", "pandas.read_gbq", "tkinter", "curses"}
"""Of another system, or of another version."""
LIBRARIES = ("numpy", "pandas", "requests", "httpx", "urllib3", "sklearn")


def is_there(name):
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.filterwarnings("ignore")
def test_every_name_of_a_library_that_is_here_is_there():
    ours = {"builtins", *sys.stdlib_module_names, *(root for root in LIBRARIES if find_spec(root))}
    checked = {name.removesuffix(".*") for name in names() if name[0] != "?" and "*" not in name.removesuffix(".*")}
    checked = {name for name in checked - ELSEWHERE if name.partition(".")[0] in ours}
    assert len(checked) > 150
    assert {name for name in checked if not is_there(name)} == set()


def test_what_repeats_when_given_something_is_something_that_does_not_otherwise():
    for number, row in knowledge._REPEATS.items():
        for name in row.split():
            found = knowledge.KNOWN.find([name])
            assert found is not None
            assert found[1].what, name
            assert found[1].repeats == number


def test_no_name_stands_in_two_rows():
    rows = [*knowledge._OUTSIDE.values(), knowledge._SAME]
    every = [name for row in rows for name in row.split()]
    assert sorted(every) == sorted({*every})
