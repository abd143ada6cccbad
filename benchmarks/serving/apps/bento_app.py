"""BentoML: a service with one typed endpoint."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=1)
class Model:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> dict:
        table = np.asarray(rows)
        return {
            "predictions": self.model.predict(table).tolist(),
            "probabilities": self.model.predict_proba(table).tolist(),
        }
