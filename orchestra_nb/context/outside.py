"""What the result of a call follows from beside its arguments: the time, the network, chance, ...

A result that follows from anything outside must not be taken from an earlier run, unless the user says for how long it
may. What is known about that stands here as a table of dotted names; who wants to know it of a function
(:mod:`orchestra_nb.running.outside_of`) or of a cell finds the names in the code, and asks.

Policy: to say it too often costs a run, to say it too seldom gives a wrong result. So a library that is all about the
outside counts as a whole, and what of it repeats is listed. Of patterns that fit, the one with the most letters wins,
whatever it says. In patterns ``*`` stands for anything, dots too; ``?.stat`` is a method of some unknown object.

Not here: the environment (``os.environ``), which can be part of a key, like any other input; how many processors there
are (``os.cpu_count``), which is asked in order to divide work, and not for an answer.

Not to be seen by the name alone: ``numpy.datetime64("now")`` and ``pandas.read_csv("https://…")``, for which
:func:`outside_text` has the texts; a call that draws unless it is given a ``random_state``, whose signature says so;
whatever a library of unknown name does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

TIME = "the time"
NETWORK = "the network"
DATABASE = "a database"
CHANCE = "chance"
TYPES = "who types"
PROCESS = "this process"
MACHINE = "this machine"
PROGRAM = "another program"
FILES = "files that it finds when it runs"

_OUTSIDE: Mapping[str, str] = {
    TIME: """
        time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns
        time.process_time time.process_time_ns time.thread_time time.thread_time_ns
        time.clock_gettime time.clock_gettime_ns time.ctime time.asctime time.localtime time.gmtime time.strftime
        datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today
        pandas.Timestamp.now pandas.Timestamp.utcnow pandas.Timestamp.today pandas.Period.now
        email.utils.localtime email.utils.formatdate email.utils.make_msgid timeit.* sched.*
        arrow.now arrow.utcnow arrow.Arrow.now arrow.Arrow.utcnow django.utils.timezone.now
        pendulum.now pendulum.today pendulum.tomorrow pendulum.yesterday whenever.*.now
        ?.now ?.utcnow ?.today
        """,
    NETWORK: """
        requests.* requests_cache.* requests_html.* httpx.* httpcore.* aiohttp.* urllib.request.* urllib3.*
        http.client.* pycurl.* websocket.* websockets.* grpc.* zmq.* kafka.* confluent_kafka.* pika.* paho.* paramiko.*
        fabric.* socket.* socketserver.* ftplib.* smtplib.* poplib.* imaplib.* nntplib.* telnetlib.* xmlrpc.client.*
        asyncio.open_connection asyncio.start_server aiosmtplib.* dns.* whois.*
        boto3.* botocore.* aioboto3.* aiobotocore.* s3fs.* gcsfs.* adlfs.* smart_open.* google.cloud.* googleapiclient.*
        azure.* gspread.* github.* gitlab.* jira.* slack_sdk.* stripe.* twilio.* tweepy.* praw.* atproto.*
        openai.* anthropic.* litellm.* google.genai.* google.generativeai.* cohere.* mistralai.* groq.* ollama.*
        replicate.* together.* fireworks.* huggingface_hub.* langchain_openai.* langchain_anthropic.*
        datasets.load_dataset transformers.pipeline transformers.*.from_pretrained torch.hub.*
        kagglehub.* kaggle.* openml.* wandb.* mlflow.* yfinance.* pandas_datareader.* fredapi.* wikipedia.*
        feedparser.* geopy.geocoders.* osmnx.* selenium.* playwright.* scrapy.* mechanize.*
        seaborn.load_dataset sklearn.datasets.fetch_openml sklearn.datasets.fetch_file
        """,
    DATABASE: """
        sqlite3.* aiosqlite.* dbm.* shelve.* duckdb.* sqlalchemy.* sqlmodel.* peewee.* pony.* tortoise.* django.db.*
        psycopg.* psycopg2.* psycopg_pool.* asyncpg.* pg8000.* pymysql.* MySQLdb.* mysql.* aiomysql.* pyodbc.*
        turbodbc.* cx_Oracle.* oracledb.* pymssql.* snowflake.* databricks.* clickhouse_driver.* clickhouse_connect.*
        trino.* pymongo.* motor.* redis.* cassandra.* neo4j.* elasticsearch.* opensearchpy.* influxdb_client.* ibis.*
        chromadb.* pinecone.* qdrant_client.* weaviate.* adbc_driver_postgresql.* adbc_driver_snowflake.*
        pandas.read_sql pandas.read_sql_query pandas.read_sql_table pandas.read_gbq pandas_gbq.*
        polars.read_database polars.read_database_uri connectorx.*
        """,
    CHANCE: """
        random.* random.Random.* numpy.random.* numpy.random.Generator.* numpy.random.RandomState.* secrets.* os.urandom
        cupy.random.* os.getrandom ssl.RAND_bytes tempfile.*
        uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 uuid.uuid8 shortuuid.* nanoid.* ulid.* faker.* mimesis.*
        sklearn.utils.check_random_state sklearn.utils.validation.check_random_state
        torch.rand torch.randn torch.randint torch.randperm torch.normal torch.bernoulli torch.multinomial torch.poisson
        torch.rand_like torch.randn_like torch.randint_like torch.seed torch.initial_seed torch.manual_seed
        torch.random.* tensorflow.random.*
        """,
    TYPES: """
        builtins.input builtins.breakpoint getpass.getpass sys.stdin sys.stdin.* pdb.* click.prompt click.confirm
        click.getchar rich.prompt.* questionary.* inquirer.* prompt_toolkit.* tkinter.* curses.*
        """,
    PROCESS: """
        builtins.id builtins.hash os.getpid os.getppid os.getpgid os.getpgrp os.getsid os.fork os.times sys.argv
        threading.get_ident threading.get_native_id threading.current_thread threading.main_thread
        threading.active_count threading.enumerate multiprocessing.current_process multiprocessing.parent_process
        multiprocessing.active_children asyncio.current_task asyncio.all_tasks gc.* tracemalloc.*
        resource.getrusage psutil.Process psutil.Process.* sys._getframe sys._current_frames
        """,
    MACHINE: """
        platform.* socket.gethostname socket.getfqdn socket.gethostbyname socket.if_nameindex uuid.getnode os.uname
        os.getloadavg os.getlogin os.getuid os.geteuid os.getgid os.statvfs os.get_terminal_size psutil.*
        shutil.disk_usage shutil.get_terminal_size getpass.getuser pwd.* grp.* tempfile.gettempdir tempfile.gettempdirb
        os.path.expanduser pathlib.*.home pathlib.*.expanduser ?.expanduser importlib.metadata.* GPUtil.* pynvml.*
        """,
    PROGRAM: """
        subprocess.* os.system os.popen os.startfile os.exec* os.spawn* os.posix_spawn os.posix_spawnp os.wait*
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell pty.* pexpect.* sh.* plumbum.* invoke.* git.*
        """,
    FILES: """
        os.getcwd os.getcwdb os.listdir os.scandir os.walk os.fwalk os.stat os.lstat os.access os.readlink
        os.path.exists os.path.lexists os.path.isfile os.path.isdir os.path.islink os.path.ismount os.path.isjunction
        os.path.getmtime os.path.getatime os.path.getctime os.path.getsize os.path.samefile
        glob.* shutil.which filecmp.* importlib.resources.*
        pathlib.*.cwd pathlib.*.glob pathlib.*.rglob pathlib.*.iterdir pathlib.*.walk pathlib.*.exists pathlib.*.is_file
        pathlib.*.is_dir pathlib.*.is_symlink pathlib.*.is_mount pathlib.*.stat pathlib.*.lstat pathlib.*.samefile
        pathlib.*.owner pathlib.*.group pathlib.*.readlink
        ?.glob ?.rglob ?.iterdir ?.exists ?.is_file ?.is_dir ?.is_symlink ?.stat ?.lstat
        """,
}
"""What a result follows from, and the calls of which that is so."""

_REPEATS: Mapping[int, str] = {
    1: """
        time.localtime time.gmtime time.ctime time.asctime email.utils.formatdate email.utils.localtime
        random.Random numpy.random.default_rng numpy.random.RandomState numpy.random.SeedSequence
        numpy.random.PCG64 numpy.random.PCG64DXSM numpy.random.Philox numpy.random.MT19937
        numpy.random.SFC64 cupy.random.default_rng cupy.random.RandomState
        sklearn.utils.check_random_state sklearn.utils.validation.check_random_state
        """,
    2: "time.strftime",
}
"""Of those, the calls that repeat when they are given so many arguments: a seed, or a time."""

_SAME = """
    requests.exceptions.* requests.status_codes.* requests.codes.* requests.Response requests.models.Response
    requests.utils.quote requests.utils.unquote requests.structures.*
    httpx.Response httpx.Timeout httpx.Limits httpx.URL httpx.Headers httpx.QueryParams httpx.codes.* httpx.*Error
    aiohttp.ClientTimeout aiohttp.ClientResponse aiohttp.Client*Error
    urllib.request.Request urllib.request.quote urllib.request.unquote urllib.request.pathname2url
    urllib.request.url2pathname urllib3.exceptions.* urllib3.Timeout urllib3.Retry urllib3.util.*
    http.client.*Exception http.client.responses
    socket.inet_* socket.hton* socket.ntoh* socket.*error socket.timeout socket.AF_* socket.SOCK_*
    botocore.exceptions.* openai.*Error anthropic.*Error
    sqlite3.*Error sqlite3.Row sqlalchemy.exc.* redis.exceptions.* pymongo.errors.* psycopg.errors.*
    subprocess.PIPE subprocess.STDOUT subprocess.DEVNULL subprocess.*Error subprocess.CompletedProcess
    subprocess.TimeoutExpired subprocess.list2cmdline
    numpy.random.Generator secrets.compare_digest glob.escape glob.has_magic glob.translate
    tempfile.SpooledTemporaryFile gc.collect gc.disable gc.enable gc.freeze
    platform.python_version platform.python_version_tuple platform.python_implementation platform.python_compiler
    """
"""What of those libraries repeats."""

_ADDRESS = re.compile(r"(https?|ftps?|sftp|s3a?|gs|gcs|az|adl|abfss?|wasbs?|hdfs|webhdfs|hf)://")
_TEXTS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (
        "pandas.read_* polars.read_* polars.scan_* numpy.loadtxt numpy.genfromtxt dask.dataframe.read_* fsspec.* "
        "xarray.open_* geopandas.read_* imageio.* skimage.io.* pyarrow.*.read_* pyarrow.dataset.*",
        _ADDRESS,
        NETWORK,
    ),
    (
        "pandas.to_datetime pandas.Timestamp pandas.Period pandas.date_range pandas.period_range pandas.DatetimeIndex "
        "numpy.datetime64 numpy.array numpy.asarray",
        re.compile(r"(now|today)\Z"),
        TIME,
    ),
)
"""Calls, the begin of a text that they may be given, and what the result follows from then."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a call follows from.

    Parameters
    ----------
    what
        In words that complete "its result follows from …"; empty: from its arguments alone.
    repeats
        How many arguments it has to be given for that to be untrue; ``None``: no number is enough.
    """

    what: str
    repeats: int | None = None


class Table:
    """Facts by patterns of dotted names.

    Parameters
    ----------
    facts
        By pattern.

    Examples
    --------
    >>> table = Table({"web.*": Fact("the network"), "web.quote": Fact("")})
    >>> table.find(["web.get"])
    ('web.get', Fact(what='the network', repeats=None))
    >>> table.find(["web.quote"])[1].what, table.find(["web"])
    ('', None)
    """

    def __init__(self, facts: Mapping[str, Fact]) -> None:
        self._exact = {name: fact for name, fact in facts.items() if "*" not in name}
        self._wide: dict[str, list[tuple[str, Fact]]] = {}
        for name, fact in facts.items():
            if "*" in name:
                self._wide.setdefault(name.partition(".")[0], []).append((name, fact))

    def find(self, paths: Iterable[str]) -> tuple[str, Fact] | None:
        """Give the fact that the longest pattern has, of those that fit any of a thing's names; and the name."""
        found: tuple[float, str, Fact] | None = None
        for path in paths:
            for weight, fact in self._fitting(path):
                if found is None or weight > found[0]:
                    found = weight, path, fact
        return None if found is None else found[1:]

    def _fitting(self, path: str) -> Iterable[tuple[float, Fact]]:
        if path in self._exact:
            yield len(path) + 0.5, self._exact[path]
        for name, fact in self._wide.get(path.partition(".")[0], ()):
            if fnmatchcase(path, name):
                yield len(name) - name.count("*"), fact


def _facts() -> Table:
    facts = {name: Fact(kind) for kind, names in _OUTSIDE.items() for name in names.split()}
    facts |= {name: Fact("") for name in _SAME.split()}
    table = Table(facts)
    for number, names in _REPEATS.items():
        for name in names.split():
            found = table.find([name])
            assert found is not None, name
            facts[name] = Fact(found[1].what, number)
    return Table(facts)


KNOWN = _facts()
"""All that is known by name."""
_BY_TEXT = Table({name: Fact(str(row)) for row, (names, _, _) in enumerate(_TEXTS) for name in names.split()})


@lru_cache(maxsize=4096)
def outside(path: str, given: bool = False) -> str:
    """Say what the result of a call follows from beside its arguments.

    Parameters
    ----------
    path
        The dotted name of what is called; ``"?.glob"`` for a method of an object that nobody knows.
    given
        Whether it has any argument: then a generator has its seed, and ``time.localtime`` its time. It says nothing of
        calls that need two arguments for that, such as ``time.strftime``, nor of an argument that is ``None``.

    Returns
    -------
    str
        In words that complete "its result follows from …"; empty: from nothing that is known here.

    Examples
    --------
    >>> outside("time.time"), outside("requests.get"), outside("math.sqrt")
    ('the time', 'the network', '')
    >>> outside("numpy.random.default_rng"), outside("numpy.random.default_rng", given=True)
    ('chance', '')
    """
    found = KNOWN.find([path])
    if found is None:
        return ""
    fact = found[1]
    return "" if given and fact.repeats == 1 else fact.what


def outside_text(path: str, text: str) -> str:
    """Say what a call follows from that is given a certain text, such as an address or ``"now"``.

    Examples
    --------
    >>> outside_text("pandas.read_csv", "https://example.org/rows.csv"), outside_text("pandas.read_csv", "rows.csv")
    ('the network', '')
    """
    found = _BY_TEXT.find([path])
    if found is None:
        return ""
    _, pattern, what = _TEXTS[int(found[1].what)]
    return what if pattern.match(text) else ""
