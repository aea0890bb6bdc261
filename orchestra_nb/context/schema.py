"""The tables of the index.

``entry`` has a row for each key: a record that proves itself (:mod:`.records`), and columns that only order and count.
``total`` is kept by triggers, so that no writing has to add up the whole table; it is counted anew once per process.
``doomed`` names files that lost a row: a list of work that survives whoever should have done it. (No ``INSERT OR
IGNORE`` there: the conflict rule of the statement that fires a trigger is the one that counts.)

``used`` is a turn and not a time: each writing takes the next one, so a clock that jumps changes no order.

The version stands in the file as a multiple of :data:`MARK`. A flipped bit never makes one out of another, so damage is
not taken for a newer version.
"""

from __future__ import annotations

MARK = 1_000_003
VERSION = 1 * MARK
_MOST_VERSIONS = 1000
APPLICATION = 0x6F6E6263
SCHEMA = (
    """
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, used INTEGER NOT NULL,
        blob BLOB, ends REAL, record BLOB NOT NULL)
    """,
    "CREATE INDEX by_use ON entry (used)",
    "CREATE INDEX by_blob ON entry (blob) WHERE blob IS NOT NULL",
    "CREATE TABLE total (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL, entries INTEGER NOT NULL)",
    "INSERT INTO total VALUES (1, 0, 0)",
    "CREATE TABLE doomed (blob BLOB PRIMARY KEY) WITHOUT ROWID",
    """
    CREATE TRIGGER added AFTER INSERT ON entry BEGIN
        UPDATE total SET bytes = bytes + new.size, entries = entries + 1 WHERE id = 1;
    END
    """,
    """
    CREATE TRIGGER removed AFTER DELETE ON entry BEGIN
        UPDATE total SET bytes = bytes - old.size, entries = entries - 1 WHERE id = 1;
        INSERT INTO doomed SELECT old.blob
        WHERE old.blob IS NOT NULL AND NOT EXISTS (SELECT 1 FROM doomed WHERE blob = old.blob);
    END
    """,
    """
    CREATE TRIGGER changed AFTER UPDATE OF size, blob ON entry BEGIN
        UPDATE total SET bytes = bytes + new.size - old.size WHERE id = 1;
        INSERT INTO doomed SELECT old.blob
        WHERE old.blob IS NOT NULL AND old.blob IS NOT new.blob
        AND NOT EXISTS (SELECT 1 FROM doomed WHERE blob = old.blob);
    END
    """,
)
FIND = "SELECT id, record FROM entry WHERE key = ?"
UPSERT = """
INSERT INTO entry (key, size, used, blob, ends, record)
VALUES (?, ?, (SELECT coalesce(max(used), 0) + 1 FROM entry), ?, ?, ?)
ON CONFLICT (key) DO UPDATE
SET size = excluded.size, used = excluded.used, blob = excluded.blob, ends = excluded.ends, record = excluded.record
"""
DELETE = "DELETE FROM entry WHERE key = ?"
DROP = "DELETE FROM entry WHERE key = ? AND CAST(record AS BLOB) = CAST(? AS BLOB)"
TOTAL = "SELECT bytes, entries, EXISTS (SELECT 1 FROM doomed) FROM total"
RECOUNT = "UPDATE total SET (bytes, entries) = (SELECT CAST(coalesce(sum(size), 0) AS INTEGER), count(*) FROM entry)"
TOUCH = "UPDATE entry SET used = ? WHERE id = ?"
NEXT_TURN = "SELECT coalesce(max(used), 0) + 1 FROM entry"
ENDED = "SELECT id, CAST(size AS INTEGER), key FROM entry WHERE ends <= ?"
OLDEST = "SELECT id, CAST(size AS INTEGER), key FROM entry ORDER BY used, id LIMIT ?"
DOOMED = "SELECT blob FROM doomed LIMIT ?"
IS_REFERRED = "SELECT 1 FROM entry WHERE blob = ? LIMIT 1"


def is_newer(version: int) -> bool:
    """Whether a version that was found in a file is a later one.

    Examples
    --------
    >>> is_newer(2 * MARK), is_newer(VERSION), is_newer(VERSION ^ 64)
    (True, False, False)
    """
    number, rest = divmod(version, MARK)
    return not rest and VERSION // MARK < number <= _MOST_VERSIONS
