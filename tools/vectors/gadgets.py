"""Step 6, names: what a file may not name, and hyperparameters that would reach outside. All of it is inert text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tools.vectors.graph import Node, Obj, draft
from tools.vectors.index import Vector, reject

# What loaders have been made to run (shared history of pickle, skops, Keras, PyTorch): each is only a string here.
FUNCTIONS = [
    ("os-system", "os.system"), ("posix-system", "posix.system"), ("subprocess", "subprocess.check_output"),
    ("eval", "builtins.eval"), ("exec", "builtins.exec"), ("import", "builtins.__import__"),
    ("getattr", "builtins.getattr"), ("open", "builtins.open"), ("attrgetter", "operator.attrgetter"),
    ("methodcaller", "operator.methodcaller"), ("operator-call", "operator.call"), ("numpy-load", "numpy.load"),
    ("numpy-f2py", "numpy.f2py.crackfortran.getlincoef"), ("runstring", "numpy.testing._private.utils.runstring"),
    ("joblib-load", "joblib.load"), ("pickle-loads", "pickle.loads"), ("torch-load", "torch.load"),
    ("timeit", "timeit.timeit"), ("trace", "trace.Trace.run"), ("pydoc-locate", "pydoc.locate"),
    ("dotted", "numpy.random.mtrand._rand.__init__.__globals__"), ("method", "numpy.ndarray.tofile"),
    ("own-loader", "amber.load"), ("empty", ""), ("spaces", "numpy.log1p "), ("case", "Numpy.log1p"),
    ("private-path", "numpy.core._methods._mean"), ("colon", "os:system"), ("unicode", "numpy.log1\u0440"),
]  # fmt: skip
TYPES = [
    ("popen", "subprocess.Popen"), ("partial-of-os", "os._wrap_close"), ("code", "types.CodeType"),
    ("function-type", "types.FunctionType"), ("module", "types.ModuleType"),
    ("private-path", "sklearn.svm._classes.SVC"),
    ("other-module", "sklearn.linear_model.SVC"), ("submodule", "sklearn.svm.SVC.fit"), ("prefix", "sklearn.svm"),
    ("unknown-of-library", "sklearn.utils._pprint._EstimatorPrettyPrinter"), ("memmap", "numpy.memmap"),
    ("npz", "numpy.lib.npyio.NpzFile"), ("data-source", "numpy.DataSource"), ("joblib-memory", "joblib.memory.Memory"),
    ("case", "sklearn.svm.svc"), ("empty", ""), ("user", "mypkg.text.Scaler"), ("hdf-store", "pandas.HDFStore"),
]  # fmt: skip
SCALER = Obj("sklearn.preprocessing.StandardScaler", copy=True, with_mean=True, with_std=True)


def vectors() -> Iterator[Vector]:
    yield from _names()
    yield from _hyperparameters()
    yield from _attributes()
    yield from _references()


def _refuse(code: str, what: str, root: Any, shows: str) -> Vector:
    return reject(code, what, draft(root), shows, 6)


def _names() -> Iterator[Vector]:
    for what, name in FUNCTIONS:
        yield _refuse("function-unknown", what, Node.of("function", name), f"a function called {name!r}")
    for what, name in TYPES:
        yield _refuse("type-unknown", f"object-{what}", Obj(name), f"an object of type {name!r}")
    for what, name in (("popen", "subprocess.Popen"), ("os-system", "os.system"), ("memmap", "numpy.memmap")):
        yield _refuse("type-unknown", f"class-{what}", Node.of("type", name), f"a class called {name!r}")
    hidden = Obj(
        "sklearn.pipeline.Pipeline", memory=None, verbose=False, steps=[("a", SCALER), ("b", Obj("os.system"))]
    )
    yield _refuse("type-unknown", "inside-pipeline", hidden, "an unknown type as the second step of a pipeline")
    for what, name in (("modules", "sys.modules"), ("stdout", "sys.stdout"), ("empty", "")):
        yield _refuse("link-unknown", what, Node.of("link", name), f"a link to {name!r}")
    allow = {"allow": ["mypkg.text.Scaler"]}
    for kind in ("custom", "custom-type", "custom-function"):
        node: Any = Obj("mypkg.text.Evil", kind) if kind == "custom" else Node.of(kind, "mypkg.text.Evil")
        yield _refuse("name-not-allowed", kind, node, "a class or function of the user's own, no policy")
        yield reject("name-not-allowed", f"{kind}-other", draft(node), "the policy allows another name", 6, **allow)
    system = Node.of("custom-function", "os.system")
    yield _refuse("name-not-allowed", "os-system", system, "a function of the standard library as the user's own")
    inner = Node.of("custom-function", "mypkg.text.Scaler.fit")
    yield reject("name-not-allowed", "longer", draft(inner), "an allowed name is no prefix", 6, **allow)


def _hyperparameters() -> Iterator[Vector]:
    pipeline = Obj("sklearn.pipeline.Pipeline", memory=None, verbose=False, steps=[("scale", SCALER)])
    text = Obj("sklearn.feature_extraction.text.CountVectorizer", input="content", encoding="utf-8",
               decode_error="strict", strip_accents=None, lowercase=True, preprocessor=None, tokenizer=None,
               stop_words=None, token_pattern=r"(?u)\b\w\w+\b", ngram_range=(1, 1), analyzer="word", max_df=1.0,
               min_df=1, max_features=None, vocabulary=None, binary=False, dtype=Node.of("type",
                   "numpy.int64"))  # fmt: skip
    poly = Obj(
        "sklearn.preprocessing.PolynomialFeatures", degree=2, interaction_only=False, include_bias=True, order="C"
    )
    for code, what, root, shows in (
        (
            "kind-mismatch",
            "pipeline-memory",
            pipeline.but(memory="/tmp/cache"),
            "a folder whose pickles fit would open",
        ),
        ("string-not-allowed", "vectorizer-filename", text.but(input="filename"), "reads the files that rows name"),
        ("string-not-allowed", "vectorizer-file", text.but(input="file"), "calls read() of what rows hold"),
        ("string-not-allowed", "vectorizer-encoding", text.but(encoding="zip"), "a codec that unpacks"),
        ("string-not-allowed", "vectorizer-analyzer", text.but(analyzer="lines"), "an analyzer that does not exist"),
        ("pattern-refused", "nested", text.but(token_pattern="(?:a+)+b"), "doubles its time with each character"),
        ("pattern-refused", "alternatives", text.but(token_pattern="(?:a|aa)+b"), "the same with alternatives"),
        ("pattern-refused", "look-behind", text.but(token_pattern="(?<=a)b"), "look-around"),
        ("pattern-refused", "back-reference", text.but(token_pattern=r"(a)\1"), "a reference back"),
        ("pattern-refused", "broken", text.but(token_pattern="(a"), "no regular expression"),
        ("limit-pattern-chars", "long", text.but(token_pattern="a" * 600), "an expression of 600 characters"),
        ("limit-ngram", "ngram", text.but(ngram_range=(1, 10**6)), "n-grams of a million words"),
        ("limit-polynomial-degree", "degree", poly.but(degree=10**6), "a polynomial of degree 10^6"),
        ("limit-verbosity", "verbose", pipeline.but(verbose=10**6), "output without end"),
    ):
        yield _refuse(code, what, root, shows)
    search = Obj("sklearn.model_selection.GridSearchCV", estimator=SCALER, param_grid={})
    for what, word in (("pre-dispatch", "__import__('os').system('x')"), ("pre-dispatch-power", "9**9**9*n_jobs")):
        yield _refuse("string-not-allowed", what, search.but(pre_dispatch=word), "text that joblib would compute")
    chosen = Obj("sklearn.feature_selection.SelectFromModel", estimator=SCALER, threshold=None)
    for what, word in (("getter", "__class__.__base__"), ("getter-deep", ".".join("abcdefghi"))):
        yield _refuse("string-not-allowed", what, chosen.but(importance_getter=word), "names that attrgetter follows")
    nmf = Obj("sklearn.decomposition.NMF", max_iter=10**9)
    yield _refuse("limit-iterations", "nmf", nmf, "a solver that transform runs a billion times")
    sketch = Obj("sklearn.kernel_approximation.PolynomialCountSketch", n_components=10**9)
    yield _refuse("limit-components", "sketch", sketch, "a billion columns out of one number")
    hashing = Obj("sklearn.feature_extraction.FeatureHasher", n_features=2**40)
    yield _refuse("limit-hash-features", "hasher", hashing, "2^40 columns out of one number")
    knn = Obj("sklearn.neighbors.KNeighborsClassifier", n_neighbors=1, n_jobs=10**6, metric="minkowski", p=2)
    yield _refuse("limit-jobs", "n-jobs", knn, "a million processes")
    yield _refuse("string-not-allowed", "metric", knn.but(n_jobs=None, metric="os.system"), "a metric of no list")
    svc = Obj("sklearn.svm.SVC", kernel="precomputed; rm", C=1.0)
    yield _refuse("string-not-allowed", "kernel", svc, "a kernel of no list")


def _attributes() -> Iterator[Vector]:
    for what, name, value in (
        ("predict", "predict", Node.of("function", "numpy.negative")), ("transform", "transform", "x"),
        ("class", "__class__", Node.of("type", "numpy.float64")), ("reduce", "__reduce__", "x"),
        ("dict", "__dict__", {}), ("made-up", "note", "x"), ("method", "get_params", None),
    ):  # fmt: skip
        root = SCALER.but(**{name: value})
        yield _refuse("attribute-unknown", what, root, f"an attribute {name} that would stand before the class")
    custom = Obj("mypkg.text.Scaler", "custom", __class__=1)
    yield reject("attribute-unknown", "custom", draft(custom), "two underscores in a class of the user's own", 6,
                 allow=["mypkg.text.Scaler"])  # fmt: skip


def _references() -> Iterator[Vector]:
    scorer = Obj("sklearn.preprocessing.FunctionTransformer", func=Node.of("function", "os.system"), validate=False)
    yield _refuse("function-unknown", "transformer", scorer, "a FunctionTransformer that would call os.system")
    objects = np.array([Obj("subprocess.Popen"), 1], dtype=object)
    yield _refuse("type-unknown", "object-array", objects, "an unknown type in an object array")
    keyed = {"a": Obj("subprocess.Popen")}
    yield _refuse("type-unknown", "dict-value", keyed, "an unknown type as the value of a dict")
    value_only = Obj("numpy.float64")
    yield _refuse("type-unknown", "instance-of-value", value_only, "an instance of a class that has none in a tree")
