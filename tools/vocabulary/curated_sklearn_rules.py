"""Rules for scikit-learn classes that are their `__dict__` but hand arrays to native code.

For each: which native path it is, and what that path trusts. Found by reading every `.pyx` that `predict`, `transform`
or `partial_fit` of a fitted object reaches (scikit-learn 1.5 to 1.9), and what scipy.sparse trusts of the arrays that
an estimator builds a matrix from. Rules for trees and boosting stand in `curated_sklearn_states.py`.
"""

from __future__ import annotations

from typing import Any

Rule = dict[str, Any]


def holds(that: str, *when: list[Any], unless: list[list[Any]] | None = None, code: str = "shape-mismatch") -> Rule:
    """Return a comparison rule."""
    rule: Rule = {"rule": "holds", "that": that, "code": code}
    if when:
        rule["when"] = list(when)
    if unless:
        rule["unless"] = unless
    return rule


def within(of: str, *when: list[Any], **bounds: Any) -> Rule:
    """Return a rule about the range of all elements."""
    return {"rule": "within", "of": of, **bounds, **({"when": list(when)} if when else {})}


def shape(of: str, *dims: str | int, when: list[list[Any]] | None = None) -> Rule:
    """Return a rule about rank and dimensions."""
    return {"rule": "shape", "of": of, "dims": list(dims), **({"when": when} if when else {})}


def kinds(of: str, *when: list[Any], unless: list[list[Any]] | None = None, **allowed: list[str]) -> Rule:
    """Return a rule about what stands at a path."""
    rule: Rule = {"rule": "is", "of": of, **allowed}
    if when:
        rule["when"] = list(when)
    if unless:
        rule["unless"] = unless
    return rule


# -- nearest centres: BLAS on X and the centres, widths unchecked (_k_means_lloyd.pyx, _k_means_common.pyx) -----------

_CENTERS = [
    shape("cluster_centers_", "*", "n_features_in_", when=[["cluster_centers_"]]),
    holds("len(cluster_centers_) >= 1", ["cluster_centers_"]),
]
_MINI_BATCH = [
    *_CENTERS,
    # partial_fit writes weight_sums[cluster] for each centre (_k_means_minibatch.pyx)
    shape("_counts", "len(cluster_centers_)", when=[["_counts"]]),
]
_BISECTING = [
    *_CENTERS,
    holds("size(_bisecting_tree.center) == n_features_in_", ["_bisecting_tree"]),
    holds("size(_X_mean) == n_features_in_", ["_X_mean"]),
]
_BISECTING_NODE = [
    holds("size(left.center) == size(center)", ["left"]),
    holds("size(right.center) == size(center)", ["left"]),
]
_BIRCH = [
    # the reduction reads Y_norm_squared[j] for each centre j (_argkmin.pyx)
    shape("_subcluster_norms", "len(subcluster_centers_)", when=[["_subcluster_norms"]]),
    shape("subcluster_centers_", "*", "n_features_in_", when=[["subcluster_centers_"]]),
]

_NEAREST = "sklearn.neighbors."


def _metrics(name: str) -> list[str]:
    return [f"type:sklearn:metrics.{name}Distance{width}" for width in ("32", "64")]


# -- neighbours: results index what was fitted (_argkmin_classmode.pyx, _binary_tree.pxi) ------------------------------

_NEIGHBORS = [
    holds("shape(_fit_X, 1) == n_features_in_", ["_fit_X"], unless=[["effective_metric_", "precomputed"]]),
    # kneighbors_graph makes a CSR matrix with n_samples_fit_ columns from indices of fitted points
    holds("n_samples_fit_ == len(_fit_X)", ["_fit_X"]),
    holds("n_samples_fit_ == len(_tree.data)", ["_tree"]),
    holds("shape(_tree.data, 1) == n_features_in_", ["_tree"]),
]
_NEIGHBOR_CLASSES = [
    *_NEIGHBORS,
    # the histogram of votes is written at [row, _y[neighbour]] without looking
    holds("len(_y) == n_samples_fit_", ["_y"]),
    within("_y", ["_y"], ["outputs_2d_", False], min=0, below="len(classes_)"),
    within("_y", ["_y"], ["outputs_2d_", True], min=0),
    holds("peaks(_y) < len(classes_[*])", ["_y"], ["outputs_2d_", True], code="index-out-of-range"),
]
_NEIGHBOR_TARGETS = [*_NEIGHBORS, holds("len(_y) == n_samples_fit_", ["_y"])]
_DENSITY = [holds("shape(tree_.data, 1) == n_features_in_", ["tree_"])]

# A search tree is a full binary tree in one array: an inner node on the last level has children behind the end.
_SEARCH_TREE = [
    within("node_data.is_leaf", min=1, start="n_nodes // 2"),
    # distances with a weight, a variance or a matrix read one for each column
    *(
        holds(f"len(dist_metric.{array}) == shape(data, 1)", ["dist_metric", *_metrics(name)])
        for name, array in (("SEuclidean", "vec"), ("Mahalanobis", "mat"))
    ),
    holds(
        "len(dist_metric.vec) * (len(dist_metric.vec) - shape(data, 1)) == 0", ["dist_metric", *_metrics("Minkowski")]
    ),
    holds("shape(data, 1) == 2", ["dist_metric", *_metrics("Haversine")]),
]

# -- support vectors: libsvm builds its model from these arrays at each call (libsvm_helper.c) --------------------

_FITTED = ["support_"]
_SUPPORT = "len(support_)"
_PAIRS = "len(_n_support) * (len(_n_support) - 1) // 2"
_VECTORS = ["kernel", "linear", "poly", "rbf", "sigmoid"]  # the others are rows of a kernel matrix
_SVM_ALL = [
    holds("rank(support_) == 1", _FITTED),
    within("support_", _FITTED, min=0, below="shape_fit_[0]"),
    within("support_", _FITTED, ["_BaseLibSVM__Xfit"], min=0, below="len(_BaseLibSVM__Xfit)"),
    within("_n_support", _FITTED, min=0),
    shape("_intercept_", "*", when=[_FITTED]),
    holds("len(_probA) * (len(_probA) - len(_intercept_)) == 0", _FITTED),
    holds("len(_probA) == len(_probB)", _FITTED),
    # the kernel between X and a support vector reads as many columns as both have
    holds(f"len(support_vectors_) == {_SUPPORT}", _FITTED, _VECTORS),
    holds("shape(support_vectors_, 1) == n_features_in_", _FITTED, _VECTORS),
    # a CSR dual_coef_ is read as if it were dense: one value for each support vector and row
    holds("len(_dual_coef_.data) == shape(_dual_coef_, 0) * shape(_dual_coef_, 1)", _FITTED, ["_sparse", True]),
    holds(f"shape(_dual_coef_, 1) == {_SUPPORT}", _FITTED),
    kinds("support_vectors_", _FITTED, ["_sparse", True], types=["scipy.sparse.csr_matrix", "scipy.sparse.csr_array"]),
    kinds("support_vectors_", _FITTED, ["_sparse", False], kinds=["array"]),
    # the sparse code copies the probability model whenever one is asked for, also by plain predict
    holds("len(_probA) == len(_intercept_)", _FITTED, ["_sparse", True], ["probability", True]),
    holds("len(_probA) == len(_intercept_)", _FITTED, ["_sparse", True], ["_effective_probability", True]),
    # the sparse kernel takes the first number of a support vector for an index where it is no dot product
    holds("0 == 1", _FITTED, ["_sparse", True], unless=[_VECTORS]),
]
_SVM_CLASSES = [
    *_SVM_ALL,
    holds(f"sum(_n_support) == {_SUPPORT}", _FITTED),
    holds("len(_n_support) == len(classes_)", _FITTED),
    holds("len(_n_support) >= 2", _FITTED),
    holds("shape(_dual_coef_, 0) == len(_n_support) - 1", _FITTED),
    holds(f"len(_intercept_) == {_PAIRS}", _FITTED),
    shape("class_weight_", "len(classes_)", when=[_FITTED, ["class_weight_"]]),
]
_SVM_NUMBERS = [
    *_SVM_ALL,
    # regression and one-class: the model has two classes on paper
    holds("len(_n_support) == 2", _FITTED),
    holds("shape(_dual_coef_, 0) == 1", _FITTED),
    holds("len(_intercept_) == 1", _FITTED),
]

# -- matrices that an estimator builds from its own numbers (scipy.sparse trusts indices) --------------------

_COUNTED = [
    {"rule": "within", "of": "vocabulary_[*]", "min": 0, "below": "len(vocabulary_)", "when": [["vocabulary_"]]},
    {"rule": "distinct", "of": "vocabulary_[*]", "when": [["vocabulary_"]]},
]
_GROUPED = ["_infrequent_enabled", True]
_UNGROUPED = ["_infrequent_enabled", False]
_DROPPING = ["_drop_idx_after_grouping"]
_ENCODED = ["_n_features_outs"]
_KEPT = "len(categories_[*]) - len(_infrequent_indices[*]) + some(_infrequent_indices[*])"
_ONE_HOT = [
    # a number is found by bisection, which in an unsorted list can point behind the end
    {"rule": "increasing", "of": "categories_[*]", "strict": True, "loose": True, "when": [_ENCODED]},
    holds("len(_n_features_outs) == len(categories_)", _ENCODED),
    holds("len(categories_) == n_features_in_", _ENCODED),
    holds("_n_features_outs[*] == len(categories_[*])", _ENCODED, _UNGROUPED, unless=[_DROPPING]),
    holds(
        "_n_features_outs[*] == len(categories_[*]) - some(_drop_idx_after_grouping[*])",
        _ENCODED,
        _UNGROUPED,
        _DROPPING,
    ),
    holds(f"_n_features_outs[*] == {_KEPT}", _ENCODED, _GROUPED, unless=[_DROPPING]),
    holds(f"_n_features_outs[*] == {_KEPT} - some(_drop_idx_after_grouping[*])", _ENCODED, _GROUPED, _DROPPING),
    # what is dropped is a column that is there
    holds("max(_drop_idx_after_grouping[*]) < len(categories_[*])", _ENCODED, _UNGROUPED, _DROPPING),
    holds(f"max(_drop_idx_after_grouping[*]) < {_KEPT}", _ENCODED, _GROUPED, _DROPPING),
    holds("min(_drop_idx_after_grouping[*]) >= 0", _ENCODED, _DROPPING),
    # rare categories are mapped to one column behind the others
    holds(f"max(_default_to_infrequent_mappings[*]) < {_KEPT}", _ENCODED, _GROUPED),
    holds("min(_default_to_infrequent_mappings[*]) >= 0", _ENCODED, _GROUPED),
]
_CLUSTERED_FEATURES = [
    # np.bincount allocates as many bins as the largest label says
    within("labels_", ["labels_"], min=0, below="n_features_in_"),
]

# -- stochastic gradient descent: partial_fit goes on with these weights (_sgd_fast.pyx) --------------------


def _weights(name: str) -> list[Rule]:
    """Two classes: one row in any shape; otherwise one row for each class."""
    when = [[name], ["classes_"]]
    each = "n_features_in_ * len(classes_)"
    return [
        holds(f"(size({name}) - n_features_in_) * (size({name}) - {each}) == 0", *when),
        holds(f"(len(classes_) - 2) * (size({name}) - {each}) == 0", *when),
        holds(f"(len(classes_) - 2) * (shape({name}, 1) - n_features_in_) == 0", *when),
    ]


def _weight_vector(name: str) -> list[Rule]:
    return [holds(f"size({name}) == n_features_in_", [name])]


_SGD_CLASSES = [rule for name in ("coef_", "_standard_coef", "_average_coef") for rule in _weights(name)]
_SGD_NUMBERS = [rule for name in ("coef_", "_standard_coef", "_average_coef") for rule in _weight_vector(name)]

# -- votes: a table of as many columns as `n_classes_` says is made for each output --------------------

_VOTED = [holds("n_classes_ == len(classes_)", ["n_classes_"])]
_VOTED_OUTPUTS = [
    holds("n_classes_ == len(classes_)", ["n_classes_"], ["n_outputs_", 1]),
    holds("n_classes_[*] == len(classes_[*])", ["n_classes_"], unless=[["n_outputs_", 1]]),
]

# -- tables of as many columns as one number says --------------------

_FACTORS = [
    holds("_n_components == len(components_)", ["components_"], ["_n_components"], unless=[["_n_components", "auto"]])
]
_ANSWERED = [holds("n_outputs_ <= size(constant_)", ["constant_"])]
_STEPPED = {
    "Regressor": [holds("n_trees_per_iteration_ == 1", ["n_trees_per_iteration_"])],
    "Classifier": [holds("n_trees_per_iteration_ <= len(classes_)", ["n_trees_per_iteration_"])],
}

# -- boosting: what stands around the trees --------------------

_GROWN = ["estimators_"]
_FOREST_LIKE = [
    "sklearn.ensemble.RandomForestRegressor",
    "sklearn.ensemble.ExtraTreesRegressor",
    "sklearn.tree.DecisionTreeRegressor",
    "sklearn.tree.ExtraTreeRegressor",
]
_LINEAR = [
    f"sklearn.linear_model.{name}"
    for name in (
        "LinearRegression",
        "Ridge",
        "RidgeCV",
        "Lasso",
        "LassoCV",
        "ElasticNet",
        "ElasticNetCV",
        "HuberRegressor",
        "BayesianRidge",
        "ARDRegression",
        "Lars",
        "LassoLars",
        "QuantileRegressor",
        "SGDRegressor",
        "TheilSenRegressor",
        "PoissonRegressor",
        "GammaRegressor",
        "TweedieRegressor",
    )
] + ["sklearn.svm.LinearSVR"]
_FLAT = [
    "sklearn.svm.SVR",
    "sklearn.svm.NuSVR",
    "sklearn.ensemble.HistGradientBoostingRegressor",
    "sklearn.ensemble.GradientBoostingRegressor",
    "sklearn.ensemble.AdaBoostRegressor",
]
_TREES = ["sklearn.tree.DecisionTreeRegressor"]
_BOOSTED = [
    # predict_stages takes `tree_` of each cell and follows its nodes (_gradient_boosting.pyx)
    kinds("estimators_[*]", _GROWN, types=_TREES),
    holds("len(estimators_) >= 1", _GROWN),
]
# The trees add to column k of what `init_` answers, for each k, without looking how wide that is.
_BOOSTED_NUMBERS = [
    *_BOOSTED,
    holds("n_trees_per_iteration_ == 1", _GROWN),
    kinds(
        "init_", _GROWN, kinds=["str", "none"], types=["sklearn.dummy.DummyRegressor", *_FOREST_LIKE, *_LINEAR, *_FLAT]
    ),
    *(
        kind
        for name in ("sklearn.dummy.DummyRegressor", *_FOREST_LIKE)
        for kind in [holds("init_.n_outputs_ == 1", _GROWN, ["init_", f"type:{name}"])]
    ),
    *(holds("rank(init_.coef_) == 1", _GROWN, ["init_", f"type:{name}"]) for name in _LINEAR),
]
_WIDE = [["n_trees_per_iteration_", 1]]
_BOOSTED_CLASSES = [
    *_BOOSTED,
    holds("n_classes_ == len(classes_)", _GROWN),
    # one tree an iteration for two classes, one for each otherwise
    holds("n_trees_per_iteration_ >= 1", _GROWN),
    holds("n_trees_per_iteration_ == n_classes_", _GROWN, unless=_WIDE),
    kinds("_loss", _GROWN, unless=_WIDE, types=["sklearn:loss.HalfMultinomialLoss"]),
    kinds(
        "_loss",
        _GROWN,
        ["n_trees_per_iteration_", 1],
        types=["sklearn:loss.HalfBinomialLoss", "sklearn:loss.ExponentialLoss"],
    ),
    kinds(
        "init_",
        _GROWN,
        unless=_WIDE,
        kinds=["str", "none"],
        types=[
            "sklearn.dummy.DummyClassifier",
            "sklearn.linear_model.LogisticRegression",
            "sklearn.naive_bayes.GaussianNB",
            "sklearn.ensemble.RandomForestClassifier",
            "sklearn.ensemble.ExtraTreesClassifier",
        ],
    ),
    holds(
        "len(init_.class_prior_) == n_classes_", _GROWN, ["init_", "type:sklearn.dummy.DummyClassifier"], unless=_WIDE
    ),
    holds("init_.n_classes_ == n_classes_", _GROWN, ["init_", "type:sklearn.dummy.DummyClassifier"], unless=_WIDE),
    holds(
        "len(init_.coef_) == n_classes_",
        _GROWN,
        ["init_", "type:sklearn.linear_model.LogisticRegression"],
        unless=_WIDE,
    ),
    holds("rank(init_.coef_) == 2", _GROWN, ["init_", "type:sklearn.linear_model.LogisticRegression"], unless=_WIDE),
    holds("len(init_.classes_) == n_classes_", _GROWN, ["init_", "type:sklearn.naive_bayes.GaussianNB"], unless=_WIDE),
    *(
        holds(f"init_.{what}", _GROWN, ["init_", f"type:sklearn.ensemble.{name}"], unless=_WIDE)
        for name in ("RandomForestClassifier", "ExtraTreesClassifier")
        for what in ("n_classes_ == n_classes_", "n_outputs_ == 1")
    ),
]
_BINNED = ["_preprocessor"]
_ENCODER, _REST = "_preprocessor.transformers_[0]", "_preprocessor.transformers_[1]"
_HISTOGRAM = [
    # X is what the preprocessor makes of it: it must keep every column, or the trees read beside it
    kinds("_preprocessor", _BINNED, types=["sklearn.compose.ColumnTransformer"]),
    kinds(f"{_ENCODER}[1]", _BINNED, types=["sklearn.preprocessing.OrdinalEncoder"]),
    kinds(f"{_REST}[1]", _BINNED, types=["sklearn.preprocessing.FunctionTransformer"]),
    kinds(f"{_REST}[1].func", _BINNED, types=["functools.partial"]),
    kinds(f"{_REST}[1].func.func", _BINNED, functions=["sklearn.utils.check_array"]),
    holds(f"len({_REST}[1].func.args) == 0", _BINNED),
    holds(f"len({_ENCODER}[2]) == n_features_in_", _BINNED),
    holds(f"len({_REST}[2]) == n_features_in_", _BINNED),
    holds(f"sum({_ENCODER}[2]) + sum({_REST}[2]) == n_features_in_", _BINNED),
    within(f"{_ENCODER}[2]", _BINNED, min=0, max=1),
    within(f"{_REST}[2]", _BINNED, min=0, max=1),
    kinds("_bin_mapper", ["_bin_mapper"], types=["sklearn:ensemble.BinMapper"]),
    kinds("_predictors[*][*]", ["_predictors"], types=["sklearn:ensemble.TreePredictor"]),
    holds("len(_predictors[*]) == n_trees_per_iteration_", ["_predictors"]),
]
_BINS = [
    # one list of thresholds for each feature is taken by position (_binning.pyx)
    holds("len(bin_thresholds_) == len(is_categorical_)", ["bin_thresholds_"]),
    holds("len(n_bins_non_missing_) == len(is_categorical_)", ["bin_thresholds_"]),
    within("is_categorical_", ["bin_thresholds_"], min=0, max=1),
]

# -- work that grows faster than what is stored --------------------

_POLYNOMIAL = [
    holds(
        "choose(n_features_in_ + _max_degree, _max_degree) <= limit(components)",
        ["_max_degree"],
        ["n_features_in_"],
        code="limit-components",
    ),
]

# -- hierarchy of clusters (_hdbscan/_tree.pyx): a union-find over node numbers --------------------

_LINKED = ["_single_linkage_tree_"]
_HIERARCHY = [
    within(f"_single_linkage_tree_.{name}", _LINKED, min=0, max="len(_single_linkage_tree_) * 2")
    for name in ("left_node", "right_node")
]

# -- arguments of a call: a dtype made of a list or a dict has fields of any size --------------------

_ARGUMENTS = [
    kinds(f"{name}.dtype", [f"{name}.dtype"], kinds=["str", "none", "type", "dtype"])
    for name in ("kw_args", "inv_kw_args")
]

RULES: dict[str, list[Rule]] = {
    "sklearn.preprocessing.FunctionTransformer": _ARGUMENTS,
    **{f"sklearn.ensemble.{name}": _VOTED for name in ("BaggingClassifier", "AdaBoostClassifier")},
    "sklearn.gaussian_process.GaussianProcessClassifier": _VOTED,
    **{f"sklearn.ensemble.{name}": _VOTED_OUTPUTS for name in ("RandomForestClassifier", "ExtraTreesClassifier")},
    "sklearn.cluster.KMeans": _CENTERS,
    "sklearn.cluster.MiniBatchKMeans": _MINI_BATCH,
    "sklearn.cluster.BisectingKMeans": _BISECTING,
    "sklearn:cluster.BisectingTree": _BISECTING_NODE,
    "sklearn.cluster.Birch": _BIRCH,
    "sklearn.cluster.HDBSCAN": _HIERARCHY,
    "sklearn.cluster.FeatureAgglomeration": _CLUSTERED_FEATURES,
    **{
        _NEAREST + name: _NEIGHBORS
        for name in ("NearestNeighbors", "KNeighborsTransformer", "RadiusNeighborsTransformer", "LocalOutlierFactor")
    },
    **{_NEAREST + name: _NEIGHBOR_CLASSES for name in ("KNeighborsClassifier", "RadiusNeighborsClassifier")},
    **{_NEAREST + name: _NEIGHBOR_TARGETS for name in ("KNeighborsRegressor", "RadiusNeighborsRegressor")},
    "sklearn.neighbors.KernelDensity": _DENSITY,
    **{
        prefix + kind + width: _SEARCH_TREE
        for kind in ("KDTree", "BallTree")
        for prefix, width in ((_NEAREST, ""), ("sklearn:neighbors.", "32"), ("sklearn:neighbors.", "64"))
    },
    "sklearn.svm.SVC": _SVM_CLASSES,
    "sklearn.svm.NuSVC": _SVM_CLASSES,
    "sklearn.svm.SVR": _SVM_NUMBERS,
    "sklearn.svm.NuSVR": _SVM_NUMBERS,
    "sklearn.svm.OneClassSVM": _SVM_NUMBERS,
    "sklearn.feature_extraction.text.CountVectorizer": _COUNTED,
    "sklearn.feature_extraction.text.TfidfVectorizer": _COUNTED,
    "sklearn.feature_extraction.DictVectorizer": _COUNTED,
    "sklearn.preprocessing.OneHotEncoder": _ONE_HOT,
    # columns are numbered by a dict of the classes: one that stands there twice leaves a column too few
    "sklearn.preprocessing.MultiLabelBinarizer": [{"rule": "distinct", "of": "classes_", "when": [["classes_"]]}],
    "sklearn.preprocessing.PolynomialFeatures": _POLYNOMIAL,
    "sklearn.linear_model.SGDClassifier": _SGD_CLASSES,
    "sklearn.linear_model.Perceptron": _SGD_CLASSES,
    "sklearn.linear_model.PassiveAggressiveClassifier": _SGD_CLASSES,
    "sklearn.linear_model.SGDRegressor": _SGD_NUMBERS,
    "sklearn.linear_model.PassiveAggressiveRegressor": _SGD_NUMBERS,
    "sklearn.linear_model.SGDOneClassSVM": _SGD_NUMBERS,
    "sklearn.ensemble.GradientBoostingRegressor": _BOOSTED_NUMBERS,
    "sklearn.ensemble.GradientBoostingClassifier": _BOOSTED_CLASSES,
    **{f"sklearn.ensemble.HistGradientBoosting{kind}": [*_HISTOGRAM, *more] for kind, more in _STEPPED.items()},
    "sklearn.dummy.DummyClassifier": _VOTED_OUTPUTS,
    "sklearn.dummy.DummyRegressor": _ANSWERED,
    "sklearn.decomposition.NMF": _FACTORS,
    "sklearn.decomposition.MiniBatchNMF": _FACTORS,
    "sklearn:ensemble.BinMapper": _BINS,
}
