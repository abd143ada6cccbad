"""KServe's own ModelServer around joblib, Open Inference Protocol."""

import os
import sys

import joblib
import kserve
import numpy as np
from kserve import InferOutput, InferRequest, InferResponse


class Linear(kserve.Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.model = joblib.load(os.environ["MODEL"])
        self.ready = True

    def predict(self, payload: InferRequest, headers=None) -> InferResponse:
        table = payload.inputs[0].as_numpy()
        outputs = []
        for name, values in (
            ("predict", self.model.predict(table)),
            ("predict_proba", self.model.predict_proba(table)),
        ):
            datatype = "INT64" if values.dtype.kind == "i" else "FP64"
            output = InferOutput(name, list(values.shape), datatype)
            output.set_data_from_numpy(np.ascontiguousarray(values), binary_data=False)
            outputs.append(output)
        return InferResponse(payload.id or "1", self.name, outputs)


if __name__ == "__main__":
    kserve.ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1).start([Linear("model")])
