"""``sceneseek gallery retain``: forget what is older than a number of days."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sceneseek.cli.console import err, out, print_json
from sceneseek.errors import ValueRefused


def retain(
    gallery: Annotated[Path, typer.Argument(help="The gallery's folder.")],
    days: Annotated[
        float | None, typer.Option("--days", help="Set the rule: keep pictures for this many days.")
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Remove the rule: keep everything.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Forget now what is too old; for a daily job.")] = False,
    prove: Annotated[bool, typer.Option("--prove", help="With --apply: prove it, see `gallery forget`.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show or set how long a gallery keeps what it saw, and forget what is older.

    Without --apply nothing is forgotten; it says what would be. Age counts from when a picture was taken, or from when
    it was indexed where that is not known. What is forgotten is kept out afterwards, so that indexing the same folder
    again does not bring it back.
    """
    from sceneseek.cli.gallery.forget import exit_unless_proven, show_done, show_plan
    from sceneseek.gallery import AuditLog, Gallery, Retention, forget, local_user, plan_retention

    if days is not None and forever:
        raise ValueRefused("--days and --forever contradict each other; give one of them.")
    store = Gallery.open(gallery)
    if days is not None or forever:
        rule = None if days is None else Retention(days)
        AuditLog(store.path).append(local_user(), "retain", days=days)
        if rule is None:
            Retention.remove(store.path)
        else:
            rule.write(store.path)
    rule = Retention.read(store.path)
    if rule is None:
        if as_json:
            print_json({"days": None})
        else:
            out.print("There is no rule: everything is kept. Set one with --days N.")
        return
    plan = plan_retention(store, rule)
    done = None
    if apply and not plan.nothing:
        with err.status("forgetting, and rewriting the gallery's files"):
            reason = f"older than {rule.days:g} days"
            done = forget(store, plan, actor=local_user(), reason=reason, with_proof=prove)
    if as_json:
        print_json({
            "days": rule.days,
            "cutoff": rule.cutoff().isoformat(timespec="seconds"),
            "people": plan.num_people,
            "media": [record.key for record in plan.media],
            "done": done is not None,
            "proven": None if done is None or done.proof is None else done.proof.proven,
        })  # fmt: skip
    else:
        out.print(f"Pictures are kept for {rule.days:g} days: from {rule.cutoff().astimezone():%Y-%m-%d %H:%M} on.")
        show_plan(plan, [], store) if done is None else show_done(done)
    if done is not None:
        exit_unless_proven(done)
