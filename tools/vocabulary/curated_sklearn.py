"""What a person decided about scikit-learn's attributes: closed strings, caps, kinds, and what is not written at all.

The generator starts from facts (`facts.py`): each attribute may be anything the vocabulary allows, a parameter whose
strings scikit-learn itself closes may have those strings only. Here stands what is stricter, and why.
"""

from __future__ import annotations

from typing import Any

Constraint = Any


def _words(text: str) -> list[str]:
    return text.split()


# -- named constraints -----------------------------------------------------------------------------------------------

# Text encodings decode files a caller hands over. A codec is a module that Python imports by this name, so the list
# is closed: the standard's text encodings, in the spellings people write.
_ENCODINGS = _words(
    "ascii us-ascii utf-8 utf8 UTF-8 utf_8 utf-8-sig utf_8_sig utf-16 utf16 utf-16-le utf-16-be utf-32 utf-32-le "
    "utf-32-be "
    "latin-1 latin1 latin_1 iso-8859-1 iso8859-1 ISO-8859-1 iso-8859-2 iso-8859-5 iso-8859-7 iso-8859-9 iso-8859-15 "
    "cp437 cp850 cp852 cp866 cp932 cp949 cp950 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 "
    "windows-1250 windows-1251 windows-1252 koi8-r koi8-u mac-roman big5 gb2312 gbk gb18030 shift_jis shift-jis euc-jp "
    "euc_jp euc-kr euc_kr iso-2022-jp"
)
RESPONSES = ["predict", "predict_proba", "decision_function", "predict_log_proba"]

CONSTRAINTS: dict[str, Constraint] = {
    "jobs": ["none", {"is": "int", "min": -1024, "max": "jobs"}],
    "verbosity": ["none", "bool", {"is": "number", "min": -1, "max": "verbosity"}],
    "encoding": {"is": "str", "values": sorted(set(_ENCODINGS))},
    "pattern": ["none", {"is": "str", "pattern": True}],
    "degree": {"is": "int", "min": 0, "max": "polynomial_degree"},
    "components": {"is": "int", "min": 0, "max": "components"},
    "iterations": ["none", {"is": "int", "min": -1, "max": "iterations"}],
    "response": {"is": "str", "values": RESPONSES},
    "responses": ["none", "response", {"is": "list", "items": ["none", "response"]}],
    "output-config": {
        "is": "map",
        "keys": {"is": "str", "values": ["transform"]},
        "values": ["none", {"is": "str", "values": ["default", "pandas", "polars"]}],
    },
    "svm-kernel": [
        {"is": "str", "values": ["linear", "poly", "rbf", "sigmoid", "precomputed"]},
        {"is": "function", "groups": ["kernel"]},
        {"is": "kind", "kinds": ["custom-function"]},
    ],
    # A number of columns that nothing stored stands for: names and tables of that size are made of it.
    "columns": ["none", {"is": "int", "min": 0, "max": "components"}],
    "threads": {"is": "int", "min": 1, "max": "jobs"},
    # joblib takes the text apart and computes it; older ones called eval
    "dispatch": ["none", {"is": "int", "min": 0}, {"is": "str", "values": [
        "all", "n_jobs",
        *(f"{count}{sign}n_jobs" for count in ("1", "1.5", "2", "3", "4", "8") for sign in ("*", " * ")),
    ]}],
    # `U100000000` makes an item of 400 MB; the size of `dtype` nodes is looked at where they stand
    "dtype": ["none", {"is": "type"}, {"is": "kind", "kinds": ["dtype"]}, {"is": "str", "values": sorted({
        "numeric", "object", "str", "bool", "int", "float", "float16", "float32", "float64", "double", "single",
        "f", "d", "i", "int8", "int16",
        "int32", "int64", "uint8", "uint16", "uint32", "uint64", "complex64", "complex128",
        *(f"{order}{kind}" for order in ("", "<", "=") for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8")),
    })}],
    "attribute-path": {"is": "option", "dotted": True},
    # The native distance code takes a `Y_norm_squared` of any length on trust. Nothing that fit writes is called so.
    "metric-parameters": [
        "none", {"is": "map", "keys": {"is": "str", "refused": ["X_norm_squared", "Y_norm_squared"]}}
    ],
    # A class is called as `func(X, **kw_args)`: only those whose work is linear in what they are given.
    "callable": [
        "none", {"is": "function"}, {"is": "object", "types": ["functools.partial"]},
        {"is": "type", "types": [
            "builtins.bool", "builtins.float", "builtins.int", "builtins.str", "builtins.list", "builtins.tuple",
            "numpy.bool_", "numpy.float32", "numpy.float64", "numpy.int32", "numpy.int64", "numpy.str_",
        ]},
        {"is": "kind", "kinds": ["custom-function", "custom", "custom-type"]},
    ],
}  # fmt: skip

# -- by name, in every class that has the attribute ------------------------------------------------------------------

BY_NAME: dict[str, Constraint] = {
    "memory": "none",  # a cache folder: fit would load pickles from it
    "n_jobs": "jobs",
    "_n_jobs": "jobs",
    "n_features_in_": "columns",
    "_n_features_out": "columns",
    "_n_threads": "threads",  # OpenMP starts as many
    "verbose": "verbosity",
    "encoding": "encoding",
    "decode_error": {"is": "str", "values": ["strict", "ignore", "replace"]},
    "token_pattern": "pattern",
    "importance_getter": "attribute-path",  # operator.attrgetter runs on it
    "stack_method_": "responses",  # getattr(estimator, name)
    "chain_method_": "responses",
    "_response_method": "responses",
    "response_method_": "responses",
    "_sklearn_output_config": "output-config",
    "metric_params": "metric-parameters",
    "effective_metric_params_": "metric-parameters",
    "metric_kwargs": "metric-parameters",
    "kernel_params": ["none", "map"],
    "pre_dispatch": "dispatch",
    "dtype": "dtype",
    "callback": "callable",
    "func": "callable",
    "inverse_func": "callable",
}

# -- by class ---------------------------------------------------------------------------------------------------------

_VECTORIZER = {"input": {"is": "str", "values": ["content"]}, "ngram_range": {
    "is": "list", "items": {"is": "int", "min": 1, "max": "ngram"}, "min": 2, "max": 2}}  # fmt: skip
_HASHER_SIZE = {"n_features": {"is": "int", "min": 1, "max": "hash_features"}}
_DEGREES = ["degree", {"is": "list", "items": "degree", "min": 2, "max": 2}]
_TEMPLATE = ["bool", {"is": "str", "template": ["transformer_name", "feature_name"]}, "callable"]

_HISTOGRAM = (
    "sklearn.ensemble.HistGradientBoostingClassifier", "sklearn.ensemble.HistGradientBoostingRegressor",
)  # fmt: skip
_LINKS = ("IdentityLink", "LogLink", "LogitLink", "HalfLogitLink", "MultinomialLogit")
_LOSSES = (
    "HalfSquaredError", "AbsoluteError", "PinballLoss", "HuberLoss", "HalfPoissonLoss", "HalfGammaLoss",
    "HalfTweedieLoss", "HalfTweedieLossIdentity", "HalfBinomialLoss", "HalfMultinomialLoss", "ExponentialLoss",
)  # fmt: skip

BY_CLASS: dict[str, dict[str, Constraint]] = {
    "sklearn.feature_extraction.text.CountVectorizer": _VECTORIZER,
    "sklearn.feature_extraction.text.TfidfVectorizer": _VECTORIZER,
    "sklearn.feature_extraction.text.HashingVectorizer": _VECTORIZER | _HASHER_SIZE,
    "sklearn.feature_extraction.FeatureHasher": _HASHER_SIZE,
    "sklearn.preprocessing.PolynomialFeatures": {
        "degree": _DEGREES, "_max_degree": "degree", "_min_degree": "degree", "_n_out_full": "components",
        "n_output_features_": "components",
    },
    "sklearn.preprocessing.SplineTransformer": {"degree": "degree", "n_features_out_": "components"},
    "sklearn.kernel_approximation.PolynomialCountSketch": {"degree": "degree", "n_components": "components"},
    "sklearn.kernel_approximation.AdditiveChi2Sampler": {"sample_steps": {"is": "int", "min": 1, "max": 10_000}},
    "sklearn.compose.ColumnTransformer": {"verbose_feature_names_out": _TEMPLATE},
    "sklearn.compose.make_column_selector": {"pattern": "pattern"},
    "sklearn.decomposition.LatentDirichletAllocation": {"max_doc_update_iter": "iterations"},
    "sklearn.decomposition.NMF": {"max_iter": "iterations"},
    "sklearn.decomposition.MiniBatchNMF": {
        "max_iter": "iterations", "transform_max_iter": "iterations", "_transform_max_iter": "iterations",
    },
    "sklearn.decomposition.DictionaryLearning": {"transform_max_iter": "iterations"},
    "sklearn.decomposition.MiniBatchDictionaryLearning": {"transform_max_iter": "iterations"},
    "sklearn.decomposition.SparseCoder": {"transform_max_iter": "iterations"},
    # how many columns an unfitted one answers with
    "sklearn.gaussian_process.GaussianProcessRegressor": {"n_targets": "columns"},
    "sklearn.preprocessing.MultiLabelBinarizer": {"_cached_dict": "none"},
    **{name: {"_in_fit": {"is": "bool", "value": False}} for name in _HISTOGRAM},  # True: X is taken for binned data
    # a kernel of another shape than (rows, fitted rows) makes libsvm read beside it
    **{f"sklearn.svm.{name}": {"kernel": "svm-kernel"} for name in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")},
    # boosting writes into what `loss.link.link` answers: it must have the shape of its argument
    **{f"sklearn:loss.{name}": {"link": {"is": "object", "types": [f"sklearn:loss.{link}" for link in _LINKS]}}
       for name in _LOSSES},
}  # fmt: skip

# Attributes that no assignment in the source shows.
EXTRA: dict[str, dict[str, Constraint]] = {
    "sklearn:cluster.BisectingTree": {"label": "int"},
    "sklearn:utils.MetadataRequest": {
        name: {"is": "object", "types": ["sklearn:utils.MethodMetadataRequest"]}
        for name in (
            "decision_function", "fit", "fit_predict", "fit_transform", "inverse_transform", "partial_fit", "predict",
            "predict_log_proba", "predict_proba", "score", "score_samples", "split", "transform",
        )
    },
}  # fmt: skip

# What save does with what is no part of a model.
VOLATILE_BY_NAME: dict[str, str] = {
    "_stop_words_id": "drop",  # id() of a list: another number in each process
    "_n_threads": "one",  # as many as the machine had
}
VOLATILE: dict[str, dict[str, str]] = {
    "sklearn.preprocessing.MultiLabelBinarizer": {"_cached_dict": "none"},  # filled by transform, made again on demand
    "sklearn.cluster.BisectingKMeans": {"_kmeans_single": "drop"},  # a private function, set at the start of each fit
    # early stopping leaves a bound method of the estimator itself in its __dict__
    "sklearn.ensemble.HistGradientBoostingClassifier": {"_raw_predict": "drop"},
    "sklearn.ensemble.HistGradientBoostingRegressor": {"_raw_predict": "drop"},
}

# `partial_fit` of Birch walks from leaf to leaf until there is none.
CHAINS: dict[str, list[str]] = {"sklearn:cluster.CFNode": ["next_leaf_", "prev_leaf_"]}

# Identifiers of classes that moved so far that the derived one changed.
RENAMED = {"sklearn:model_selection.CurveScorer": "sklearn:metrics.CurveScorer"}
