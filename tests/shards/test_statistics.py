"""A set's figures are those of what was put in."""

from pathlib import Path

from shards.statistics import statistics
from shards.work import Pipeline, build
from tests.factories import Word, media_draft, png, wav


class Show:
    """Sounds for words that ring, pictures for the others."""

    name, version = "show", 1

    def __call__(self, record: Word) -> object:
        key = f"key-{record.id}"
        if record.word == "ring":
            return media_draft(key, sound=wav(0.5), text="what rings here?")
        return media_draft(key, picture=png())


def test_figures_are_counted_from_the_index(tmp_path: Path) -> None:
    records = [Word(f"w{number}", "ring" if number < 3 else "shine") for number in range(5)]
    settings = {"writer": "grammar"}
    build(Pipeline(name="x", settings=settings, records=records, record_type=Word, steps=(Show(),)), tmp_path)
    figures = statistics(tmp_path)
    assert (figures.pipeline, figures.writer) == ("x", "grammar")
    assert (figures.n_samples, figures.n_shards, figures.n_turns) == (5, 2, 10)
    assert figures.n_words == 3 * (3 + 1) + 2 * (1 + 1)
    assert figures.hours == round(3 * 0.5 / 3600, 6)
    assert figures.by_signature == {"audio": 3, "image": 2}
    assert figures.by_licence == {"unknown": 5}
    assert figures.size_bytes == sum(path.stat().st_size for path in (tmp_path / "shards").glob("*.tar"))
