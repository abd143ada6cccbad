"""`amber.program`: the frozen program of an artifact, checked and ready, without the model's library.

Steps 1 to 5 as for every reader; 8: the graph's bytes and the plan are checked before a session is made. Where the
runtime is another than the certificate's, the recorded cases are replayed through the program first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from amber.errors import AmberError, AuditError, CaseError, FormatError, UsageError, shown
from amber.models.libraries import needed
from amber.policy import Policy, demanded_verdicts

if TYPE_CHECKING:
    from amber.archive.manifest import Manifest, ProgramInfo
    from amber.cases.certify import Certified
    from amber.programs.plan import Domain, Plan, Rule
    from amber.programs.program import Program
    from amber.tree.evidence import Evidence
    from amber.vault.check import Proved

Replay = Literal["auto", "always", "never"]


@needed("program")
def program(
    source: Any,
    *,
    name: str | None = None,
    policy: Policy | None = None,
    expect: str = "",
    replay: Replay = "auto",
    bundles: Mapping[str, bytes] | None = None,
) -> Program:
    """Return the frozen program of an artifact; needs onnxruntime and NumPy, not the model's library.

    Args:
        source: Path of a file or unpacked folder, bytes, or a seekable binary file.
        name: Of the program, where there are several; by default the one in float64.
        policy: What the reader accepts; None: the keyring of this machine, if there is one.
        expect: The name the artifact must have; the name in a file is its author's word.
        replay: `auto` replays the recorded cases where onnxruntime or the machine differ from the certificate's.
        bundles: Detached signatures by the path they were read from; they count like those inside.

    Returns:
        An object with the original's methods: `program.predict(rows)`.

    Raises:
        UsageError: The artifact has no (such) program.
        FormatError, LimitError: The file, the graph or the plan breaks a rule.
        CaseError: Here the program does not answer as certified.
        PolicyError: The policy refuses the artifact.
    """
    from amber.vault.check import open_checked
    from amber.vault.trusting import Asked

    if replay not in ("auto", "always", "never"):
        raise UsageError("replay-unknown", f"replay={replay!r}", hint="'auto', 'always' or 'never'")
    asked = Asked(expect=expect, route="program", bundles=bundles or {}, verb="program")
    with open_checked(source, policy, "auto", asked) as checked:
        return of_opened(checked, name, replay)


def of_opened(checked: Proved, name: str | None = None, replay: Replay = "auto") -> Program:
    """Return the program of an artifact that is open, by the policy it was opened under.

    Raises:
        AmberError: As `program` does.
    """
    rules = checked.policy
    info = chosen(checked.manifest, name)
    made = opened(checked.manifest, info, checked.opened.members, rules)
    demanded = demanded_verdicts(rules, checked.manifest.name)
    if replay == "always" or demanded or (replay == "auto" and moved(info)):
        confirm(made, checked.manifest, checked.opened.members, rules)
    return made


def chosen(manifest: Manifest, name: str | None) -> ProgramInfo:
    """Return the description of a program.

    Raises:
        UsageError: `program-missing`.
    """
    known = {each.name: each for each in manifest.programs}
    if not known:
        raise UsageError(
            "program-missing", f"{shown(manifest.name)} holds no program", hint="amber freeze FILE makes one"
        )
    if name is None:
        return known.get("onnx") or next(iter(known.values()))
    if name not in known:
        raise UsageError("program-missing", f"no program {shown(name)!r}", hint=f"it has {', '.join(known)}")
    return known[name]


def opened(manifest: Manifest, info: ProgramInfo, members: Any, rules: Policy) -> Program:
    """Return a program after step 8: plan and graph checked, the session not yet made.

    Raises:
        FormatError, LimitError: The graph or the plan breaks a rule.
    """
    from amber.programs.graph_check import check_graph
    from amber.programs.plan_check import check_plan
    from amber.programs.program import Program
    from amber.programs.session import Sessions

    plan, domain = plan_of(info, members)
    graph = bytes(members[info.member])
    checked = check_graph(graph, rules.limits)
    check_plan(plan, domain, info.certificate, checked, rules.limits)
    if plan.precision != info.precision:
        raise FormatError("plan-invalid", f"the plan is {plan.precision}, the manifest {info.precision}",
                          where=info.member)  # fmt: skip
    try:
        return Program(
            plan, Sessions(graph, limits=rules.limits, model=checked.model), name=manifest.name,
            version=manifest.version, certificate=info.certificate, domain=domain.rules,
        )  # fmt: skip
    except AuditError as error:  # the settings of a prelude
        raise FormatError("plan-invalid", str(error.message), where=error.where) from error


def plan_of(info: ProgramInfo, members: Any) -> tuple[Plan, Domain]:
    """Return the plan and the domain of a program.

    Raises:
        FormatError: `plan-invalid`, `plan-not-canonical`.
    """
    from amber.archive import canonical
    from amber.programs import plan as plans

    where = info.member.removesuffix("onnx") + "json"
    plan: Plan = canonical.decode(msgspec.json.Decoder(plans.Plan), members[where], "plan", where)
    if plan.plan != plans.VERSION:
        raise FormatError("plan-invalid", f"plan version {plan.plan}, this reader knows {plans.VERSION}", where=where)
    try:
        return plan, msgspec.convert(info.domain, plans.Domain)
    except msgspec.ValidationError as error:
        raise FormatError("plan-invalid", f"the domain: {error}", where="manifest.json") from error


def moved(info: ProgramInfo) -> bool:
    """Whether this runtime is another than the one the certificate was made with."""
    import platform

    import onnxruntime

    then = info.certificate.get("runtime", {})
    here = {"onnxruntime": str(onnxruntime.__version__), "machine": platform.machine()}
    return {name: then.get(name) for name in here} != here


def confirm(made: Program, manifest: Manifest, members: Any, rules: Policy) -> None:
    """Replay the recorded cases through the program.

    Raises:
        CaseError: `verdict-drifted`: some method does not answer as certified.
    """
    from amber.archive.assemble import read_evidence

    evidence = read_evidence(manifest, members, rules.limits)
    if evidence is None:
        raise CaseError(
            "no-cases", "the program cannot be checked here: the artifact has no cases", where=manifest.name
        )
    confirmed(made, evidence, manifest.name)


def confirmed(made: Program, evidence: Evidence, where: str) -> list[Certified]:
    """Replay recorded cases through the program and return what was found of each method.

    Raises:
        CaseError: `verdict-drifted`: some method does not answer as certified; `no-cases`: one cannot be compared.
    """
    from amber.cases.certify import certify

    outside = outside_of(made.plan, made.domain) if made.domain else None
    single = made.plan.precision == "float32"
    found = certify(made.undomained(), evidence, made.methods, single=single, outside=outside)
    for each in found:
        if each.verdict == "not-covered" and not any("not installed" in seen.said for seen in each.groups):
            raise CaseError("no-cases", f"no case of {each.method} can be compared here", where=where)
    worse = [each for each in found if each.verdict == "drifted"]
    if worse:
        first = worse[0].drifted[0]
        raise CaseError(
            "verdict-drifted",
            f"{worse[0].method} of the program does not answer as certified: case {first.group}: {first.said}",
            where=where,
            hint="use the onnxruntime it was certified with, or freeze the artifact again here",
        )
    return found


def outside_of(plan: Plan, rules: Sequence[Rule]) -> Callable[[Any], list[int]]:
    """Return what gives the rows of a request that break a rule of the domain."""
    from amber.cases import rows as tables
    from amber.programs.feeds import Feeder
    from amber.programs.requests import rows_of

    feeder = Feeder(msgspec.structs.replace(plan, rules=[]), rules)
    request = msgspec.structs.replace(plan.request, order="any", extra=True, partial=True, empty=True)

    def outside(X: Any) -> list[int]:
        found = []
        for row in range(tables.count(X)):
            try:
                feeder.feed(rows_of(tables.take(X, [row]), request, frozenset()))
            except AmberError as error:
                if error.code == "outside-domain":
                    found.append(row)
            except Exception:  # noqa: S112 - a row that is no request at all is inside no rule's reach
                continue
        return found

    return outside
