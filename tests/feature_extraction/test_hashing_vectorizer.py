"""HashingVectorizer against scikit-learn's, bit by bit: any Unicode, every option, lists, bytes, Records and Blocks."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import HashingVectorizer as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator
from tests.feature_extraction.same_matrix import same as same_bits

from esker._native import threads
from esker.blocks import Block, Blocks
from esker.blocks.base import Part
from esker.blocks.records import Records, Strings
from esker.feature_extraction.text import HashingVectorizer
from esker.linear_model import SGDClassifier

#: Letters whose lower case is longer, shorter, two code points or depends on neighbours; marks, digits and spaces of all kinds.
ALPHABET = "abc ABZ_09 \n\t\r\x1c\x85éÉßẞİıΣσςΑΟKÅȺǅ日本\U00010400\U0001d400²٣\u0301\u00a0\u2028\u200b.,-'"
WORDS = [
    "the",
    "The",
    "quick",
    "a",
    "naïve",
    "ΟΔΟΣ",
    "don't",
    "x_1",
    "supercalifragilisticexpialidocious",
    "日本語",
    "",
]

texts = st.one_of(
    st.text(ALPHABET, max_size=90),
    st.text(max_size=40).filter(lambda t: not any(0xD800 <= ord(c) < 0xE000 for c in t)),
    st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join),
    st.lists(st.sampled_from(["ab", "cd"]), min_size=20, max_size=60).map(" ".join),
)
options = st.fixed_dictionaries(
    {
        "analyzer": st.sampled_from(["word", "char", "char_wb"]),
        "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3), (2, 5), (7, 9)]),
        "norm": st.sampled_from(["l1", "l2", None]),
        "n_features": st.sampled_from([1, 2, 7, 64, 1000, 2**20, 2**31 - 2]),
        "dtype": st.sampled_from([np.float64, np.float32]),
        "alternate_sign": st.booleans(),
        "binary": st.booleans(),
        "lowercase": st.booleans(),
        "strip_accents": st.sampled_from([None, None, "ascii", "unicode"]),
        "stop_words": st.sampled_from([None, None, "english", ["the", "ab", "naïve", "οδος"]]),
    }
)


def same(theirs, ours):
    same_bits(theirs, ours)
    assert ours.has_canonical_format


def both(documents, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # stop words that the analyzer does not use
        return Theirs(**params).transform(documents), HashingVectorizer(**params).transform(documents)


@settings(max_examples=150, deadline=None)
@given(st.lists(texts, min_size=1, max_size=12), options)
def test_equals_scikit_learn(documents, params):
    theirs, ours = both(documents, **params)
    same(theirs, ours)
    column = Records({"text": Strings.of(documents)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        same(theirs, HashingVectorizer(**params).transform(column))


def test_every_character_has_the_interpreters_own_case_and_class():
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    documents = ["".join(points[i : i + 50]) for i in range(0, len(points), 50)]
    pairs = [f"{c}{c} x{c}y" for c in points[:0x2200]]
    for params in ({"analyzer": "word"}, {"analyzer": "char_wb", "ngram_range": (2, 2)}):
        same(*both(documents, n_features=2**28, **params))
        same(*both(pairs, n_features=2**28, **params))


def test_long_documents_and_many_of_them():
    rng = np.random.default_rng(0)
    words = np.array(["one", "two", "Three", "four_4", "fünf", "x" * 200, "y"])
    documents = [" ".join(rng.choice(words, n)) for n in [0, 1, 63, 64, 65, 5000, 40_000, *range(100)]]
    for params in (
        {"ngram_range": (1, 2)},
        {"norm": "l1", "dtype": np.float32},
        {"analyzer": "char", "ngram_range": (3, 4)},
    ):
        same(*both(documents, **params))


@pytest.mark.parametrize("params", [{"ngram_range": (1, 3)}, {"analyzer": "char_wb", "ngram_range": (1, 4)}])
def test_threads_do_not_change_bits(params, monkeypatch):
    documents = [f"Document {i} of {i % 17} words, naïve {'more ' * (i % 40)}" for i in range(3000)]
    made = []
    for n in (1, 2, 5):
        monkeypatch.setattr("esker.feature_extraction.text.threads", lambda _, n=n: threads(n))
        made.append(HashingVectorizer(**params).transform(documents))
    same(made[0], made[1])
    same(made[0], made[2])


@pytest.mark.parametrize(
    "params",
    [
        {"tokenizer": str.split, "token_pattern": None},
        {"token_pattern": r"(?u)\b\w+\b"},
        {"preprocessor": str.upper, "ngram_range": (1, 2)},
        {"strip_accents": lambda t: t.replace("ï", "i")},
        {"analyzer": lambda t: [t[:3], t[3:].encode()]},
        {"ngram_range": (0, 1)},
        {"dtype": np.int64, "norm": None},
        {"dtype": np.int32},
    ],
    ids=["tokenizer", "pattern", "preprocessor", "accents", "analyzer", "empty n-grams", "int64", "int32"],
)
def test_what_is_not_native_goes_through_scikit_learns_analyzer(params):
    same(*both(["The naïve fox", "a b c", "", "The The"], **params))


def test_bytes_files_and_iterables(tmp_path):
    documents = ["naïve Ünïcode", "plain"]
    latin = [d.encode("latin-1") for d in documents]
    same(*both(latin, encoding="latin-1"))
    same(*both([b"na\xc3\xafve \xff bytes"], decode_error="ignore"))
    paths = [tmp_path / str(i) for i in range(2)]
    for path, text in zip(paths, latin):
        path.write_bytes(text)
    same(*both([str(p) for p in paths], input="filename", encoding="latin-1"))
    with open(paths[0], "rb") as a, open(paths[0], "rb") as b:
        same(
            Theirs(input="file", encoding="latin-1").transform([a]),
            HashingVectorizer(input="file", encoding="latin-1").transform([b]),
        )
    expected = Theirs().transform(documents)
    for given_as in (tuple(documents), np.array(documents), np.array(documents, object), iter(documents)):
        same(expected, HashingVectorizer().transform(given_as))


@pytest.mark.parametrize("bad", [None, 3, b"\xff\xfe", float("nan"), np.nan, ["a"]])
def test_documents_that_are_none(bad):
    with pytest.raises(Exception) as theirs:
        Theirs().transform(["fine", bad])
    with pytest.raises(type(theirs.value)) as ours:
        HashingVectorizer().transform(["fine", bad])
    assert str(ours.value) == str(theirs.value)


def test_lone_surrogates():
    same(*both(["ab \ud800 cd"]))  # no part of a word
    for analyzer in ("char", "char_wb"):
        with pytest.raises(UnicodeEncodeError):
            HashingVectorizer(analyzer=analyzer).transform(["ab\udfff"])


def test_errors():
    with pytest.raises(ValueError, match="string object received"):
        HashingVectorizer().transform("one text")
    with pytest.raises(ValueError, match="lower boundary larger"):
        HashingVectorizer(ngram_range=(2, 1)).transform(["a"])
    with pytest.raises(ValueError, match="empty sequence"):
        HashingVectorizer().transform([])
    with pytest.raises(ValueError, match="n_features"):
        HashingVectorizer(n_features=0).fit(["a"])
    with pytest.warns(UserWarning, match="not be used"):
        HashingVectorizer(analyzer="char", stop_words="english").fit(["a"])


class Texts(Blocks):
    """Blocks of Records that lie in memory."""

    holds_records = True

    def __init__(self, columns, y=None):
        self.records = Records(columns)
        self.y = np.arange(len(self.records)) * 1.0 if y is None else y
        super().__init__([Part(0, "texts", len(self.records))], source="texts")
        self.n_rows = len(self.records)

    def _read(self, part, start):
        for at in range(start, len(self.records), 4096):
            yield Block(
                self.records[at : at + 4096],
                y=self.y[at : at + 4096],
                first_key=at,
            )


def test_blocks():
    documents = [f"document {i} with {i % 7} naïve words" for i in range(9000)]
    blocks = HashingVectorizer(n_features=1000).transform(Texts({"text": Strings.of(documents)}))
    assert (blocks.n_columns, blocks.is_sparse, blocks.holds_records) == (1000, True, False)
    whole = blocks.take_all()
    same(Theirs(n_features=1000).transform(documents), type(Theirs().transform(["a"]))(whole.X))
    assert whole.y.tolist() == list(range(9000))


def test_blocks_of_repeated_and_missing_texts():
    texts = Strings.of(["zero words", "naïve", "", "ΟΔΟΣ"])
    codes = np.array([3, 1, 1, 0, 2, 1], np.int32)
    gone = np.array([0, 0, 1, 0, 0, 0], bool)
    column = Strings(texts.data, texts.offsets.astype(np.int32), gone, codes)
    ours = HashingVectorizer().transform(Records({"t": column}))
    same(Theirs().transform(["ΟΔΟΣ", "naïve", "", "zero words", "", "naïve"]), ours)
    middle = HashingVectorizer().transform(Records({"t": Strings.of(["ab", "cd", "ef gh"])[1:]}))
    same(Theirs().transform(["cd", "ef gh"]), middle)


def test_blocks_that_fit_no_vectorizer():
    pandas = pytest.importorskip("pandas")
    two = Texts({"a": Strings.of(["x"]), "b": Strings.of(["y"])})
    with pytest.raises(ValueError, match="columns="):
        HashingVectorizer().transform(two).take_all()
    with pytest.raises(ValueError, match="columns="):
        HashingVectorizer().transform(Texts({"a": np.zeros(3)})).take_all()
    from esker import open_blocks

    table = {"title": ["a b", "c d"], "text": ["e f", "g h"], "y": [0.0, 1.0]}
    with pytest.raises(
        ValueError, match=r"one text column, got title \(text\), text \(text\); name it: .*columns="
    ):
        open_blocks(pandas.DataFrame(table), target="y", features=HashingVectorizer()).take_all()
    named = open_blocks(pandas.DataFrame(table), target="y", columns=["text"], features=HashingVectorizer())
    assert (Theirs().transform(table["text"]) != named.take_all().X).nnz == 0
    with pytest.raises(ValueError, match="holds numbers"):
        HashingVectorizer().transform(open_blocks(np.zeros((3, 2))))
    with pytest.raises(ValueError, match="float32 or float64"):
        HashingVectorizer(dtype=np.int32, norm=None).transform(two)
    broken = Strings(np.frombuffer(b"ab\xff", np.uint8), np.array([0, 3]))
    with pytest.raises(UnicodeDecodeError):
        HashingVectorizer().transform(Records({"t": broken}))


def test_is_an_estimator_like_theirs():
    ours = HashingVectorizer(ngram_range=(1, 2), stop_words=["the"])
    assert ours.get_params() == Theirs(ngram_range=(1, 2), stop_words=["the"]).get_params()
    again = pickle.loads(pickle.dumps(clone(ours)))
    same(ours.transform(["the fox"]), again.fit(["x"]).partial_fit(["x"]).transform(["the fox"]))
    assert not hasattr(ours, "set_output")
    assert not hasattr(ours, "get_feature_names_out")
    assert type(ours.to_sklearn()) is Theirs
    assert ours.__sklearn_tags__() == ours.to_sklearn().__sklearn_tags__()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks():
    checks = [check for _, check in estimator_checks_generator(HashingVectorizer())]
    assert len(checks) == len(list(estimator_checks_generator(Theirs()))) > 0
    for check in checks:
        check(HashingVectorizer())


@pytest.mark.parametrize("n_features", [2, 8, 1000, 2**20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_around_the_length_where_sorting_changes(n_features: int, dtype: type) -> None:
    rng = np.random.default_rng(5)
    texts = [
        " ".join(f"w{i}" for i in rng.integers(0, 40, n)) for n in [*range(2, 80), 126, 127, 128, 129, 500]
    ]
    for ngrams in ((1, 1), (1, 2)):
        options = {"ngram_range": ngrams, "n_features": n_features, "dtype": dtype}
        same(Theirs(**options).transform(texts), HashingVectorizer(**options).transform(texts))


def test_first_texts_that_say_nothing_of_the_rest() -> None:
    texts = ["the same short text again"] * 10_000 + [" ".join(map(str, range(100_000, 140_000)))] * 25
    same(Theirs().transform(texts), HashingVectorizer().transform(texts))


def test_pipelines_of_lists_and_of_blocks(tmp_path):
    import esker

    texts = [f"a {'good fine' if i % 3 else 'bad sad'} day, number {i % 11}" for i in range(6000)]
    y = np.where(np.arange(6000) % 3, "yes", "no")
    blocks = Texts({"text": Strings.of(texts)}, y)

    def model():
        learner = SGDClassifier(random_state=0, max_iter=3, tol=None, early_stopping=False)
        return make_pipeline(HashingVectorizer(n_features=2**10), learner)

    expected = model()[-1].fit(Theirs(n_features=2**10).transform(texts), y)
    for fitted in (model().fit(texts, y), model().fit(blocks)):
        assert fitted.score(texts, y) == fitted.score(blocks) == 1.0
        assert fitted.predict(["good", "sad"]).tolist() == ["yes", "no"]
        assert (fitted.predict(blocks) == fitted.predict(texts)).all()
        assert fitted[-1].n_features_in_ == 2**10
        np.testing.assert_allclose(fitted[-1].coef_, expected.coef_, rtol=1e-9, atol=1e-12)
        esker.save(fitted, tmp_path / "model")
        again = esker.load(tmp_path / "model")
        assert (again.predict_proba(texts) == fitted.predict_proba(texts)).all()
