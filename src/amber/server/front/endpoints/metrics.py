"""Metrics in the Prometheus text format, made when they are asked for out of counters that the loop's thread keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from amber.report import VERDICTS
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.tally import Tally
from amber.server.front.endpoints.versions import Version

_STATES = ("LOADING", "READY", "UNAVAILABLE", "UNLOADING")
_VERSION = ("model", "version")
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Metrics:
    """Renders what there is to know of a server.

    Args:
        repository: Its models.
    """

    def __init__(self, repository: Repository) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Models(repository))
        ProcessCollector(registry=self._registry)

    def render(self, accept: str = "") -> tuple[bytes, bytes]:
        """Return the text, in the form that an Accept header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type.encode()


class _Models(Collector):
    """Reads the counters of every version."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def collect(self) -> Iterator[Family]:
        """Return all families."""
        tallies = self._repository.watch.tallies
        yield from _answers(tallies)
        # of two versions with one label, the one that answers stands for both in what is a state
        versions = list({each.label: each for each in reversed(self._repository.versions)}.values())
        yield from _queues(versions)
        yield from _states(versions)
        yield from _processes(versions)
        yield from self._endpoints()

    def _endpoints(self) -> Iterator[Family]:
        swaps = CounterMetricFamily("amber_swaps", "Versions that took over from another.", labels=["model"])
        backs = CounterMetricFamily("amber_rollbacks", "Versions that gave the traffic back.", labels=["model"])
        refused = CounterMetricFamily("amber_loads_refused", "Artifacts that were not served.", labels=["model"])
        for each in self._repository.endpoints:
            swaps.add_metric([each.name], each.swaps)
            backs.add_metric([each.name], each.rollbacks)
            refused.add_metric([each.name], each.refusals)
        log = self._repository.watch.log
        dropped = CounterMetricFamily("amber_access_log_dropped", "Lines that could not be written in time.")
        dropped.add_metric([], 0 if log is None else log.dropped)
        ready = GaugeMetricFamily("amber_ready", "Whether every wanted model answers.")
        ready.add_metric([], float(self._repository.ready))
        yield from (swaps, backs, refused, dropped, ready)


def _split(label: str) -> list[str]:
    model, _, version = label.rpartition("/")
    return [model, version]


def _answers(tallies: dict[str, Tally]) -> Iterator[Family]:
    requests = CounterMetricFamily("amber_requests", "Answers by status.", labels=[*_VERSION, "status"])
    refusals = CounterMetricFamily("amber_refusals", "Answers that are a failure, by code.", labels=[*_VERSION, "code"])
    rows = CounterMetricFamily("amber_rows", "Rows asked for.", labels=_VERSION)
    seconds = HistogramMetricFamily("amber_request_seconds", "From a request's head to its answer.", labels=_VERSION)
    for label, tally in tallies.items():
        place = _split(label)
        for status, count in sorted(tally.statuses.items()):
            requests.add_metric([*place, str(status)], count)
        for code, count in sorted(tally.codes.items()):
            refusals.add_metric([*place, code], count)
        rows.add_metric(place, tally.rows)
        seconds.add_metric(place, tally.buckets(), tally.seconds)
    yield from (requests, refusals, rows, seconds)


def _queues(versions: Iterable[Version]) -> Iterator[Family]:
    waiting = GaugeMetricFamily("amber_queue_requests", "Requests that wait.", labels=_VERSION)
    waiting_rows = GaugeMetricFamily("amber_queue_rows", "Rows that wait.", labels=_VERSION)
    bulk = GaugeMetricFamily("amber_bulk_requests", "Large bodies and tables that wait or run.", labels=_VERSION)
    batches = HistogramMetricFamily("amber_batch_requests", "Requests that shared a run.", labels=_VERSION)
    workers = GaugeMetricFamily("amber_workers", "Workers that take requests.", labels=_VERSION)
    for version in versions:
        if not version.loaded:
            continue
        place, queue = [version.name, version.number], version.queue
        waiting.add_metric(place, queue.depth)
        waiting_rows.add_metric(place, queue.depth_rows)
        workers.add_metric(place, queue.lanes)
        bulk.add_metric(place, version.bulk.depth)
        total, buckets = 0, []
        for power, count in enumerate(queue.sizes[:-1]):
            total += count
            buckets.append((repr(float(2 ** (power + 1) - 1)), float(total)))
        buckets.append(("+Inf", float(total + queue.sizes[-1])))
        batches.add_metric(place, buckets, float(queue.batched))
    yield from (waiting, waiting_rows, batches, workers, bulk)


def _states(versions: Iterable[Version]) -> Iterator[Family]:
    states = GaugeMetricFamily("amber_model_state", "1 for the state a version is in.", labels=[*_VERSION, "state"])
    verdicts = GaugeMetricFamily(
        "amber_model_verdict", "1 for the verdict of each form of the model.", labels=[*_VERSION, "route", "verdict"]
    )
    for version in versions:
        place = [version.name, version.number]
        for state in _STATES:
            states.add_metric([*place, state], float(version.state == state))
        if version.ready is not None:
            for route, found in sorted(version.ready.interface.verdicts.items()):
                for word in VERDICTS:
                    verdicts.add_metric([*place, route, word], float(word == found))
    yield from (states, verdicts)


def _processes(versions: Iterable[Version]) -> Iterator[Family]:
    deaths = CounterMetricFamily("amber_worker_deaths", "Workers that died and were forked anew.", labels=_VERSION)
    restarts = CounterMetricFamily("amber_loader_restarts", "Loaders that were started anew.", labels=_VERSION)
    probes = CounterMetricFamily("amber_probes", "Known answers asked again, by outcome.", labels=[*_VERSION, "result"])
    memory = GaugeMetricFamily("amber_model_pss_bytes", "Memory of loader and workers.", labels=_VERSION)
    for version in versions:
        place = [version.name, version.number]
        deaths.add_metric(place, version.deaths)
        restarts.add_metric(place, version.restarts)
        memory.add_metric(place, version.pss)
        for result, count in version.probes.items():
            probes.add_metric([*place, result], count)
    yield from (deaths, restarts, probes, memory)
