"""Write `src/amber/programs/operators.json`: the operators a program may use, with their attributes, from `onnx.defs`.

Usage: python scripts/write_operators.py [--check]

The names stand here: what `programs/emit` uses, and what skl2onnx 1.20 and onnxmltools 1.16 produce. Of what
holds a graph only Loop is among them, which our emitters use; Scan and If are not. Einsum, OneHot and
FeatureVectorizer are left out because onnxruntime 1.31 ends the process on some of their inputs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from onnx import defs

TARGET = Path(__file__).resolve().parent.parent / "src" / "amber" / "programs" / "operators.json"
OLDEST = {"": 7, "ai.onnx.ml": 1}
NEWEST = {"": 21, "ai.onnx.ml": 5}
NAMES = {
    "": """
        Abs Add And ArgMax ArgMin Cast Ceil Clip Compress Concat Constant ConstantOfShape Cos CumSum Div Equal Erf Exp
        Expand EyeLike Flatten Floor Gather GatherElements GatherND Gemm Greater GreaterOrEqual Identity IsInf IsNaN
        Less LessOrEqual Log LogSoftmax Loop MatMul Max Mean Min Mod Mul Neg NonZero Not Or Pow Range Reciprocal
        ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu
        Reshape Round ScatterElements ScatterND Shape Sigmoid Sign Sin Slice Softmax Split Sqrt Squeeze
        StringNormalizer Sub Sum Tan Tanh TfIdfVectorizer Tile TopK Transpose Unsqueeze Where Xor
    """,
    "ai.onnx.ml": """
        ArrayFeatureExtractor Binarizer Imputer LabelEncoder LinearClassifier LinearRegressor
        Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier
        TreeEnsembleRegressor
    """,
}


def table() -> dict[str, Any]:
    """Return domain -> operator -> counts of inputs and outputs, attributes: of every version in force."""
    found: dict[str, dict[str, Any]] = {}
    for domain, names in NAMES.items():
        for name in sorted(names.split()):
            versions = {
                each.since_version: each
                for each in defs.get_all_schemas_with_history()
                if (each.domain, each.name) == (domain, name) and each.since_version <= NEWEST[domain]
            }
            first = max((each for each in versions if each <= OLDEST[domain]), default=0)
            schemas = [versions[each] for each in sorted(versions) if each >= first]
            found.setdefault(domain, {})[name] = {
                "inputs": [min(s.min_input for s in schemas), max(s.max_input for s in schemas)],
                "outputs": [min(s.min_output for s in schemas), max(s.max_output for s in schemas)],
                "attributes": {key: value.type.name for s in schemas for key, value in sorted(s.attributes.items())},
            }
    return found


def text() -> str:
    """Return the file, one operator a line."""
    domains = []
    for domain, operators in table().items():
        rows = ",\n".join(
            f"    {json.dumps(name)}: {json.dumps(row, sort_keys=True)}" for name, row in operators.items()
        )
        domains.append(f"  {json.dumps(domain)}: {{\n{rows}\n  }}")
    return "{\n" + ",\n".join(domains) + "\n}\n"


def main() -> int:
    """Write or check the file; return the exit code."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text() else 1
    TARGET.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
