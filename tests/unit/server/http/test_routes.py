"""Paths to routes: patterns, decoding, and what is never looked for."""

from __future__ import annotations

import pytest

from amber.server.exchange import Failure
from amber.server.front.http.messages import Request
from amber.server.front.http.routes import Route, Routes


def nothing(request: Request) -> None:
    raise AssertionError("not called here")


ROUTES = {
    pattern: Route(nothing, "read")
    for pattern in (
        "/v2",
        "/v2/models/{name}",
        "/v2/models/{name}/versions/{version}/infer",
        "/v1/models/{name}:predict",
        "/v1/models/{name}",
        "/docs/",
    )
}


@pytest.fixture
def routes() -> Routes:
    found = Routes()
    for pattern, route in ROUTES.items():
        found.add("GET", pattern, route)
    return found


@pytest.mark.parametrize(
    ("path", "pattern", "parameters"),
    [
        ("/v2", "/v2", {}),
        ("/v2/models/a", "/v2/models/{name}", {"name": "a"}),
        ("/v2/models/a%20b%2Bc", "/v2/models/{name}", {"name": "a b+c"}),
        ("/%762/models/a", "/v2/models/{name}", {"name": "a"}),
        ("/v2/models/%e4%bd%a0", "/v2/models/{name}", {"name": "你"}),
        ("/v2/models/a/versions/1.0.0/infer", "/v2/models/{name}/versions/{version}/infer", None),
        ("/v1/models/a:predict", "/v1/models/{name}:predict", {"name": "a"}),
        ("/v1/models/a%3Apredict", "/v1/models/{name}:predict", {"name": "a"}),
        ("/v1/models/a:b:predict", "/v1/models/{name}:predict", {"name": "a:b"}),
        ("/v1/models/a:explain", "/v1/models/{name}", {"name": "a:explain"}),
        ("/v1/models/...", "/v1/models/{name}", {"name": "..."}),
        ("/docs/", "/docs/", {}),
    ],
)
def test_paths_find_their_routes(routes: Routes, path: str, pattern: str, parameters: dict[str, str] | None) -> None:
    for _ in range(2):  # the second time it is known
        found = routes.find("GET", path)
        assert not isinstance(found, Failure)
        assert found[0] is ROUTES[pattern]
        assert found[1] == (parameters if parameters is not None else {"name": "a", "version": "1.0.0"})


@pytest.mark.parametrize("path", ["/", "/v2/", "//v2", "/v2//models/a", "/v2/models/", "/v1/models/:predict/", "/docs"])
def test_other_paths_are_404(routes: Routes, path: str) -> None:
    found = routes.find("GET", path)
    assert isinstance(found, Failure)
    assert found.status == 404


@pytest.mark.parametrize(
    "name", ["..", ".", "%2e%2e", "%2E", "a%2Fb", "a%2fb", "a%5Cb", "%00", "a%0d%0ab", "%7f", "%", "%4", "%zz", "%+1",
             "%ff", "%c0%af", "%ed%a0%80", "%e2%80%ae", "a\\b"]
)  # fmt: skip
def test_names_that_could_mean_another_place_are_400(routes: Routes, name: str) -> None:
    found = routes.find("GET", f"/v2/models/{name}")
    assert isinstance(found, Failure)
    assert found.status == 400


def test_methods() -> None:
    routes = Routes()
    get, post = Route(nothing, "read"), Route(nothing, "predict")
    routes.add("GET", "/a", get)
    routes.add("POST", "/a", post)
    assert routes.find("HEAD", "/a") == (get, {})
    assert routes.find("POST", "/a") == (post, {})
    refused = routes.find("DELETE", "/a")
    assert isinstance(refused, Failure)
    assert refused.status == 405
    assert routes.allowed("/a") == "GET, HEAD, POST"
    assert routes.allowed("/%ff") == ""


def test_known_paths_are_bounded(routes: Routes) -> None:
    for at in range(5000):
        routes.find("GET", f"/v2/models/{at}")
        routes.find("GET", f"/nowhere/{at}")
    assert len(routes._known) <= 2048


def test_a_failure_does_not_repeat_what_was_sent_without_bounds(routes: Routes) -> None:
    found = routes.find("GET", "/" + "a" * 7000)
    assert isinstance(found, Failure)
    assert len(found.message) < 300
