"""Seeds: the accepted vectors, the adapters' examples, and small files made of the zoo's specimens.

Made once for each version of scikit-learn, under `build/fuzz`; nothing of it is in git.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import amber
from amber.adapters.registry import adapters
from amber.adapters.take import take
from amber.archive import names
from amber.errors import AmberError
from amber.models.environment import written_versions
from amber.policy import Policy
from fuzz import files
from tests.zoo import specimens
from tools.vectors.artifact import ENVIRONMENT, manifest

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 48 * 1024  # bytes of a seed
# Specimens of every native class and of every way to hold arrays for one; quick to fit.
FEW = (
    "DecisionTreeClassifier[missing]", "DecisionTreeRegressor[two-outputs]", "RandomForestClassifier[csr]",
    "IsolationForest", "GradientBoostingClassifier[log-loss-binary]", "HistGradientBoostingClassifier[categories]",
    "AdaBoostRegressor", "SVC[poly]", "SVC[probability-csr]", "NuSVC[probability]", "OneClassSVM", "LinearSVC[l1]",
    "KNeighborsClassifier[ball_tree]", "KNeighborsClassifier[cosine]", "RadiusNeighborsClassifier[most-frequent]",
    "KernelDensity[cosine]", "LocalOutlierFactor", "NearestCentroid[manhattan]", "MiniBatchKMeans[csr]", "Birch",
    "BisectingKMeans", "HDBSCAN[centroids]", "PCA[arpack]", "KernelPCA[precomputed]", "NMF[nndsvd]",
    "LatentDirichletAllocation", "MiniBatchDictionaryLearning", "CountVectorizer[group-pattern]", "TfidfVectorizer",
    "DictVectorizer[unsorted-separator]", "OneHotEncoder[share]", "OrdinalEncoder[floats]", "TargetEncoder",
    "SplineTransformer[continue]", "PolynomialFeatures[csr]", "KBinsDiscretizer[averaged]", "KNNImputer[distance]",
    "IterativeImputer", "SGDClassifier[log_loss]", "Perceptron", "MLPClassifier[adam]", "GaussianProcessRegressor",
    "IsotonicRegression[clip]", "CalibratedClassifierCV[sigmoid]", "ColumnTransformer[names-format]",
    "FeatureUnion[shared-child]", "LabelSpreading[knn]", "BayesianGaussianMixture[diag]", "PLSRegression[two]",
    "MultiLabelBinarizer", "RandomTreesEmbedding", "Nystroem[cosine]", "LogisticRegressionCV",
)  # fmt: skip


def seeds(folder: Path, everything: bool) -> list[bytes]:
    """Return the seeds, smallest first; those that are not there yet are made."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    known: dict[str, str] = json.loads(index.read_text()) if index.is_file() else {}
    for name, make in _all(everything):
        if name not in known:
            known[name] = _stored(folder, make)
    index.write_text(json.dumps(known, indent=0, sort_keys=True))
    wanted = {name for name, _ in _all(everything)}
    found = {(folder / digest).read_bytes() for name, digest in known.items() if digest and name in wanted}
    found |= {path.read_bytes() for path in (ROOT / "spec/vectors/accept").glob("*.amber")}
    return sorted((data for data in found if len(data) <= LARGEST), key=lambda data: (len(data), data))


def _stored(folder: Path, make: Callable[[], bytes]) -> str:
    """Make one seed; empty where it cannot be one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = make()
        except AmberError:
            return ""
    digest = hashlib.sha256(data).hexdigest()[:16] + ".amber"
    (folder / digest).write_bytes(data)
    return digest


def _all(everything: bool) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for each in adapters():
        for name, make in each.examples():
            yield f"example/{each.id}/{name}", lambda make=make: of_object(make())
    for specimen in specimens():
        if not specimen.allow and (everything or specimen.name in FEW):
            yield f"zoo/{specimen.name}", lambda specimen=specimen: of_object(specimen.make())
    for specimen in specimens():
        if specimen.name in FEW[::8]:
            yield f"cases/{specimen.name}", lambda specimen=specimen: with_cases(specimen)


def of_object(value: Any, allow: Iterable[str] = ()) -> bytes:
    """Return the file of one object, without cases."""
    taken = take(value, Policy(allow=tuple(allow)))
    top = manifest() | {"libraries": written_versions(taken.libraries), "members": {}}
    members = {names.MANIFEST: json.dumps(top).encode(), names.ENVIRONMENT: ENVIRONMENT}
    return files.join(files.with_tree(members, taken.tree))


def with_cases(specimen: Any) -> bytes:
    """Return what `amber.save` writes for a specimen, its cases included."""
    with tempfile.TemporaryDirectory(prefix="amber-fuzz-") as folder:
        path = Path(folder) / "case.amber"
        amber.save(specimen.make(), path, sample=specimen.inputs)
        return path.read_bytes()
