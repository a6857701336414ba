"""What the transforms of texts do; in device processes only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.transforms import texts
from aimass_stream.transforms.chinese import FUNCTION_WORDS, KEPT
from aimass_stream.transforms.estimators import Arrays

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_RUNS = re.compile(f"[{_HAN}]+|[^\\W_{_HAN}]+")
_HAN_RUNS = re.compile(f"[{_HAN}]+")
_WORD = re.compile(f"[^\\W_{_HAN}]+(?:['\u2019][^\\W_{_HAN}]+)*")


def lowercase(text: str) -> str:
    """Small letters."""
    return text.lower()


def strip_space(text: str) -> str:
    """Single spaces between words, none at the ends."""
    return " ".join(text.split())


def cut_words(text: str) -> str:
    """The text with its Chinese words set apart by single spaces."""
    import rjieba

    return strip_space(_HAN_RUNS.sub(lambda run: f" {' '.join(rjieba.cut(run[0]))} ", text))


def without_stop_words(
    text: str,
    languages: tuple[str, ...],
    extra_words: tuple[str, ...],
    chinese: texts.ChineseWords = "pairs",
) -> str:
    """The text without them, its words joined by single spaces."""
    if "english" in languages or extra_words:
        english = ENGLISH_STOP_WORDS if "english" in languages else frozenset()
        stop = english.union(extra_words)
        text = _WORD.sub(lambda found: " " if found[0].lower() in stop else found[0], text)
    function_words = FUNCTION_WORDS if "chinese" in languages else ()
    taken = frozenset((*function_words, *filter(_is_han, extra_words)))
    found_in = _HAN_RUNS if chinese == "spaced" else _found(taken)
    spaced = found_in.sub(lambda found: " " if found[0] in taken else found[0], text)
    return strip_space(spaced)


def words_of(text: str, chinese: texts.ChineseWords = "pairs") -> list[str]:
    """The words of a text in small letters: words of letters, and those of Chinese.

    Stop words, and single letters, are left out.
    """
    return list(_words(text.lower(), chinese))


class _Vocabulary:
    """Words and how rare they are, over a captured range.

    Args:
        step: its declaration.
    """

    def __init__(self, step: texts.Keywords | texts.Tfidf) -> None:
        self._step = step
        self._vectorizer = TfidfVectorizer(
            analyzer=partial(words_of, chinese=step.chinese),
            max_features=step.max_words,
            min_df=step.min_records,
        )
        self._names: list[str] = []

    def fit(self, values: Sequence[str], answers: Sequence[Any] | None) -> None:
        """Learn from texts.

        Raises:
            ConfigError: no word is in enough of them.
        """
        del answers
        try:
            self._vectorizer.fit(values)
        except ValueError as error:
            raise ConfigError(f"{type(self._step).__name__} cannot be fitted: {error}") from error
        self._names = self._vectorizer.get_feature_names_out().tolist()

    def freeze(self, arrays: Arrays, prefix: str) -> dict[str, Any]:
        """The words in their order, and their weights."""
        arrays[f"{prefix}idf"] = self._vectorizer.idf_
        return {"words": self._names, "idf": f"{prefix}idf"}

    def thaw(self, plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have these words."""
        self._names = [str(word) for word in plain["words"]]
        self._vectorizer = TfidfVectorizer(
            analyzer=partial(words_of, chinese=self._step.chinese), vocabulary=self._names
        )
        self._vectorizer.idf_ = arrays[plain["idf"]]

    def weights(self, text: str) -> Any:
        """`(1, words)`, sparse."""
        return self._vectorizer.transform([text])


class Tfidf(_Vocabulary):
    """A text as the weight of each word."""

    def __call__(self, text: str) -> NDArray[np.float64]:
        """`(words,)`; all 0 where none is known."""
        found: NDArray[np.float64] = self.weights(text).toarray()[0]
        return found


class Keywords(_Vocabulary):
    """A text as its words of the highest weight."""

    def __call__(self, text: str) -> str:
        """The words, best first; of equal ones the first of the alphabet.

        Raises:
            RecordError: EMPTY: none of its words is known.
        """
        found = self.weights(text)
        if not found.nnz:
            raise RecordError(Reason.EMPTY, "no word of the text was in the captured range")
        best = sorted(zip(-found.data, found.indices, strict=True))[: self._step.top]  # type: ignore[union-attr]  # Keywords alone is asked for them
        return " ".join(self._names[place] for _, place in best)


def _words(text: str, chinese: texts.ChineseWords) -> Iterator[str]:
    for found in _RUNS.finditer(text):
        run = found[0]
        if not _is_han(run):
            if len(run) > 1 and run not in ENGLISH_STOP_WORDS:
                yield run
            continue
        if chinese == "spaced":
            if run not in FUNCTION_WORDS:
                yield run
            continue
        for part in without_stop_words(run, ("chinese",), ()).split():
            yield from (part[at : at + 2] for at in range(max(1, len(part) - 1)))


def _is_han(run: str) -> bool:
    return "\u3400" <= run[:1] <= "\u9fff"


@cache
def _found(words: frozenset[str]) -> re.Pattern[str]:
    """Any of the words, or one that is kept although it contains one; the longest first."""
    ordered = sorted(words | KEPT, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, ordered)))
