from __future__ import annotations

from orchestra_nb import ContextManager
from orchestra_nb.context.metrics import CacheMetrics
from orchestra_nb.display import frames


def test_a_cache_has_a_row_for_each_key_and_one_for_all():
    cache = ContextManager(default_ttl=None, size=len, digest=str)
    cache.set("a", "xx")
    cache.set("mortal", "xx", ttl=60)
    cache.get("a")
    cache.get("b")
    frame = cache.frame.set_index("key")
    assert frame.loc["a", ["cached", "bytes", "hits", "misses", "hit_rate"]].tolist() == [True, 2, 1, 0, 1.0]
    assert frame.loc["b", ["cached", "bytes", "hits", "misses"]].tolist() == [False, 0, 0, 1]
    assert frame["ttl"].isna().tolist() == [True, False, True]
    whole = cache.get_metrics().frame
    assert whole.loc[0, ["entries", "bytes", "deduplicated", "hits", "misses"]].tolist() == [2, 2, 2, 1, 1]


def test_empty_frames_have_their_columns_and_kinds():
    empty, full = ContextManager().frame, frames.cache_keys(())
    assert list(empty.columns) == list(full.columns)
    assert empty.dtypes["hits"] == "int64"
    assert frames.cache(CacheMetrics()).shape[0] == 1


def test_a_cache_shows_how_it_does_and_escapes_its_keys():
    cache = ContextManager()
    cache.set("<b>\x1b[31m", 1)
    cache.get("<b>\x1b[31m")
    for number in range(30):
        cache.set(f"k{number:02}", number)
    bundle = cache._repr_mimebundle_()
    lines = bundle["text/plain"].splitlines()
    assert lines[0].startswith("cache: 100% of 1 question answered, 0 s saved; 31 entries, ")
    assert "<b>\ufffd[31m" in lines[1]
    assert lines[-1] == "  … and 11 more"
    assert "&lt;b&gt;" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]
    assert set(cache.get_metrics()._repr_mimebundle_()) == {"text/plain", "text/html"}
