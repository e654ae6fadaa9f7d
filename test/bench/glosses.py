"""Dictionary glosses: the definitions in the Debian packages dict-wn (WordNet 3.0) and dict-gcide (Webster 1913)."""
import gzip
import re
import string

from debian import package_file

DIGITS = {letter: value for value, letter in
          enumerate(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/")}
SHORTEST = 20  # characters: below that a gloss is a mere synonym


def number(text):
    """A number of a dictd index: base 64, most significant digit first."""
    value = 0
    for letter in text:
        value = 64 * value + DIGITS[letter]
    return value


def entries(package, name, folder):
    """Text of each entry of a dictd dictionary, in the order of the file, each once however many words lead to it."""
    with open(package_file(package, f"usr/share/dictd/{name}.index", folder), encoding="utf-8") as file:
        places = {tuple(map(number, line.rstrip("\n").split("\t")[1:3])) for line in file}
    # A .dz file is a .gz file with an index of its own; we read all of it.
    with gzip.open(package_file(package, f"usr/share/dictd/{name}.dict.dz", folder)) as file:
        whole = file.read()
    for offset, length in sorted(places):
        yield whole[offset:offset + length].decode("utf-8", "replace")


def wordnet(entry):
    """`    n 1: a person who … [syn: {…}]`: what stands between a sense's number and its examples or cross references."""
    text = " ".join(entry.split("\n", 1)[-1].split())
    text = re.sub(r"\[(syn|ant|also): [^\]]*\]", "", text)
    for sense in re.split(r"(?:^| )(?:(?:n|v|adj|adv) )?\d+: |(?:^| )(?:n|v|adj|adv) : ", text)[1:]:
        yield re.split(r'; "', sense, maxsplit=1)[0]


def webster(entry):
    """`   2. Bestowed as a gratuity; as, …`: the numbered senses, without sources, quotations and marks of usage."""
    for sense in re.findall(r"^   \d+\. (.*(?:\n {6}\S.*)*)", entry, re.MULTILINE):
        sense = re.sub(r"\[[^\]]*\]|\((?:[A-Z]\w*\.? ?)+\)", "", " ".join(sense.split()))
        yield re.split(r" --|; as,", sense, maxsplit=1)[0].replace("{", "").replace("}", "")


def glosses(folder):
    """All distinct glosses, in the order of the dictionaries."""
    found = {}
    for package, name, senses in (("dict-wn", "wn", wordnet), ("dict-gcide", "gcide", webster)):
        for entry in entries(package, name, folder):
            # An entry that starts with 00-database describes the dictionary.
            if not entry.startswith("00-"):
                for sense in senses(entry):
                    gloss = " ".join(sense.split()).strip(" ;,:")
                    if len(gloss) >= SHORTEST:
                        found.setdefault(gloss, None)
    return list(found)
