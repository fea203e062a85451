"""ImageNet's classes: the shipped table against what is known of it, and against another walk of the tree."""

import re

import pytest
from speciation.validation.models import imagenet_table
from speciation.validation.models.imagenet_classes import class_names, groups_of, is_imagenet, synsets

NAMES = class_names()


def test_the_table_is_of_imagenet():
    """Class numbers follow the sorted identifiers; breeds of dogs are 151 to 268."""
    numbered = {s.number: s for s in synsets().values() if s.number is not None}
    assert sorted(numbered) == [*range(1000)]
    identifiers = [numbered[k].identifier for k in range(1000)]
    assert identifiers == sorted(identifiers)
    known = {0: "tench", 207: "golden retriever", 281: "tabby", 388: "giant panda", 999: "toilet tissue"}
    assert {number: numbered[number].lemmas[0] for number in known} == known
    assert identifiers[207] == "n02099601"
    assert groups_of(["dog"])["dog"] == [*range(151, 269)]
    assert all(above in synsets() for s in synsets().values() for above in s.hypernyms)


def test_groups_are_what_has_the_name_above_it():
    """Going up from each class, where `groups_of` goes down from the name."""

    def above(identifier):
        own = synsets()[identifier]
        return {identifier}.union(*map(above, own.hypernyms))

    groups = groups_of(["animal", "artifact", "rest"])
    tops = {"animal": "n00015388", "artifact": "n00021939"}
    for number in range(1000):
        own = above(NAMES.identifiers[str(number)])
        found = [name for name, top in tops.items() if top in own] or ["rest"]
        assert [name for name, members in groups.items() if number in members] == found
    assert [len(members) for members in groups.values()] == [398, 522, 80]


def test_classes_by_name():
    for name in ("golden retriever", "Golden Retriever", "n02099601", " golden retriever "):
        assert NAMES.find(name) == "207"
    assert NAMES.find("tabby, tabby cat") == "281"
    assert NAMES.find("unicorn") is None
    assert NAMES.shown("207") == "207 (golden retriever)"


@pytest.mark.parametrize(
    ("name", "identifiers"), [("crane", "n02012849 n03126707"), ("maillot", "n03710637 n03710721")]
)
def test_a_name_of_two_classes_is_refused_with_both(name, identifiers):
    with pytest.raises(ValueError, match=f"{name!r} is the name of") as refusal:
        NAMES.find(name)
    assert re.findall(r"n\d{8}", str(refusal.value)) == identifiers.split()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("animal,dog", r"'animal' and 'dog' overlap: 118 classes, as 151 \(Chihuahua\), are in both"),
        ("dog,unicorn", "'unicorn' is no class of ImageNet and nothing above one"),
        ("dogg,cat", "'dogg' is no class of ImageNet and nothing above one; near it are dog"),
        ("plant,dog", r"'plant' is the name of n00017222 \(.*\) and n03956922 \(.*\); say which"),
        ("dog,dog", "a group is named twice"),
        ("entity,rest", "'rest' is empty"),
    ],
)
def test_groups_that_are_none_are_refused_by_name(names, message):
    with pytest.raises(ValueError, match=f"partition: {message}"):
        groups_of(names.split(","))


def test_other_classes_are_not_imagenets():
    numbers = [*map(str, range(1000))]
    assert not is_imagenet(numbers, None)  # a thousand of what?
    assert is_imagenet(numbers, NAMES)
    assert not is_imagenet(numbers[:999], NAMES)
    shifted = {str(k): NAMES.names[str((k + 1) % 1000)] for k in range(1000)}
    assert not is_imagenet(numbers, type(NAMES)(shifted))
    capital = {k: [name.upper() for name in own[:1]] for k, own in NAMES.names.items()}
    assert is_imagenet(numbers, type(NAMES)(capital))


NOUNS = """  1 WordNet's notice
  2 goes on
00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | all there is
00000002 05 n 02 house_cat 0 moggy 0 002 @ 00000001 n 0000 ~ 00000003 n 0000 | purrs | and more
00000003 05 n 01 Tom 0 002 @i 00000002 n 0000 + 00000009 v 0101 | of its own
00000009 05 n 01 stone 0 001 @ 00000001 n 0000 | unneeded
"""


def test_the_table_is_made_of_wordnet(tmp_path):
    (tmp_path / "synsets.txt").write_text("n00000003\n")
    (tmp_path / "data.noun").write_text(NOUNS)
    imagenet_table.main(*map(str, (tmp_path / "synsets.txt", tmp_path / "data.noun", tmp_path / "out")))
    assert (tmp_path / "out" / "synsets.tsv").read_text() == (
        "synset\tlemmas\thypernyms\tclass\nn00000001\tentity\t\t\n"
        "n00000002\thouse cat, moggy\tn00000001\t\nn00000003\tTom\tn00000002\t0\n"
    )
    assert (tmp_path / "out" / "LICENSE").read_text().endswith("WordNet's notice\ngoes on\n")
