"""The records of one long answer, found without decoding it: a hundred transcripts would be some hundred megabytes of objects.

    skeleton, places = sliced(body, "callTranscripts")
    for start, end in places: one = TranscriptData.model_validate_json(body[start:end])

Nothing is taken on trust: the skeleton, in which each record is a `0`, and the records go through a JSON parser, which so sees every byte.
"""

from __future__ import annotations

import re

# Possessive throughout, so that a string without an end costs a few passes and not one for each letter.
_PLAIN = rb'[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+"'
_SENTENCE = rb"\{(?:%s)*+\}" % _PLAIN
_SENTENCES = rb"\[(?:%s|%s)*+\]" % (_PLAIN, _SENTENCE)
_MONOLOGUE = rb"\{(?:%s|%s)*+\}" % (_PLAIN, _SENTENCES)

# Up to the next bracket that is not inside a string; inside a record, past all monologues that are shaped as expected: much faster.
_NEXT_BRACKET = re.compile(rb"(?:%s)*+([{}\[\]])" % _PLAIN, re.DOTALL)
_NEXT_ODD_BRACKET = re.compile(rb"(?:%s|%s)*+([{}\[\]])" % (_PLAIN, _MONOLOGUE), re.DOTALL)

# The depth inside the array of an answer's object.
_AMONG_RECORDS = 2

Places = list[tuple[int, int]]


def sliced(body: bytes, name: str) -> tuple[bytes, Places]:
    """`body` with a 0 for each record in its array called `name`, and from where to where the records stand in `body`.

    What is no JSON comes back as it is, or as something that is no JSON either.
    """
    places = _places(body, re.compile(rb'"%s"\s*+:\s*+\[\Z' % re.escape(name.encode())))
    kept, at = [], 0
    for start, end in places:
        kept.append(body[at:start])
        at = end
    return b"0".join([*kept, body[at:]]), places


def _places(body: bytes, array: re.Pattern[bytes]) -> Places:
    places: Places = []
    depth = at = start = 0
    among = False
    while found := (_NEXT_ODD_BRACKET if depth > _AMONG_RECORDS else _NEXT_BRACKET).match(body, at):
        here = found.start(1)
        opens = body[here] in b"{["
        if opens and depth == 1:
            among = array.search(body, at, here + 1) is not None
        elif opens and among and depth == _AMONG_RECORDS:
            start = here
        depth += 1 if opens else -1
        if not opens and among and depth == _AMONG_RECORDS:
            places.append((start, here + 1))
        at = here + 1
    return places
