"""Check a certificate that prove has written, or verify with IC3."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pvcheck import certificates, instance_certificates
from pvcheck.certificate_folder import manifest
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.load import load
from pvcheck.model.model import ABOUT_LOCKS, Model
from pvcheck.proof.certificate import NotACertificate, Query
from pvcheck.proof.recheck import answers, available, solver_version
from pvcheck.proving import axioms
from pvcheck.report.run_text import instance_text


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    parser = commands.add_parser(
        "certify",
        help=__doc__,
        description=f"{__doc__} The obligations are made again from the specification, compared with "
        "the certificate, and given to z3 in a process of its own, and to cvc5 if it is installed. "
        "Status 70: it does not recheck.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("certificate", type=Path, metavar="DIR")
    parser.add_argument("spec", type=options.specification, metavar="SPEC")
    options.add_root(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> ExitStatus:
    model = load(args.spec, root=args.root)
    document = manifest(args.certificate)
    try:
        made, what, rests_on = _read(args.certificate, document, model)
    except NotACertificate as reason:
        console.out.write(f"not certified: {reason}\n")
        return ExitStatus.INTERNAL
    by_z3 = _asked("z3", made, console)
    if available("cvc5"):
        by_cvc5 = _asked("cvc5", made, console)
    else:
        by_cvc5 = True
        console.out.write("  cvc5: not asked, it is not installed (the extra cvc5)\n")
    if not (by_z3 and by_cvc5):
        console.out.write("not certified: an answer is not unsat\n")
        return ExitStatus.INTERNAL
    console.out.write(f"certified: {what}\n")
    console.out.write("".join(f"  {line}\n" for line in rests_on))
    return ExitStatus.OK


def _read(
    folder: Path, document: Mapping[str, Any], model: Model
) -> tuple[Mapping[str, Query], str, list[str]]:
    """What has to be asked, what is certified then, and what that rests on.

    Raises:
        NotACertificate: it is none, or of something else.
        UsageError: another version wrote it.
    """
    if document.get("kind") == instance_certificates.KIND:
        made, instance, claim = instance_certificates.read(folder, document, model)
        where = instance_text(instance) or model.name
        return made, f"{', '.join(claim.properties)} in {where}", []
    made, fixed = certificates.read(folder, document, model)
    rests_on = [f"{name} = {str(value).lower()}" for name, value in sorted(fixed.items())]
    rests_on += [f"axiom {name}: {why}" for name, why in axioms(model, ABOUT_LOCKS)]
    return made, f"{', '.join(ABOUT_LOCKS)} for every size", rests_on


def _asked(solver: str, made: Mapping[str, Query], console: Console) -> bool:
    """Whether z3 confirms all, or cvc5 contradicts nothing."""
    found = answers(solver, [q.text for q in made.values()])
    counted: Counter[str] = Counter()
    contradicted = False
    unknown = []
    for (name, query), said in zip(made.items(), found, strict=True):
        contradicted |= len(said) != query.expected
        for number, answer in enumerate(said):
            contradicted |= answer not in ("unsat", "unknown")
            counted[answer] += 1
            if answer == "unknown":
                unknown.append(f"{name} {number + 1}")
    of = sum(q.expected for q in made.values())
    version = "" if console.quiet else f" {solver_version(solver)}"
    console.out.write(f"  {solver}{version}: {counted['unsat']} of {of} obligations confirmed\n")
    if unknown:
        console.out.write(f"    unknown: {', '.join(unknown[:20])}\n")
        if len(unknown) > 20:
            console.out.write(f"    and {len(unknown) - 20} more\n")
    return not contradicted and (solver != "z3" or not unknown)
