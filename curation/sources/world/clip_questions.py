"""Questions about a sound clip, a film and a sensor window: what happens, in which order, how often and how."""

import itertools
from collections.abc import Callable, Sequence

from curation.sources.world import scene as facts
from curation.sources.world.asking import COUNTS, YES_NO, Offering, Offers, Template, yes_no
from curation.sources.world.relations import Attribute, View
from curation.sources.world.scene import DIRECTIONS, MOTIONS, MotionEvent
from curation.sources.world.wording import MOTION_VERBS, gerund, third_person

Story = Callable[[View], Sequence[str]]
"""What happens one after the other, in words."""

_ACTIONS = {motion: "move" if motion in DIRECTIONS else MOTION_VERBS[motion].split(" ")[-1] for motion in MOTIONS}
_ACTION_WORDS = tuple(dict.fromkeys(_ACTIONS.values()))
_ENDS = (("first", 0), ("last", -1))


def _sounds(view: View) -> Sequence[str]:
    return [event.sound for event in view.scene.soundscape.events]


def _deeds(view: View) -> Sequence[str]:
    return [span.activity for span in view.scene.activities]


def _ends(text: str, story: Story) -> Offering:
    """Asks what came first and last where several things happened one after the other."""
    return lambda view: ((text.format(word), story(view)[place]) for word, place in _ENDS if len(story(view)) > 1)


def _afters(text: str, story: Story, worded: Callable[[str], str] = str) -> Offering:
    """Asks what followed on each that something followed on."""
    return lambda view: ((text.format(worded(one)), after) for one, after in itertools.pairwise(story(view)))


def _any_of(text: str, story: Story, words: Sequence[str]) -> Offering:
    """Asks of each thing that could happen whether it does."""
    return lambda view: ((text.format(one), yes_no(one in story(view))) for one in words)


def _orders(text: str, story: Story) -> Offering:
    """Asks of every two that happened whether the one came before the other."""
    return lambda view: (
        (text.format(one, other), yes_no(story(view).index(one) < story(view).index(other)))
        for one, other in itertools.permutations(story(view), 2)
    )


def _events(view: View) -> tuple[MotionEvent, ...]:
    return view.scene.film.events


def _acting(view: View) -> set[int]:
    return {event.thing for event in _events(view)}


def _solos(view: View) -> dict[str, MotionEvent]:
    """What things do that do but one thing and have a name, by that name."""
    actors = [event.thing for event in _events(view)]
    solos = [event for event in _events(view) if actors.count(event.thing) == 1]
    return {name: event for event in solos if (name := view.name(event.thing))}


def _actor(text: str, attribute: Attribute) -> Offering:
    """Asks for an attribute of the thing that alone does something."""
    return lambda view: (
        (text.format(third_person(MOTION_VERBS[one.motion])), getattr(view.thing(one.thing), attribute))
        for one in _events(view)
        if sum(one.motion == other.motion for other in _events(view)) == 1
    )


def _end_actor(text: str, attribute: Attribute) -> Offering:
    """Asks for an attribute of the thing that acts first or last."""
    return lambda view: (
        (text.format(word), getattr(view.thing(_events(view)[place].thing), attribute)) for word, place in _ENDS
    )


def _next(text: str, told: Callable[[View, MotionEvent], str]) -> Offering:
    """Asks about the event after the one event of a thing; `text` takes the thing's name and what it does."""

    def offers(view: View) -> Offers:
        for (name, event), after in itertools.product(_solos(view).items(), _events(view)):
            if _events(view).index(after) == _events(view).index(event) + 1:
                yield text.format(name, third_person(MOTION_VERBS[event.motion])), told(view, after)

    return offers


def _does(view: View) -> Offers:
    """Of the things that act and, so that names do not tell, of those that do not."""
    done = [(event.thing, event.motion) for event in _events(view)]
    for number, motion in itertools.product(view.clear, MOTIONS):
        if name := view.name(number):
            yield f"Does the {name} {MOTION_VERBS[motion]}?", yes_no((number, motion) in done)


def _acts_before(view: View) -> Offers:
    for (name, one), (other_name, other) in itertools.permutations(_solos(view).items(), 2):
        yield f"Does the {name} move or change before the {other_name}?", yes_no(one.start_s < other.start_s)


def _bystanders(view: View) -> Offers:
    count = len(view.scene.things) - len(_acting(view))
    if view.is_complete and count <= 3:
        yield "How many shapes stay as they are?", str(count)


AUDIO_TEMPLATES: tuple[Template, ...] = (
    Template("sound at an end", "other", "what is heard", facts.SOUNDS, _ends("What is heard {}?", _sounds)),
    Template("sound after", "other", "what is heard", facts.SOUNDS,
             _afters("What is heard right after the {}?", _sounds)),
    Template("loudness", "other", "how loud", facts.LOUDNESSES,
             lambda view: ((f"How loud is the {one.sound}?", one.loudness) for one in view.scene.soundscape.events)),
    Template("floor", "other", "what is heard", facts.FLOORS,
             lambda view: iter([("What is heard in the background?", view.scene.soundscape.floor)])),
    Template("is heard", "yes/no", "is there", YES_NO,
             _any_of("Is there the sound of a {}?", _sounds, facts.SOUNDS)),
    Template("heard before", "yes/no", "is the", YES_NO, _orders("Is the {} heard before the {}?", _sounds)),
    Template("sounds", "number", "how many", COUNTS[1:4],
             lambda view: iter([("How many different sounds are there?", str(len(_sounds(view))))])),
    Template("repetitions", "number", "how many times", COUNTS[1:5],
             lambda view: ((f"How many times is the {one.sound} heard?", str(one.repetitions))
                           for one in view.scene.soundscape.events)),
)  # fmt: skip
VIDEO_TEMPLATES: tuple[Template, ...] = (
    Template("direction", "other", "which way", DIRECTIONS,
             lambda view: ((f"Which way does the {name} move?", one.motion) for name, one in _solos(view).items()
                           if one.motion in DIRECTIONS)),
    Template("deed", "other", "what does", _ACTION_WORDS,
             lambda view: ((f"What does the {name} do?", _ACTIONS[one.motion]) for name, one in _solos(view).items())),
    Template("deed at an end", "other", "what happens", _ACTION_WORDS,
             lambda view: ((f"What happens {word}: what does a shape do?", _ACTIONS[_events(view)[place].motion])
                           for word, place in _ENDS)),
    Template("deed after", "other", "what happens", _ACTION_WORDS,
             _next("What happens right after the {} {}?", lambda _, event: _ACTIONS[event.motion])),
    Template("colour of actor", "other", "what color", facts.COLOURS,
             _actor("What color is the shape that {}?", "colour")),
    Template("kind of actor", "other", "which", facts.KINDS, _actor("Which shape {}?", "kind")),
    Template("colour at an end", "other", "what color", facts.COLOURS,
             _end_actor("What color is the shape that moves or changes {}?", "colour")),
    Template("kind at an end", "other", "which", facts.KINDS, _end_actor("Which shape moves or changes {}?", "kind")),
    Template("kind after", "other", "which", facts.KINDS,
             _next("Which shape moves or changes right after the {}?", lambda view, one: view.thing(one.thing).kind)),
    Template("does", "yes/no", "does the", YES_NO, _does),
    Template("stays", "yes/no", "does the", YES_NO,
             lambda view: ((f"Does the {name} stay as it is?", yes_no(number not in _acting(view)))
                           for number in view.clear if (name := view.name(number)))),
    Template("acts before", "yes/no", "does the", YES_NO, _acts_before),
    Template("actors", "number", "how many", COUNTS[1:4],
             lambda view: iter([("How many shapes move or change?", str(len(_acting(view))))])),
    Template("bystanders", "number", "how many", COUNTS[:4], _bystanders),
)  # fmt: skip
IMU_TEMPLATES: tuple[Template, ...] = (
    Template("activity", "other", "what does", facts.ACTIVITIES,
             lambda view: (("What does the person do?", one) for one in _deeds(view) if len(_deeds(view)) == 1)),
    Template("activity at an end", "other", "what does", facts.ACTIVITIES,
             _ends("What does the person do {}?", _deeds)),
    Template("activity after", "other", "what does", facts.ACTIVITIES,
             _afters("What does the person do after {}?", _deeds, gerund)),
    Template("pace", "other", "how fast", facts.PACES,
             lambda view: ((f"How fast does the person {one.activity}?", one.pace) for one in view.scene.activities
                           if one.activity != "stand")),
    Template("person does", "yes/no", "does the", YES_NO,
             _any_of("Does the person {}?", _deeds, facts.ACTIVITIES)),
    Template("does before", "yes/no", "does the", YES_NO, _orders("Does the person {} before they {}?", _deeds)),
    Template("activities", "number", "how many", COUNTS[1:3],
             lambda view: iter([("How many different things does the person do?", str(len(_deeds(view))))])),
)  # fmt: skip
"""Every template of this file, once."""
