"""The words of a bandit: nouns, sentences and label lists. The scenario changes words, never rewards.

Invariants: a label names one action only, whatever its case. The parser finds it in an agent's answer, so it holds no
markup, semicolon or marker such as "ACTION=" and does not begin with "the"; it may be a call of a tool, such as
`press(colour="red", times=2)`. Labels with commas are listed with semicolons. A list that is too short is continued
with "-2", "-3" after its labels; the parser does not confuse "Red-2" with "Red".
The first scenario is the published "button" one. The others follow BanditBench (Nie et al. 2024) and the numbered arms
of Schmied et al. 2025 (A1), in words of our own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadOption
from ..records import plain_signs


@dataclass(frozen=True, slots=True)
class Scenario:
    """The words of a bandit.

    Attributes:
        noun, nouns: an action, in singular and plural; one word each.
        labels: its default list in `LABELS`.
        gaussian, bernoulli: how an action pays, in one sentence or two.
        turns: the decisions of an episode, in plural.
        act: the verb of choosing an action, also used in the closing question.
    """

    noun: str
    nouns: str
    labels: str
    gaussian: str
    bernoulli: str
    turns: str
    act: str

    def instruction(self, labels: Sequence[str], turns: int, rewards: str) -> str:
        listed = ("; " if any("," in label for label in labels) else ", ").join(labels)
        pays = self.bernoulli if rewards == "bernoulli" else self.gaussian
        return (
            f"You face {len(labels)} {self.nouns}: {listed}. {pays} There are {turns} {self.turns} in all "
            "and you want the highest total reward."
        )

    def rule(self, words: str) -> str:
        """The rule as an instruction; `words` may hold {noun}."""
        article = "an" if self.noun[0] in "aeiou" else "a"
        rule = words.replace("a {noun}", f"{article} {{noun}}").format(noun=self.noun)
        return f"At every step {self.act} the {self.noun} with the highest value of {rule}."

    @property
    def question(self) -> str:
        return f"Which {self.noun} do you {self.act} next?"


SCENARIOS = {
    "buttons": Scenario(
        "button", "buttons", "colours",
        "Pressing a button pays a noisy reward; each button has its own fixed average.",
        "Pressing a button pays 1 or 0; each button has its own fixed chance of paying 1.",
        "presses", "press",
    ),
    "numbered": Scenario(
        "arm", "arms", "numbers",
        "Pulling an arm pays a noisy reward; each arm has its own fixed average.",
        "Pulling an arm pays 1 or 0; each arm has its own fixed chance of paying 1.",
        "pulls", "pull",
    ),
    "clothes": Scenario(
        "garment", "garments", "clothes",
        "You run a shop and suggest one garment to each shopper, whose satisfaction is your reward; it varies from "
        "shopper to shopper around a fixed average of the garment.",
        "You run a shop and suggest one garment to each shopper: the reward is 1 if it is bought and 0 if not; each "
        "garment has its own fixed chance of being bought.",
        "shoppers", "suggest",
    ),
    "video": Scenario(
        "video", "videos", "videos",
        "You play one video to each visitor of a site, whose enjoyment is your reward; it varies from visitor to "
        "visitor around a fixed average of the video.",
        "You play one video to each visitor of a site: the reward is 1 if it is watched to the end and 0 if not; each "
        "video has its own fixed chance of being watched.",
        "visitors", "play",
    ),
    "adverts": Scenario(
        "advert", "adverts", "adverts",
        "You show one advert to each reader of a page, whose interest is your reward; it varies from reader to reader "
        "around a fixed average of the advert.",
        "You show one advert to each reader of a page: the reward is 1 if it is clicked and 0 if not; each advert has "
        "its own fixed chance of being clicked.",
        "readers", "show",
    ),
}  # fmt: skip

LABELS = {
    "colours": (
        "Red", "Blue", "Green", "Yellow", "Purple", "Orange", "Pink", "Brown", "Black", "White",
        "Grey", "Teal", "Gold", "Silver", "Lime", "Navy", "Coral", "Olive", "Violet", "Indigo",
    ),
    "letters": tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "numbers": (),
    "clothes": (
        "Wool Scarf", "Linen Shirt", "Rain Coat", "Denim Jacket", "Silk Tie", "Straw Hat", "Knit Cap", "Plain Vest",
        "Tweed Blazer", "Pleated Skirt", "Cotton Robe", "Velvet Dress", "Corduroy Trousers", "Running Shorts",
        "Flannel Pyjamas", "Leather Belt", "Fleece Hoodie", "Polo Shirt", "Summer Blouse", "Winter Parka",
        "Cargo Pants", "Ankle Socks", "Suede Boots", "Canvas Shoes", "Ski Gloves", "Swim Trunks", "Evening Gown",
        "Quilted Waistcoat", "Striped Jumper", "Padded Anorak", "Beaded Shawl", "Work Overalls",
    ),
    "videos": (
        "Bread for Beginners", "Night Train", "Tidal Pools", "Chess in Ten Minutes", "Street Drums", "Alpine Hike",
        "Tiny Robots", "Cat and Piano", "Lost Cities", "Watercolour Basics", "Deep Sea Lights", "Bike Repair",
        "Desert Storm Chasers", "Folk Dance Class", "Volcano Diary", "Pasta by Hand", "Space Walk", "Clay Animals",
        "Winter Camp", "Magic with Coins", "Jazz at Noon", "Garden in June", "Paper Planes", "Skate Park Tour",
        "Bird Songs", "History of Clocks", "Marathon Finish", "Sushi Workshop", "Old Maps", "Kite Festival",
        "Lighthouse Keeper", "Stop Motion Lab",
    ),
    "adverts": (
        "Fresh Start Coffee", "Quiet Keys Pianos", "Blue Door Hotels", "Swift Parcel", "Nordic Lamps", "Oak and Pine",
        "Bright Smile Dental", "Morning Loaf", "Hilltop Cycles", "River Bank Savings", "Green Fork Meals",
        "Cloud Nine Pillows", "Paper Lantern Books", "Harbour Ferries", "Sunny Side Solar", "True North Boots",
        "Little Chef School", "Evergreen Insurance", "Polar Ice Cream", "Silver Screen Club", "Open Road Rentals",
        "Kind Paws Clinic", "Second Wind Gym", "Velvet Sound Speakers", "Copper Kettle Tea", "Starlight Tours",
        "Clear View Glasses", "Maple Street Market", "Rapid Print Shop", "Golden Hour Photos", "Stone Oven Pizza",
        "Tall Ship Museum",
    ),
}  # fmt: skip

# What ends or interrupts a label for the parsers of `akrasia.agents.answers`, or in an instruction's list.
_UNREADABLE = re.compile(
    r"[\x00-\x1f`*<>;|]|^[\s\"'_.,:=]|[\s_.,:]$|\s\s|^the\s|^[\W_]*$|(?<![a-z0-9])(?:action|best|confidence|answer)\s*[=:]",
    re.IGNORECASE,
)


def extend_labels(labels: Sequence[str], size: int) -> tuple[str, ...]:
    """At least `size` labels: those of the list, then the same with "-2", "-3", ... after them."""
    rounds = -(-size // len(labels))
    more = (f"{label}-{n}" for n in range(2, rounds + 1) for label in labels)
    return tuple([*labels, *more][: max(size, len(labels))])


def label_pool(labels: str | tuple[str, ...], arms: int) -> tuple[str, ...]:
    """The labels from which an episode with this many arms draws its own."""
    if labels == "numbers":
        return tuple(map(str, range(arms)))
    return extend_labels(LABELS[labels], arms) if isinstance(labels, str) else labels


def check_labels(labels: Sequence[str], arms: int) -> tuple[str, ...]:
    """Check a user's list of labels.

    Raises:
        BadOption: two collide, the parser would not find one in an answer, or there are fewer than arms.
    """
    known: dict[str, str] = {}
    for label in labels:
        if not isinstance(label, str) or _UNREADABLE.search(label):
            raise BadOption(
                f"labels holds {label!r}",
                "the parser would not find it in an answer",
                "Use words, or calls such as press(red), without markup (` * < > |), semicolons, line breaks, "
                "double or outer blanks, outer punctuation, a leading 'the', or a marker such as ACTION=.",
            )
        form = plain_signs(label).casefold()
        if form in known:
            raise BadOption(
                f"labels {known[form]!r} and {label!r} collide",
                "answers are read without regard to case",
                "Give every action its own label.",
            )
        known[form] = label
    if len(known) < arms:
        raise BadOption(f"labels holds {len(known)} labels for {arms} arms", remedy="Give one label per arm.")
    return tuple(labels)
