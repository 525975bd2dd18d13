"""Prose: what the rules of Gopher and C4 look at in a text."""

from __future__ import annotations

from schemas.vocabulary.name import Name

PROSE_WORDS = Name("prose_words", "uint32", "", "words of the text to be learnt that are more than punctuation")
PROSE_WORD_CHARS = Name("prose_word_chars", "float64", "characters", "mean length of those words", 0)
PROSE_HASHES = Name("prose_hashes", "float64", "", "hashes for each word", 0)
PROSE_ELLIPSES = Name("prose_ellipses", "float64", "", "ellipses for each word", 0)
PROSE_BULLETS = Name("prose_bullets", "float64", "", "share of lines that begin with a bullet", 0, 1)
PROSE_ELLIPSIS_LINES = Name("prose_ellipsis_lines", "float64", "", "share of lines that end in an ellipsis", 0, 1)
PROSE_ALPHABETIC = Name("prose_alphabetic", "float64", "", "share of words with a letter in them", 0, 1)
PROSE_STOP_WORDS = Name("prose_stop_words", "uint32", "", "how many of eight English stop words stand in it", 0, 8)
TOP_GRAMS = (2, 3, 4)
DUPLICATE_GRAMS = (5, 6, 7, 8, 9, 10)
REPEATED_PLACES = 4 + len(TOP_GRAMS) + len(DUPLICATE_GRAMS)
PROSE_REPEATED = Name(
    "prose_repeated",
    "list<float64>",
    "",
    "shares of what is repeated: lines, paragraphs, characters of either; characters of the most frequent 2, 3, 4 words"
    " (counted in full, so that overlapping ones may come to more than 1); characters of 5 to 10 words said before",
    0,
)
C4_SENTENCES = Name("c4_sentences", "uint32", "", "sentences on the lines that C4 would keep")
C4_LINE_SHARE = Name("c4_line_share", "float64", "", "share of characters on the lines that C4 would keep", 0, 1)
C4_BANNED = Name("c4_banned", "string", "", "lorem_ipsum or curly_bracket where C4 would drop the text for it")
