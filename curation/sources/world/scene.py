"""What a scene of the small world is: facts only; pictures, sounds, captions and questions are made from them.

A scene is one moment seen and one short clip heard. Its clock starts at 0 s, and things keep their number for the whole
scene: that is what motion (a path for each thing) and activity (a span of the clock) will hang on.
"""

import random
from typing import Literal, get_args

from msgspec import Struct

SCHEMA = 1
WIDTH_PX = 320
HEIGHT_PX = 240
SAMPLE_RATE_HZ = 16_000

Split = Literal["train", "val", "test"]
Modality = Literal["image", "audio"]
Purpose = Literal["facts", "noise", "synthesis", "image captions", "audio captions", "questions"]
Kind = Literal[
    "circle", "square", "triangle", "star", "heart", "hexagon", "ring", "frame", "cross", "moon", "flower", "drop"
]
Colour = Literal["red", "orange", "yellow", "green", "blue", "purple", "pink", "black"]
Size = Literal["small", "medium", "large"]
Pattern = Literal["plain", "striped", "dotted"]
Motif = Literal["plain", "grid", "waves", "hills", "bricks", "rays"]
Tint = Literal["cream", "mint", "frosty", "lilac", "peach", "silver"]
Noise = Literal["none", "light", "strong"]
Sound = Literal[
    "bell", "drum", "whistle", "siren", "clock", "buzzer", "water", "engine", "bird", "horn", "frog", "guitar"
]
Loudness = Literal["soft", "normal", "loud"]
Pitch = Literal["low", "middle", "high"]
Floor = Literal["silence", "hiss", "wind", "rain"]

KINDS: tuple[Kind, ...] = get_args(Kind)
COLOURS: tuple[Colour, ...] = get_args(Colour)
SIZES: tuple[Size, ...] = get_args(Size)
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
MOTIFS: tuple[Motif, ...] = get_args(Motif)
TINTS: tuple[Tint, ...] = get_args(Tint)
NOISES: tuple[Noise, ...] = get_args(Noise)
SOUNDS: tuple[Sound, ...] = get_args(Sound)
LOUDNESSES: tuple[Loudness, ...] = get_args(Loudness)
PITCHES: tuple[Pitch, ...] = get_args(Pitch)
FLOORS: tuple[Floor, ...] = get_args(Floor)

HOLE_RADIUS: dict[Kind, float] = {"ring": 0.62, "frame": 0.52}
"""Radius of the largest circle inside the hole of a hollow kind, in units of the thing's radius."""

CLEARLY_VISIBLE = 0.5
"""Share of a thing's own area that must be visible before anything is said or asked about it."""

_SPLIT_CYCLE: tuple[Split, ...] = ("train", "train", "val", "train", "test")


class Thing(Struct, frozen=True, forbid_unknown_fields=True):
    """One shape on the canvas; pixels count from the top left corner, and the box holds hidden parts of the outline."""

    kind: Kind
    colour: Colour
    size: Size
    pattern: Pattern
    centre_x_px: float
    centre_y_px: float
    radius_px: float
    tilt_deg: float
    box_xyxy_px: tuple[float, float, float, float]
    visible_share: float

    @property
    def is_clear(self) -> bool:
        """Enough of it is visible for anyone to name it."""
        return self.visible_share >= CLEARLY_VISIBLE


class Overlap(Struct, frozen=True, forbid_unknown_fields=True):
    """Thing `front` covers part of thing `back`; both count from 0 in drawing order."""

    front: int
    back: int


class Backdrop(Struct, frozen=True, forbid_unknown_fields=True):
    """What lies behind the things."""

    motif: Motif
    tint: Tint
    noise: Noise


class SoundEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """One source, heard `repetitions` times from `start_s` on: bursts of `burst_s`, each followed by `gap_s`."""

    sound: Sound
    loudness: Loudness
    pitch: Pitch
    repetitions: int
    start_s: float
    burst_s: float
    gap_s: float

    @property
    def end_s(self) -> float:
        """Where the last burst ends."""
        return self.start_s + self.repetitions * (self.burst_s + self.gap_s) - self.gap_s


class Soundscape(Struct, frozen=True, forbid_unknown_fields=True):
    """Events one after the other, never at once, over a faint floor."""

    duration_s: float
    floor: Floor
    events: tuple[SoundEvent, ...]


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """All facts of one scene, and the five captions of each modality that the official files carry.

    `things` stand in drawing order: a later one covers an earlier one. Media paths are relative to the world's folder.
    """

    schema: int
    seed: int
    number: int
    split: Split
    backdrop: Backdrop
    things: tuple[Thing, ...]
    overlaps: tuple[Overlap, ...]
    soundscape: Soundscape
    image_captions: tuple[str, ...] = ()
    audio_captions: tuple[str, ...] = ()

    @property
    def image_id(self) -> int:
        """Number of the picture in the COCO-style files; from 1."""
        return self.number + 1

    @property
    def image_split(self) -> Literal["train2014", "val2014"]:
        """COCO-style part of the picture: scenes of `val` and `test` both lie in val2014."""
        return "train2014" if self.split == "train" else "val2014"

    @property
    def image_path(self) -> str:
        """Path of the picture under its COCO-style name."""
        return f"images/{self.image_split}/COCO_{self.image_split}_{self.image_id:012d}.jpg"

    @property
    def youtube_id(self) -> str:
        """Eleven characters as AudioCaps has them; invented, it names no video."""
        return f"world{_base36(self.number):0>6}"

    @property
    def audio_start_s(self) -> int:
        """Start time for the AudioCaps-style rows; invented as well."""
        return self.number % 30 * 10

    @property
    def audio_path(self) -> str:
        """Path of the clip under its AudioCaps-style name."""
        return f"audiocaps/audios/{self.youtube_id}_{self.audio_start_s}.wav"


def split_of(number: int) -> Split:
    """Three scenes in five train, one validates, one tests: by number alone, so that a longer world keeps its start."""
    return _SPLIT_CYCLE[number % len(_SPLIT_CYCLE)]


def is_look_of(split: Split, kind: Kind, colour: Colour) -> bool:
    """Whether this pair may appear in the split: three colours of each kind are never seen in training."""
    is_held_out = (3 * KINDS.index(kind) + COLOURS.index(colour)) % len(COLOURS) in (0, 3, 6)
    return is_held_out == (split != "train")


def is_turn_of(split: Split, sound: Sound, turn: int) -> bool:
    """Whether the sound may be the `turn`-th event (from 0) of a clip in the split: one turn in three is held out."""
    is_held_out = (SOUNDS.index(sound) + turn) % 3 == 0
    return is_held_out == (split != "train")


def random_stream(seed: int, number: int, purpose: Purpose) -> random.Random:
    """Random numbers of one scene for one purpose; no purpose and no other scene can disturb them."""
    return random.Random(f"anymodal world {SCHEMA}/{seed}/{number}/{purpose}")


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = digits[digit] + text
    return text or "0"
