"""The page: one file, no way out of it, whatever names and captions say; and it works in a browser."""

import base64
import hashlib
import io
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest
from report_factories import PROTOCOL, coin_flips, make_run, seen_and_heard, wav

from reports import (
    BuildView,
    GatePolicy,
    GateView,
    PageContent,
    Prediction,
    SampleView,
    decide_gate,
    make_leaderboard,
    read_answers,
    render_page,
    write_page,
)
from reports.media_views import Axis, imu_lines
from shards.draft import Draft
from shards.errors import UsageError
from shards.manifest import StepCounts
from shards.reader import held
from shards.sample import Boxes, Imu, Sample, Text, Turn
from shards.work import Audit, LedgerRow
from tests.factories import png

HOSTILE = (
    "<script>alert(1)</script>\"' onerror='alert(2)' <img src=http://evil.example/x> {{ 7 * 7 }} javascript:alert(3)"
)
MADE = {"image": png(), "audio": wav()}
CHROMIUM = Path("/usr/bin/chromium")
VOID = {"meta", "link", "img", "br", "hr", "input", "source"}


class Page(HTMLParser):
    """Start tags with their attributes, texts by enclosing tag, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} repeats an attribute: {names}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, text):
        self.texts.append((self.open[-1] if self.open else "", text))

    def values(self, tag: str, attribute: str) -> list[str | None]:
        return [attributes.get(attribute) for name, attributes in self.tags if name == tag]


def full_page(folder: Path, *, words: str = "a grey square", domain: str = "public") -> PageContent:
    """A page with every section; `words` stand wherever text from outside may stand."""
    draft = seen_and_heard("item-00000", caption=words, question=words)
    protocol = msgspec.structs.replace(PROTOCOL, prompt=words, networks={words: words})
    settings = {"protocol": protocol, "drafts": [draft], "domain": domain, "interval": (10.0, 90.0)}
    settings["ids"] = [f"item-{i:05d}" for i in range(120)]
    values = coin_flips(120, 0.7, seed=1)
    baseline = make_run(folder / "a", values, model=words, texts={"item-00000": words}, **settings)
    candidate = make_run(folder / "b", [None, *values[1:]], model="beta", reason=words, **settings)
    boards = make_leaderboard([baseline, candidate], domain=domain)
    view = SampleView(draft.sample, held(draft), (Prediction(words, words, words, None, words),))
    build = BuildView(
        name=words,
        intro=words,
        figures=((words, words),),
        books=Audit(5, 0, 3, 0, 0, 0, [StepCounts(words, 5, 1, 1, 1, 1)], [("dropped", words, words, 3)], []),
        ledger=(LedgerRow(words, "", "dropped", words, words, words),),
        samples=(view,),
    )
    gate = GateView(words, decide_gate([baseline], [candidate], GatePolicy()))
    return PageContent(
        title=words,
        intro=words,
        domain=domain,
        boards=boards,
        gates=(gate,),
        answers=read_answers(boards),
        builds=(build,),
        footer=words,
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return render_page(full_page(tmp_path_factory.mktemp("plain")))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return render_page(full_page(tmp_path_factory.mktemp("hostile"), words=HOSTILE))


@pytest.mark.parametrize("kind", ["plain", "hostile"])
def test_well_formed_and_nothing_to_fetch(kind, request):
    page = Page(request.getfixturevalue(kind))
    assert page.open == []
    links = [(t, a, v) for t, attributes in page.tags for a, v in attributes.items() if a in ("src", "href", "srcset")]
    assert links
    assert all(value.startswith(("data:", "#")) for _, _, value in links), [v[:80] for _, _, v in links]
    outside = {"iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}
    assert not outside
    assert "url(http" not in request.getfixturevalue(kind)


def test_hostile_words_stay_words(hostile, plain):
    page, tame = Page(hostile), Page(plain)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in tame.tags]
    assert [sorted(a) for _, a in page.tags] == [sorted(a) for _, a in tame.tags]
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    assert page.values("img", "alt")[0] == HOSTILE
    assert "49" not in {text.strip() for _, text in page.texts}
    assert any(text == HOSTILE for tag, text in page.texts if tag == "title")


def test_content_policy_admits_exactly_our_style_and_script(plain):
    from base64 import b64encode
    from hashlib import sha256

    policy = next(a["content"] for tag, a in Page(plain).tags if tag == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", plain, flags=re.DOTALL)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert not [1 for _, attributes in Page(plain).tags if "style" in attributes]


def test_same_content_same_bytes(tmp_path):
    first, second = tmp_path / "1.html", tmp_path / "2.html"
    content = full_page(tmp_path)
    write_page(content, first)
    write_page(content, second)
    assert first.read_bytes() == second.read_bytes()


def test_accessible_names(plain):
    page = Page(plain)
    assert page.values("html", "lang") == ["en"]
    assert all(alt for alt in page.values("img", "alt"))
    assert all(page.values("audio", "aria-label"))
    assert sum(tag == "h1" for tag, _ in page.tags) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert sum(tag == "table" for tag, _ in page.tags) == sum(tag == "caption" for tag, _ in page.tags)
    assert set(page.values("th", "scope")) == {"col", "row"}
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_shows_media_protocol_scores_and_accounts(plain):
    words = " ".join(text for _, text in Page(plain).texts)
    assert 'src="data:image/png;base64,' in plain
    assert 'src="data:audio/wav;base64,' in plain
    for expected in ("greedy, 10 tokens", "no score for 1 a grey square", "[10.00, 90.00]", "How to read this"):
        assert expected in words
    for unexpected in ("is not shown here", "Self-test"):
        assert unexpected not in words


def test_world_page_says_that_it_is_a_self_test(tmp_path):
    assert "<strong>Self-test.</strong>" in render_page(full_page(tmp_path, domain="world"))


def test_world_boards_do_not_go_onto_a_public_page(tmp_path):
    boards = make_leaderboard([make_run(tmp_path / "a", [1.0, 0.0], domain="world")], domain="world")
    with pytest.raises(UsageError, match="write two pages"):
        PageContent(title="x", boards=boards)


def test_media_that_are_not_what_they_claim_are_named_not_shown():
    draft = seen_and_heard("a")
    swapped = {name: wav() if name.endswith("png") else b"MZ\x90" for name in draft.blobs}
    html = render_page(PageContent(title="x", builds=(BuildView("b", samples=(SampleView(draft.sample, swapped),)),)))
    assert "data:image" not in html
    assert "data:audio" not in html
    assert html.count("is not shown here") == 2


def test_sensor_curves_and_boxes_are_drawn():
    readings = io.BytesIO()
    np.save(readings, np.array([[0.0, 1.0], [1.0, 1.0], [0.5, 1.0]]))
    imu = Imu(member="i.npy", sha256="0" * 64, duration_s=1.0, rate_hz=3.0, axes=("x", "y"), units=("g", "g"))
    moved = Sample(key="a", kind="mm_it", turns=(Turn("human", (imu, Text("?"))),))
    seen = seen_and_heard("b")
    boxed = msgspec.structs.replace(seen.sample, truth=Boxes(((1.0, 0.0, 3.0, 2.0),)))
    views = (
        SampleView(moved, {"i.npy": readings.getvalue()}),
        SampleView(boxed, held(Draft(boxed, seen.blobs)), (Prediction("m", "box", boxes_xyxy_px=((0, 0, 1, 1),)),)),
    )
    html = render_page(PageContent(title="x", builds=(BuildView("b", samples=views),)))
    assert 'points="0.0,36.0 120.0,0.0 240.0,18.0"' in html  # lowest at the bottom, highest on top
    assert '<rect class="truth" x="1.0" y="0.0" width="2.0" height="2.0"/>' in html
    assert '<rect class="model-0" x="0" y="0" width="1" height="1"/>' in html


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_pickled_arrays_are_not_opened(tmp_path):
    trap = io.BytesIO()
    np.save(trap, np.array([[Trap(tmp_path / "mark")]]), allow_pickle=True)
    assert imu_lines(trap.getvalue()) == ()
    assert not (tmp_path / "mark").exists()
    assert imu_lines(b"\x93NUMPY") == ()


def test_answers_of_all_models_stand_beside_each_sample(tmp_path):
    settings = {"drafts": [seen_and_heard("item-00001"), seen_and_heard("elsewhere")]}
    make = [("a", [1.0, 0.3, 0.0], "alpha"), ("b", [1.0, None, 0.0], "beta")]
    runs = [make_run(tmp_path / name, values, model=model, **settings) for name, values, model in make]
    (view,) = read_answers(make_leaderboard(runs))
    assert [sample.sample.key for sample in view.samples] == ["item-00001", "elsewhere"]
    assert view.samples[1].predictions == ()
    assert view.samples[0].predictions == (
        Prediction("alpha", "alpha says item-00001", "yes", 30.0, None),
        Prediction("beta", "beta says item-00001", "yes", None, "parse_failure"),
    )
    assert view.samples[0].media.keys() == {"item-00001.0-0.png", "item-00001.0-1.wav"}


def test_made_media_stand_with_the_answer_that_names_them(tmp_path):
    run = make_run(tmp_path / "a", [1.0], drafts=[seen_and_heard("item-00000")])
    made = {kind: f"made/{kind}/{hashlib.sha256(content).hexdigest()}.{kind}" for kind, content in MADE.items()}
    for kind, content in MADE.items():
        (run.path / made[kind]).parent.mkdir(parents=True)
        (run.path / made[kind]).write_bytes(content)
    gone = f"made/image/{'0' * 64}.png"
    said = {"id": "item-00000", "text": f"see {made['image']} {made['audio']} {gone}", "answer": made["image"]}
    (run.path / "generations.jsonl").write_text(json.dumps(said) + "\n")
    (view,) = read_answers(make_leaderboard([run]))
    (prediction,) = view.samples[0].predictions
    assert prediction.media == tuple(MADE.items())
    assert (prediction.text, prediction.answer) == ("see [image] [audio] [image]", "[image]")
    html = render_page(replace(full_page(tmp_path), answers=(view,)))
    shown = {kind: base64.b64encode(content).decode() for kind, content in MADE.items()}
    assert f'<img class="made" src="data:image/png;base64,{shown["image"]}"' in html
    assert f'src="data:audio/wav;base64,{shown["audio"]}"' in html


@pytest.mark.parametrize(
    ("values", "ceiling", "ends"),
    [
        ([50.0, 150.0], float("inf"), (44.0, 156.0)),  # 6 % of air on both sides
        ([1.0, 99.0], 100.0, (0.0, 100.0)),
        ([0.0, 0.0], 1.0, (0.0, 0.06)),
        ([100.0], 100.0, (94.0, 100.0)),
        ([-1.0, 1.0], float("inf"), (-1.12, 1.12)),
    ],
)
def test_axis_leaves_air_but_not_beyond_what_can_be(values, ceiling, ends):
    axis = Axis.around(values, ceiling=ceiling)
    assert (axis.low, axis.high) == pytest.approx(ends)
    assert axis.at(axis.low) == 0.0
    assert axis.at(axis.high) == 160.0


@pytest.mark.browser
def test_works_in_a_browser(tmp_path):
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    write_page(full_page(tmp_path, words=HOSTILE), tmp_path / "page.html")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    messages, requests = [], []
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        tab = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme="dark")
        tab.on("console", lambda message: messages.append(message.text))
        tab.on("pageerror", lambda error: messages.append(str(error)))
        tab.on("dialog", lambda dialog: messages.append(f"dialog: {dialog.message}"))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto((tmp_path / "page.html").as_uri())
        tab.wait_for_function("[...document.querySelectorAll('audio')].every(sound => sound.duration > 0)")
        duration_s = tab.evaluate("document.querySelector('audio').duration")
        width = tab.evaluate("document.documentElement.scrollWidth")
        first_cell = "document.querySelector('.board .sortable tbody tr').cells[1].textContent"
        best = tab.evaluate(first_cell)
        tab.click(".board .sortable thead button >> nth=2")
        worst = tab.evaluate(first_cell)
        tab.click(".board .sortable thead button >> nth=2")
        best_again = tab.evaluate(first_cell)
        browser.close()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [(tmp_path / "page.html").as_uri()]
    assert duration_s == pytest.approx(0.25)
    assert width == 400  # nothing sticks out of a narrow screen
    assert best == best_again != worst
