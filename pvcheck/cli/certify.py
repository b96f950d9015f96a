"""Check a certificate that prove has written."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pvcheck import certificates
from pvcheck.cli import options
from pvcheck.cli.console import Console
from pvcheck.cli.exit_status import ExitStatus
from pvcheck.load import load
from pvcheck.model.model import ABOUT_LOCKS
from pvcheck.proof.certificate import NotACertificate, Query
from pvcheck.proof.recheck import answers, available, solver_version
from pvcheck.proving import axioms


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
    try:
        made, fixed = certificates.read(args.certificate, model)
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
    console.out.write(f"certified: {', '.join(ABOUT_LOCKS)} for every size\n")
    for name, value in sorted(fixed.items()):
        console.out.write(f"  {name} = {str(value).lower()}\n")
    for name, why in axioms(model, ABOUT_LOCKS):
        console.out.write(f"  axiom {name}: {why}\n")
    return ExitStatus.OK


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
