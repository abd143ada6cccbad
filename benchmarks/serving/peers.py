"""The servers of the comparison: how each is installed, started, asked, and how its answer is read.

Every peer answers the label and the probabilities of both classes (MLflow the probabilities alone: its scikit-learn
flavour has one function). Each has an environment of its own under `.venv-serving/`, with the same scikit-learn.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from amber.server.front import keys

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).with_name("apps")
VENVS = ROOT / ".venv-serving"
SAME = ("scikit-learn", "joblib")  # in the versions of the main environment
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Case:
    """What is served: the original as joblib and as an artifact, and rows."""

    folder: Path
    rows: Any  # [N, columns], float64
    model: Any

    @property
    def pickled(self) -> Path:
        """The joblib file."""
        return self.folder / "model.joblib"

    @property
    def key(self) -> str:
        """An API key of Amber's server; its file of hashes is `keys.toml` beside it."""
        place = self.folder / "key"
        if not place.exists():
            place.write_text(keys.add(str(self.folder / "keys.toml"), "bench", ["read", "predict"]))
        return place.read_text()

    @property
    def artifact(self) -> Path:
        """The Amber file, its program inside."""
        return self.folder / "model.amber"


@dataclass(frozen=True)
class Peer:
    """One server. `words(case, port)`: its command; `body(rows)`: a request; `answer(data)`: its probabilities."""

    name: str
    packages: tuple[str, ...]
    words: Callable[[Case, int], list[str]]
    path: str
    body: Callable[[Any], bytes]
    answer: Callable[[Any], Any]
    ready: str = "/ready"
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    environment: dict[str, str] = field(default_factory=dict)
    venv: str = ""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return VENVS / self.venv / "bin" / "python" if self.venv else Path(sys.executable)


def _rows(rows: Any) -> bytes:
    return json.dumps({"rows": rows.tolist()}).encode()


def _inputs(rows: Any) -> bytes:
    return json.dumps({"inputs": rows.tolist()}).encode()


def tensors(name: str, *outputs: str) -> Callable[[Any], bytes]:
    """Return what writes an Open Inference request in JSON, flat and row by row."""

    def body(rows: Any) -> bytes:
        tensor = {"name": name, "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
        asked = {"outputs": [{"name": each} for each in outputs]} if outputs else {}
        return json.dumps({"inputs": [tensor], **asked}).encode()

    return body


def binary(rows: Any) -> tuple[bytes, dict[str, str]]:
    """Return an Open Inference request with a binary tensor, and its headers."""
    raw = np.ascontiguousarray(rows, dtype="<f8").tobytes()
    head = json.dumps(
        {
            "inputs": [{"name": "X", "shape": list(rows.shape), "datatype": "FP64",
                        "parameters": {"binary_data_size": len(raw)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()  # fmt: skip
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return head + raw, headers


def _probabilities(data: Any) -> Any:
    return data["probabilities"]


def _tensor(data: Any) -> Any:
    found = next(each for each in data["outputs"] if each["name"] == "predict_proba")
    return np.reshape(found["data"], found["shape"])


def _uvicorn(app: str) -> Callable[[Case, int], list[str]]:
    def words(case: Case, port: int) -> list[str]:
        return ["-m", "uvicorn", app, "--app-dir", str(APPS), "--port", str(port), "--no-access-log", "--log-level",
                "warning"]  # fmt: skip

    return words


def _script(name: str) -> Callable[[Case, int], list[str]]:
    return lambda case, port: [str(APPS / name), str(port)]


def _mlflow(case: Case, port: int) -> list[str]:
    place = case.folder / "mlflow"
    make = (
        "import joblib, mlflow, os, sys; mlflow.sklearn.save_model(joblib.load(os.environ['MODEL']), sys.argv[1],"
        " pyfunc_predict_fn='predict_proba', serialization_format='cloudpickle') if not os.path.exists(sys.argv[1])"
        " else None; os.execv(sys.executable, [sys.executable, '-m', 'mlflow', 'models', 'serve', '-m', sys.argv[1],"
        " '-p', sys.argv[2], '-h', '127.0.0.1', '--env-manager', 'local'])"
    )
    return ["-c", make, str(place), str(port)]


def _mlserver(case: Case, port: int) -> list[str]:
    place = case.folder / "mlserver"
    place.mkdir(exist_ok=True)
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2,
                "parallel_workers": 0}  # fmt: skip
    (place / "settings.json").write_text(json.dumps(settings))
    model = {"name": "model", "implementation": "mlserver_sklearn.SKLearnModel",
             "parameters": {"uri": str(case.pickled)}}  # fmt: skip
    (place / "model-settings.json").write_text(json.dumps(model))
    return [str(VENVS / "mlserver" / "bin" / "mlserver"), "start", str(place)]


def _bento(case: Case, port: int) -> list[str]:
    return ["-m", "bentoml", "serve", "bento_app:Model", "--working-dir", str(APPS), "--port", str(port), "--host",
            "127.0.0.1"]  # fmt: skip


def amber(*more: str) -> Callable[[Case, int], list[str]]:
    """Return what starts Amber's server; no access log, as the peers have none."""

    def words(case: Case, port: int) -> list[str]:
        settings = case.folder / "serve.toml"
        settings.write_text('access_log = "off"\n')
        return ["-m", "amber.cli.main", "serve", str(case.artifact), "--port", str(port), "--config", str(settings),
                *more]  # fmt: skip

    return words


def _secured(case: Case, port: int) -> list[str]:
    assert case.key
    return amber("--api-keys", str(case.folder / "keys.toml"))(case, port)


_OUTPUTS = ("predict", "predict_proba")
_OIP = {"path": "/v2/models/model/infer", "answer": _tensor, "ready": "/v2/health/ready"}
PEERS = [
    Peer("Amber", (), _secured, body=tensors("X"), **_OIP),
    Peer("FastAPI, def", ("fastapi", "uvicorn[standard]"), _uvicorn("fastapi_app:app"), "/def", _rows,
         _probabilities, venv="fastapi"),
    Peer("FastAPI, async def", ("fastapi", "uvicorn[standard]"), _uvicorn("fastapi_app:app"), "/async", _rows,
         _probabilities, venv="fastapi"),
    Peer("MLflow", ("mlflow",), _mlflow, "/invocations", _inputs, lambda data: data["predictions"], ready="/ping",
         venv="mlflow"),
    Peer("MLServer", ("mlserver==1.7.1", "mlserver-sklearn==1.7.1"), _mlserver, body=tensors("X", *_OUTPUTS),
         venv="mlserver", **_OIP),
    Peer("KServe ModelServer", ("kserve==0.21.0",), _script("kserve_app.py"), body=tensors("X"), venv="kserve",
         **_OIP),
    Peer("BentoML", ("bentoml",), _bento, "/predict", _rows, _probabilities, ready="/readyz", venv="bentoml"),
    Peer("LitServe", ("litserve",), _script("litserve_app.py"), "/predict", _rows, _probabilities, ready="/health",
         venv="litserve"),
    Peer("Ray Serve", ("ray[serve]",), _script("ray_app.py"), "/", _rows, _probabilities, ready="/", venv="ray",
         environment={"RAY_USAGE_STATS_ENABLED": "0"}),
]  # fmt: skip
ECHOES = [
    Peer("echo of uvicorn", ("fastapi", "uvicorn[standard]"), _uvicorn("uvicorn_echo:app"), "/", tensors("X"),
         lambda data: None, ready="/", venv="fastapi"),
    Peer("echo of Amber's front", (), lambda case, port: ["-m", "benchmarks.serving.apps.front_echo", str(port)],
         "/echo", tensors("X"), lambda data: None, ready="/v2/health/live"),
]  # fmt: skip
