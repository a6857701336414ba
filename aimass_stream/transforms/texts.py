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


class StopWords(_Cleaning, frozen=True):
    """Take out the words that every text has; what is left is joined by single spaces.

    English words are scikit-learn's 318. Chinese ones are a list of function words, found without
    a dictionary, longest first: `words.KEPT` has the commonest words that contain one and stay.

    Attributes:
        languages: whose words.
        extra_words: taken out beside, whole words in small letters; Chinese wherever they stand.
    """

    does = _DOES + "without_stop_words"

    languages: tuple[Literal["english", "chinese"], ...] = ("english", "chinese")
    extra_words: tuple[str, ...] = ()


class Keywords(_Cleaning, frozen=True):
    """The words with the highest TF-IDF, best first, joined by spaces: fitted.

    English and other words between spaces are words; runs of Chinese characters are cut at stop
    words into overlapping pairs, as search engines do it without a dictionary. A text none of
    whose words was in the captured range is refused as `empty`.

    Attributes:
        top: words at the most.
        max_words: of the vocabulary, the commonest first.
        min_records: that a word must be in to enter it.
    """

    does = _DOES + "Keywords"
    is_fitted = True

    top: Annotated[int, Meta(ge=1, le=1_000)] = 10
    max_words: Annotated[int, Meta(ge=1, le=200_000)] = 20_000
    min_records: Annotated[int, Meta(ge=1)] = 2


class Tfidf(Transform, frozen=True):
    """TF-IDF of each word of the vocabulary (scikit-learn's `TfidfVectorizer`): fitted.

    Words are those of `Keywords`. At most `max_words` columns.

    Attributes:
        max_words: of the vocabulary, the commonest first.
        min_records: that a word must be in to enter it.
    """

    takes = Kind.TEXT
    gives = Kind.VECTOR
    does = _DOES + "Tfidf"
    is_fitted = True

    max_words: Annotated[int, Meta(ge=1, le=20_000)] = 1_000
    min_records: Annotated[int, Meta(ge=1)] = 2
