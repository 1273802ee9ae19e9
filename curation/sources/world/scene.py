"""What a scene of the small world is: facts only; pictures, sounds, captions and questions are made from them.

A scene is a picture, a film that begins as that picture, a sound clip, and what a person's motion sensor recorded. Each
clock starts at 0 s; things keep their number for the whole scene.
"""

import math
import random
from typing import Literal, get_args

import numpy as np
from msgspec import Struct

SCHEMA = 2
WIDTH_PX, HEIGHT_PX = 320, 240
SAMPLE_RATE_HZ, FILM_FPS, IMU_RATE_HZ = 16_000, 8, 200
IMU_DURATION_S = 5.0

Split = Literal["train", "val", "test"]
Modality = Literal["image", "audio", "video", "imu"]
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
Motion = Literal["left", "right", "up", "down", "circles", "grows", "shrinks", "spins", "blinks", "disappears"]
Activity = Literal[
    "stand", "walk", "run", "jump", "turn left", "turn right", "climb stairs", "nod", "shake the head", "cycle"
]
Pace = Literal["slow", "steady", "fast"]
Attribute = Literal["size", "pattern", "colour", "kind"]
Relation = Literal["left of", "right of", "above", "below", "inside", "in front of", "behind"]
Region = Literal["top left", "top right", "bottom left", "bottom right", "center"]

SPLITS: tuple[Split, ...] = get_args(Split)
KINDS: tuple[Kind, ...] = get_args(Kind)
COLOURS: tuple[Colour, ...] = get_args(Colour)
SIZES: tuple[Size, ...] = get_args(Size)
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
SOUNDS: tuple[Sound, ...] = get_args(Sound)
MODALITIES: tuple[Modality, ...] = get_args(Modality)
MOTIONS: tuple[Motion, ...] = get_args(Motion)
DIRECTIONS = MOTIONS[:4]
STEPS: dict[Motion, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
RELATIONS: tuple[Relation, ...] = get_args(Relation)
REGIONS: tuple[Region, ...] = get_args(Region)
ACTIVITIES: tuple[Activity, ...] = get_args(Activity)
PACES: tuple[Pace, ...] = get_args(Pace)
VALUES: dict[Attribute, tuple[str, ...]] = {"size": SIZES, "pattern": PATTERNS, "colour": COLOURS, "kind": KINDS}

# Radius of the largest circle inside the hole of a hollow kind, in units of the thing's radius.
HOLE_RADIUS: dict[Kind, float] = {"ring": 0.62, "frame": 0.52}
# Share of a thing's own area that must be visible before anything is said or asked about it.
CLEARLY_VISIBLE = 0.5

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

    def distance_px(self, other: "Thing") -> float:
        """Distance of the centres."""
        return math.dist((self.centre_x_px, self.centre_y_px), (other.centre_x_px, other.centre_y_px))

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


class MotionEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """What one thing does between two times; the others are still.

    `amount` is the way in pixels of the picture for directions, the radius of the round for `circles` (negative: it
    begins downwards), and the factor of size for `grows` and `shrinks`.
    """

    thing: int
    motion: Motion
    start_s: float
    end_s: float
    amount: float = 0.0


class Film(Struct, frozen=True, forbid_unknown_fields=True):
    """One event after the other, never two at once; the first frame is the picture of the scene."""

    duration_s: float
    events: tuple[MotionEvent, ...]


class ActivitySpan(Struct, frozen=True, forbid_unknown_fields=True):
    """What the person who wears the sensor does between two times; who stands has no pace but `steady`."""

    activity: Activity
    pace: Pace
    start_s: float
    end_s: float


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
    film: Film
    activities: tuple[ActivitySpan, ...]
    captions: dict[Modality, tuple[str, ...]] = {}

    @property
    def image_id(self) -> int:
        """Number of the picture in the COCO-style files; from 1."""
        return self.number + 1

    @property
    def image_split(self) -> Literal["train2014", "val2014"]:
        """COCO-style part of the picture: scenes of `val` and `test` both lie in val2014."""
        return "train2014" if self.split == "train" else "val2014"

    @property
    def youtube_id(self) -> str:
        """Eleven characters as AudioCaps has them, and Ego4D's video_uid; invented, it names no video."""
        return f"world{np.base_repr(self.number, 36).lower():0>6}"

    @property
    def audio_start_s(self) -> int:
        """Start time for the AudioCaps-style rows; invented as well."""
        return self.number % 30 * 10

    def path(self, modality: Modality) -> str:
        """Path of a medium, under the name that COCO, AudioCaps, MSR-VTT and Ego4D would give it."""
        paths: dict[Modality, str] = {
            "image": f"images/{self.image_split}/COCO_{self.image_split}_{self.image_id:012d}.jpg",
            "audio": f"audiocaps/audios/{self.youtube_id}_{self.audio_start_s}.wav",
            "video": f"msrvtt/videos/video{self.number}.mp4",
            "imu": f"ego4d/imu/{self.youtube_id}.npy",
        }
        return paths[modality]

    def stream(self, purpose: str) -> random.Random:
        """The scene's random numbers for one purpose; see `random_stream`."""
        return random_stream(self.seed, self.number, purpose)

    def noise_stream(self, purpose: str) -> np.random.Generator:
        """The same for arrays."""
        return np.random.default_rng(self.stream(purpose).getrandbits(64))


def split_of(number: int) -> Split:
    """Three scenes in five train, one validates, one tests: by number alone, so that a longer world keeps its start."""
    return _SPLIT_CYCLE[number % len(_SPLIT_CYCLE)]


def is_look_of(split: Split, kind: Kind, colour: Colour) -> bool:
    """Whether this pair may appear in the split: three colours of each kind are never seen in training."""
    return ((3 * KINDS.index(kind) + COLOURS.index(colour)) % len(COLOURS) in (0, 3, 6)) == (split != "train")


def may_meet(split: Split, *places: int) -> bool:
    """Whether values at these places of their lists may meet in the split: one meeting in three is held out.

    Of sounds and their turns in a clip, motions and the kinds that do them, activities and their paces.
    """
    return (sum(places) % 3 == 0) == (split != "train")


def random_stream(seed: int, number: int, purpose: str) -> random.Random:
    """Random numbers of one scene for one purpose; no purpose and no other scene can disturb them.

    The 1 is the version that the first purposes came with: they draw the same numbers ever since.
    """
    return random.Random(f"anymodal world 1/{seed}/{number}/{purpose}")
