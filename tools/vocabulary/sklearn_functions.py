"""scikit-learn functions that may stand in a model as values: reviewed one by one, a closed list.

Each takes arrays and plain options and returns arrays or numbers: it opens no file, starts no process, evaluates no
string, looks up no attribute by name, calls nothing it is given, and hands no length to native code unchecked whatever
its keyword arguments are. That leaves out `pairwise_distances` and its relatives (`metric_kwargs`, `n_jobs`,
`reduce_func`), `make_scorer`, `get_scorer`, reports and plots.
"""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


SCORES = _words(
    "accuracy_score adjusted_mutual_info_score adjusted_rand_score auc average_precision_score "
    "balanced_accuracy_score brier_score_loss cohen_kappa_score completeness_score confusion_matrix coverage_error "
    "d2_absolute_error_score d2_brier_score d2_log_loss_score d2_pinball_score d2_tweedie_score dcg_score "
    "explained_variance_score f1_score fbeta_score fowlkes_mallows_score hamming_loss hinge_loss homogeneity_score "
    "jaccard_score label_ranking_average_precision_score label_ranking_loss log_loss matthews_corrcoef max_error "
    "mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss mean_poisson_deviance "
    "mean_squared_error mean_squared_log_error mean_tweedie_deviance median_absolute_error mutual_info_score "
    "ndcg_score normalized_mutual_info_score precision_score r2_score rand_score recall_score roc_auc_score "
    "root_mean_squared_error root_mean_squared_log_error top_k_accuracy_score v_measure_score zero_one_loss"
)
KERNELS = _words(
    "additive_chi2_kernel chi2_kernel cosine_distances cosine_similarity euclidean_distances haversine_distances "
    "laplacian_kernel linear_kernel manhattan_distances nan_euclidean_distances polynomial_kernel rbf_kernel "
    "sigmoid_kernel"
)
SELECTORS = _words("chi2 f_classif f_oneway f_regression mutual_info_classif mutual_info_regression r_regression")
INTERNAL = {"sklearn.utils.check_array": "check_array"}  # histogram boosting keeps it in a functools.partial


def groups() -> dict[str, str]:
    """Return identifier (the public path) -> group."""
    named = {f"sklearn.metrics.{name}": "score" for name in SCORES}
    named |= {f"sklearn.metrics.pairwise.{name}": "kernel" for name in KERNELS}
    named |= {f"sklearn.feature_selection.{name}": "selection" for name in SELECTORS}
    return named | dict.fromkeys(INTERNAL, "internal")
