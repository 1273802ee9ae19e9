"""A few items of each benchmark with every model's answer, out of the run folders themselves."""

from collections.abc import Sequence

from evals.results import MADE_NAME
from reports.content import AnswersView, Prediction, SampleView
from reports.leaderboard import Board, Entry
from reports.pairing import unit_scale
from shards.draft import Draft
from shards.sample import Sample


def read_answers(boards: Sequence[Board], *, max_items: int = 6) -> tuple[AnswersView, ...]:
    """The samples that the boards' runs carry (`examples.tar`), at most `max_items` a board, with all answers.

    Boards whose runs carry no samples are left out.
    """
    from shards.reader import held

    views = []
    for board in boards:
        drafts = _examples(board, max_items)
        if drafts:
            answers = [_answers(entry, set(drafts)) for entry in board.entries]
            samples = [
                SampleView(draft.sample, held(draft), tuple(found[key] for found in answers if key in found))
                for key, draft in drafts.items()
            ]
            views.append(AnswersView(board.run.benchmark, tuple(samples)))
    return tuple(views)


def item_id(sample: Sample) -> str:
    """The id under which a benchmark's items table knows a sample: `meta["id"]` where it has one, else its key."""
    return str(sample.meta.get("id", sample.key))


def _examples(board: Board, max_items: int) -> dict[str, Draft]:
    """Samples by item id; the first run's come first, later runs of the protocol usually carry the same ones."""
    from shards.reader import read_archive

    found: dict[str, Draft] = {}
    for entry in board.entries:
        path = entry.folder.path / "examples.tar"
        content = path.read_bytes() if path.is_file() else b""
        for draft in read_archive(content, place=str(path)) if content else ():
            found.setdefault(item_id(draft.sample), draft)
    return dict(list(found.items())[:max_items])


def _answers(entry: Entry, ids: set[str]) -> dict[str, Prediction]:
    scale = unit_scale(entry.folder.result)
    rows = entry.folder.items().select(["id", "value", "unscored"]).to_pylist()
    outcomes = {row["id"]: row for row in rows if row["id"] in ids}
    answers = {}
    for said in entry.folder.generations():
        outcome = outcomes.get(said.id)
        if outcome is not None:
            value = None if outcome["value"] is None else scale * outcome["value"]
            text, answer = _in_words(said.text), None if said.answer is None else _in_words(said.answer)
            media = tuple(entry.folder.made_media(said.text))
            answers[said.id] = Prediction(entry.label, text, answer, value, outcome["unscored"], media=media)
    return answers


def _in_words(text: str) -> str:
    return MADE_NAME.sub(r"[\1]", text)
