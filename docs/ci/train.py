"""Train the model and save it as churn.amber. Nothing here knows a key."""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import amber

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
amber.save(pipeline, "churn.amber", sample=X, name="churn", version="1.0.0", rows="synthetic")
