"""Whether a regular expression may meet a name that the peer chooses.

`re` tries every way in which a pattern can match, and a name that almost matches makes it try them all. So each
pattern is measured beforehand, over the letters that a name can have (a-z, 0-9, hyphen, dot, underscore):

- a part that can match no letter of a name makes the whole route dead;
- repetition without a bound inside repetition without a bound is refused, whatever the parts are;
- inside anything that repeats, the next letter alone must say how to go on, and what repeats cannot be empty:
  otherwise the number of ways is exponential in the length of the name;
- what is left are choices of where one part ends and the next begins; the product of their numbers is limited.

The pattern becomes a position automaton (Glushkov 1961): one position for each part that matches one letter, and for
each position those that may follow it. May not: match anything.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from pumpproxy import hostnames
from pumpproxy.config.problems import BadValue, Fault, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_parser = import_module("re._parser")  # private, but the same since 3.11; typeshed does not know it
_c = import_module("re._constants")

_Node: TypeAlias = Any
"""A piece of re's own tree, which has no types."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-._"
_BIT = {letter: 1 << index for index, letter in enumerate(_LETTERS)}
_ALL = (1 << len(_LETTERS)) - 1

_LONGEST = 1000
"""Characters of a pattern: no name has more than 253, and the parser is recursive."""

_MOST_WAYS = hostnames.MAX_NAME**3
"""Three parts of any length in a row (`.*a.*b.*c`): some 30 ms for the worst name; a fourth makes it seconds."""

_BOUND = "bound one of them, for example {1,63}"
_REPEATS = (_c.MAX_REPEAT, _c.MIN_REPEAT, _c.POSSESSIVE_REPEAT)


def check(pattern: str) -> None:
    """Raise BadValue where a pattern does not compile, never matches a name, or can take too long to say so."""
    if len(pattern) > _LONGEST:
        raise BadValue(Fault("the pattern is too long", f"{_LONGEST} characters at most"))
    try:
        # "Possible nested set" and its like are FutureWarnings: such a pattern would change its meaning.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, re.ASCII)
            tree = _parser.parse(pattern, re.ASCII)
            _measure(tree, ignore_case=bool(tree.state.flags & re.IGNORECASE))
    except (re.error, Warning, ValueError, OverflowError) as error:
        raise BadValue(Fault(f"the pattern does not compile: {error}")) from error
    except RecursionError:
        raise BadValue(Fault("the pattern is nested too deeply")) from None


@dataclass(slots=True)
class _Part:
    """A piece of the pattern: whether it may match nothing, and its positions at either end."""

    empty: bool
    first: list[int]
    last: list[int]


@dataclass(slots=True)
class _Choice:
    """Positions from `start` to before `end` may be repeated or left out in `ways` different ways."""

    start: int
    end: int
    first: list[int]
    ways: int


def _measure(tree: Iterable[_Node], *, ignore_case: bool) -> None:
    automaton = _Automaton()
    whole = automaton.sequence(tree, ignore_case=ignore_case, endless=False)
    automaton.follow.append(whole.first)  # of the position before the first
    ways = automaton.branches
    for choice in automaton.choices:
        if automaton.is_open(choice):
            ways *= choice.ways
    if ways > _MOST_WAYS:
        hint = "use [^.]* or [a-z0-9-]* in place of .*"
        raise BadValue(Fault("the pattern leaves too many ways to match a name", hint))


@dataclass(slots=True)
class _Automaton:
    masks: list[int] = field(default_factory=list)
    """The letters of each position, one bit each."""
    follow: list[list[int]] = field(default_factory=list)
    """A position stands there as often as there are ways to reach it."""
    choices: list[_Choice] = field(default_factory=list)
    branches: int = 1
    """The product of the alternatives that may begin with the same letter."""

    def sequence(self, items: Iterable[_Node], *, ignore_case: bool, endless: bool) -> _Part:
        """Add parts that follow each other; `endless` is inside repetition without a bound."""
        whole = _Part(empty=True, first=[], last=[])
        for op, value in items:
            part = self.part(op, value, ignore_case=ignore_case, endless=endless)
            for position in whole.last:
                self.follow[position] += part.first
            whole.first = whole.first + part.first if whole.empty else whole.first
            whole.last = whole.last + part.last if part.empty else part.last
            whole.empty = whole.empty and part.empty
        return whole

    def part(self, op: object, value: _Node, *, ignore_case: bool, endless: bool) -> _Part:
        """Add one node of the tree."""
        if op in _REPEATS:
            return self.repeat(value, ignore_case=ignore_case, endless=endless)
        if op is _c.SUBPATTERN:
            _, added, removed, body = value
            ignore_case = bool((ignore_case or added & re.IGNORECASE) and not removed & re.IGNORECASE)
            return self.sequence(body, ignore_case=ignore_case, endless=endless)
        if op is _c.ATOMIC_GROUP:
            return self.sequence(value, ignore_case=ignore_case, endless=endless)
        if op is _c.BRANCH:
            return self.branch(value[1], ignore_case=ignore_case, endless=endless)
        if op is _c.GROUPREF_EXISTS:
            return self.branch([value[1], value[2] or ()], ignore_case=ignore_case, endless=endless)
        if op in (_c.ASSERT, _c.ASSERT_NOT):
            _measure(value[1], ignore_case=ignore_case)
        if op in (_c.ASSERT, _c.ASSERT_NOT, _c.AT):
            return _Part(empty=True, first=[], last=[])
        return self.letter(op, value, ignore_case=ignore_case)

    def letter(self, op: object, value: _Node, *, ignore_case: bool) -> _Part:
        """Add a position. What a back-reference repeats is not known: anything, or nothing."""
        known = op in (_c.LITERAL, _c.NOT_LITERAL, _c.IN, _c.ANY)
        mask = _mask(op, value, ignore_case=ignore_case) if known else _ALL
        if not mask:
            text = f" like {quoted(chr(value))}" if op is _c.LITERAL else ""
            hint = "names are compared in lower case, as A-labels, without port"
            raise BadValue(Fault(f"the pattern has a part{text} that no name can have", hint))
        self.masks.append(mask)
        self.follow.append([])
        position = [len(self.masks) - 1]
        return _Part(empty=not known, first=position, last=position)

    def branch(self, bodies: Sequence[_Node], *, ignore_case: bool, endless: bool) -> _Part:
        """Add alternatives."""
        start = len(self.masks)
        parts = [self.sequence(body, ignore_case=ignore_case, endless=endless) for body in bodies]
        first = [position for part in parts for position in part.first]
        if not self.differ(first):
            self.branches *= len(parts)
        empty = [part for part in parts if part.empty]
        if len(empty) > 1:
            # Also what re makes of `(ab|ab)`: ab(|).
            raise BadValue(Fault("the pattern has alternatives that are the same, or may both be empty", "leave one"))
        if empty:
            self.choices.append(_Choice(start, len(self.masks), first, len(parts)))
        return _Part(bool(empty), first, [position for part in parts for position in part.last])

    def repeat(self, value: _Node, *, ignore_case: bool, endless: bool) -> _Part:
        """Add what is repeated, or may be left out."""
        least, most, body = value
        unbounded = most is _c.MAXREPEAT
        if unbounded and endless:
            raise BadValue(Fault("the pattern has unbounded repetition inside unbounded repetition", _BOUND))
        start = len(self.masks)
        part = self.sequence(body, ignore_case=ignore_case, endless=endless or unbounded)
        end = len(self.masks)
        if part.empty and (least == 0 or unbounded or most > 1):
            hint = "let it match one letter at least"
            raise BadValue(Fault("the pattern repeats or leaves out a part that may be empty anyway", hint))
        if unbounded or most > 1:
            self.loop(part, start, end)
        if most != least:
            self.choices.append(_Choice(start, end, part.first, min(hostnames.MAX_NAME, most - least + 1)))
        return _Part(part.empty or least == 0, part.first, part.last)

    def loop(self, part: _Part, start: int, end: int) -> None:
        """Let a part follow itself."""
        for position in part.last:
            self.follow[position] += part.first
        if not all(self.differ(self.follow[position]) for position in range(start, end)):
            hint = "let each part in it begin with a letter of its own"
            raise BadValue(Fault("the pattern repeats a part that can match the same letters in two ways", hint))

    def differ(self, positions: Iterable[int]) -> bool:
        """Whether a letter decides between these positions."""
        seen = 0
        for position in positions:
            if seen & self.masks[position]:
                return False
            seen |= self.masks[position]
        return True

    def union(self, positions: Iterable[int]) -> int:
        """The letters of any of these positions."""
        mask = 0
        for position in positions:
            mask |= self.masks[position]
        return mask

    def is_open(self, choice: _Choice) -> bool:
        """Whether somewhere a letter does not decide between the repeated part and what comes after it."""
        again = self.union(choice.first)
        for position in (*range(choice.end), -1):
            follow = self.follow[position]
            if not set(choice.first).isdisjoint(follow):
                after = self.union(other for other in follow if other >= choice.end)
                if again & after:
                    return True
        return False


def _mask(op: object, value: _Node, *, ignore_case: bool) -> int:
    """The letters of a name that a node of the tree matches."""
    if op is _c.ANY:
        return _ALL
    if op is _c.IN:
        negated = value[0][0] is _c.NEGATE
        mask = 0
        for inner, argument in value[negated:]:
            mask |= _set_mask(inner, argument, ignore_case=ignore_case)
        return _ALL ^ mask if negated else mask
    letter = chr(value).lower() if ignore_case else chr(value)
    mask = _BIT.get(letter, 0)
    return _ALL ^ mask if op is _c.NOT_LITERAL else mask


def _set_mask(op: object, value: _Node, *, ignore_case: bool) -> int:
    """The letters of one member of a set."""
    if op is _c.LITERAL:
        return _mask(op, value, ignore_case=ignore_case)
    if op is _c.RANGE:
        low, high = value
        inside = [x for x in _LETTERS if low <= ord(x) <= high or (ignore_case and low <= ord(x.upper()) <= high)]
    else:
        inside = [x for x in _LETTERS if _CATEGORIES[value].match(x)]
    return sum(_BIT[x] for x in inside)


_CATEGORIES = {
    _c.CATEGORY_DIGIT: re.compile(r"\d"),
    _c.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    _c.CATEGORY_SPACE: re.compile(r"\s"),
    _c.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    _c.CATEGORY_WORD: re.compile(r"\w"),
    _c.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
