"""Transforms of texts: cleaning, keywords, and counts of words. Declarations only.

`words` does them. What is fitted learns its words and how rare they are from a captured range.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from aimass_stream.transforms.chain import Kind, Transform

_DOES = "aimass_stream.transforms.words:"


class _Cleaning(Transform, frozen=True):
    takes = gives = Kind.TEXT


class Lowercase(_Cleaning, frozen=True):
    """Small letters (`str.lower`)."""

    does = _DOES + "lowercase"


class StripSpace(_Cleaning, frozen=True):
    """No white space at the ends, and one space wherever there is more between words."""

    does = _DOES + "strip_space"


ChineseWords = Literal["pairs", "spaced"]
"""What counts as a word of Chinese: overlapping pairs of characters between function words, or what
stands between spaces, as `CutWords` leaves it."""


class CutWords(_Cleaning, frozen=True):
    """Set the words of Chinese apart by single spaces, by a dictionary; needs `chinese`.

    The dictionary is jieba's, the way through it the likeliest one, and words it does not have are
    found by a hidden Markov model of characters (`rjieba`). Whatever else is in the text stays.
    Steps behind it take these words for words with `chinese="spaced"`.
    """

    does = _DOES + "cut_words"
    library, extra = "rjieba", "chinese"


class StopWords(_Cleaning, frozen=True):
    """Take out the words that every text has; what is left is joined by single spaces.

    English words are scikit-learn's 318. Chinese ones are a list of function words. Among `pairs`
    they are found wherever they stand, longest first: `words.KEPT` has the commonest words that
    contain one and stay. Among words that are `spaced` they are taken out where they stand alone.

    Attributes:
        languages: whose words.
        extra_words: taken out beside, whole words in small letters; Chinese as function words are.
        chinese: what its words are.
    """

    does = _DOES + "without_stop_words"

    languages: tuple[Literal["english", "chinese"], ...] = ("english", "chinese")
    extra_words: tuple[str, ...] = ()
    chinese: ChineseWords = "pairs"


class Keywords(_Cleaning, frozen=True):
    """The words with the highest TF-IDF, best first, joined by spaces: fitted.

    English and other words between spaces are words; runs of Chinese characters are cut at stop
    words into overlapping pairs, as search engines do it without a dictionary, or are words
    themselves where they are `spaced`. A text none of whose words was in the captured range is
    refused as `empty`.

    Attributes:
        top: words at the most.
        max_words: of the vocabulary, the commonest first.
        min_records: that a word must be in to enter it.
        chinese: what its words are.
    """

    does = _DOES + "Keywords"
    is_fitted = True

    top: Annotated[int, Meta(ge=1, le=1_000)] = 10
    max_words: Annotated[int, Meta(ge=1, le=200_000)] = 20_000
    min_records: Annotated[int, Meta(ge=1)] = 2
    chinese: ChineseWords = "pairs"


class Tfidf(Transform, frozen=True):
    """TF-IDF of each word of the vocabulary (scikit-learn's `TfidfVectorizer`): fitted.

    Words are those of `Keywords`. At most `max_words` columns.

    Attributes:
        max_words: of the vocabulary, the commonest first.
        min_records: that a word must be in to enter it.
        chinese: what its words are.
    """

    takes = Kind.TEXT
    gives = Kind.VECTOR
    does = _DOES + "Tfidf"
    is_fitted = True

    max_words: Annotated[int, Meta(ge=1, le=20_000)] = 1_000
    min_records: Annotated[int, Meta(ge=1)] = 2
    chinese: ChineseWords = "pairs"
