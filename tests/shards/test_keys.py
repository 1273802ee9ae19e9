"""Keys: safe as tar members, different for different sources."""

from hypothesis import given
from hypothesis import strategies as st

from shards.keys import is_key, keyed_hash, make_key

anything = st.text(max_size=300)


@given(anything, anything)
def test_every_name_gives_a_key(source: str, source_id: str) -> None:
    assert is_key(make_key(source, source_id))


@given(st.lists(st.tuples(anything, anything), unique=True, max_size=20))
def test_different_names_give_different_keys(pairs: list[tuple[str, str]]) -> None:
    assert len({make_key(*pair) for pair in pairs}) == len(pairs)


def test_names_that_readers_confuse_stay_apart() -> None:
    assert make_key("cc3m", "v1.5_000").split("-")[0] == make_key("cc3m", "v1_5_000").split("-")[0]
    assert make_key("cc3m", "v1.5_000") != make_key("cc3m", "v1_5_000")
    assert make_key("", "__key__")[0] != "_"
    assert make_key("a_", "b") != make_key("a", "_b")  # the same slug, and the same letters in a row


def test_what_is_no_key() -> None:
    for text in ("", "a.b", "A", "a/b", "..", "_a", "ä", "a" * 61, "a\n"):
        assert not is_key(text), text


def test_hashes_change_with_seed_and_purpose() -> None:
    one = keyed_hash("a", seed=0, purpose="order")
    assert one == keyed_hash("a", seed=0, purpose="order")
    assert len({one, keyed_hash("a", seed=1, purpose="order"), keyed_hash("a", seed=0, purpose="limit")}) == 3
    assert 0 <= one < 2**64
