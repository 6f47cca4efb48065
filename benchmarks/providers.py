"""Current models of many providers on the loopback: is every variant run, read, counted and priced as it should be?

    make test-providers                                   # all of them, a minute
    make test-providers ARGS="--only anthropic"           # models whose names hold this text
    make test-providers ARGS="--write"                    # into docs/models.md

Each model plays five variants with its defaults against a server that speaks its provider's wire format
(`provider_formats.py`). A row is right where every answer is whole, nothing was refused for good or lost, and tokens,
cost and thoughts in the ledger equal what the server says that it served. Exits with 1 if a row is wrong.
"""

import argparse
import contextlib
import io
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from provider_formats import FORMATS
from provider_models import PATHS, newest
from provider_server import Providers, Served, running

import akrasia as ak
from akrasia.ledger import read_ledger
from akrasia.models import resolve
from akrasia.models.known_models import litellm_table
from akrasia.records import Response

DOCS = Path(__file__).parents[1] / "docs" / "models.md"
VARIANTS = [
    "reason_act", "reason_then_act", "reason_act | critique", "reason_act | self_consistency(3)", "reason_act | debate",
]  # fmt: skip
EPISODES, HORIZON = 2, 2
KEYS = (
    "OPENAI ANTHROPIC GEMINI MISTRAL DEEPSEEK XAI GROQ COHERE TOGETHERAI FIREWORKS MOONSHOT ZAI MINIMAX CEREBRAS "
    "PERPLEXITYAI PERPLEXITY DASHSCOPE NEBIUS SAMBANOVA OPENROUTER AZURE HOSTED_VLLM"
).split()


@dataclass
class Row:
    """What became of one model.

    Attributes:
        carried: which transport asked it.
        answers: how many there were; refused: requests that were refused for a parameter, before it was known.
        not_sent: settings that were asked for and left out.
        thought: tokens of thought, and whether they were shown, hidden or not there.
        cost: dollars, and whether by the provider's own figure or by price.
        faults: what was wrong; none where the row is right.
    """

    name: str
    carried: str = ""
    answers: int = 0
    refused: int = 0
    not_sent: str = ""
    tokens: str = ""
    thought: str = ""
    cost: str = ""
    faults: list[str] = field(default_factory=list)


def played(server: Providers, name: str, folder: Path) -> Row:
    """One model, played in every variant."""
    server.clear()
    provider = name.partition("/")[0]
    more = {"api_version": "2024-10-21"} if provider == "azure" else {}
    model = resolve(name, api_base=f"{server.base}/{provider}{PATHS.get(provider, '')}", **more)
    task = ak.tasks.bandit(arms=3, horizon=HORIZON)
    row = Row(name)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            result = ak.run(task=task, model=model, variants=VARIANTS, episodes=EPISODES, out=folder)
    except Exception as error:  # noqa: BLE001  (a row of the table says it)
        row.faults.append(f"{type(error).__name__}: {error}")
        return row
    answers = answers_of(folder)
    judge(row, server, result, answers)
    row.carried = carried_by(server, model)
    return row


def answers_of(folder: Path) -> dict[str, Response]:
    """Every answer that the records refer to, by its key."""
    with read_ledger(folder) as ledger:
        keys = {turn.key for record in ledger.records() for turn in record.decision.turns if turn.key}
        stored = {key: ledger.get(key) for key in keys}
    return {key: answer for key, answer in stored.items() if answer is not None}


def carried_by(server: Providers, model: Any) -> str:
    """Which way the model was asked."""
    agents = Counter(call.headers.get("user-agent", "") for call in server.calls)
    way = "direct" if agents.get("akrasia") else "litellm"
    return f"{way}, responses" if any(call.path.endswith("/responses") for call in server.calls) else way


def judge(row: Row, server: Providers, result: ak.Result, answers: dict[str, Response]) -> None:
    """Compare what is in the ledger with what was served."""
    served = [s for s in server.served if s.prompt]
    row.answers, row.refused = len(answers), len(server.refused)
    not_sent = {n for a in answers.values() for n in a.reported.get("not_sent", "").split(",") if n}
    row.not_sent = ", ".join(sorted(not_sent))
    statuses = Counter(a.status for a in answers.values())
    if set(statuses) != {"ok"}:
        row.faults.append(f"statuses {dict(statuses)}")
        row.faults += sorted({a.error for a in answers.values() if a.error})[:1]
    usage = result.outcome.run_usage if result.outcome is not None else None
    if usage is not None and (usage.retried or usage.lost or usage.failed):
        row.faults.append(f"{usage.retried} tried again, {usage.lost} lost, {usage.failed} failed")
    if len(answers) != len(served):
        row.faults.append(f"{len(answers)} answers in the ledger, {len(served)} served")
    judge_counts(row, served, list(answers.values()))
    judge_thoughts(row, served, list(answers.values()))
    judge_cost(row, served, list(answers.values()))
    done = Counter(result.records["status"])
    if not done.get("ok"):
        row.faults.append(f"decisions {dict(done)}")


def judge_counts(row: Row, served: list[Served], answers: list[Response]) -> None:
    """Tokens in all."""
    kinds = {"prompt": "prompt_tokens", "completion": "completion_tokens", "cached": "cached_tokens"}
    sums = {ours: sum(getattr(s, ours) for s in served) for ours in kinds}
    for ours, theirs in kinds.items():
        kept = sum(getattr(a.usage, theirs) for a in answers)
        if kept != sums[ours]:
            row.faults.append(f"{ours} tokens {kept}, served {sums[ours]}")
    row.tokens = f"{sums['prompt']:,} + {sums['completion']:,}"


def judge_thoughts(row: Row, served: list[Served], answers: list[Response]) -> None:
    """What was thought, and whether it was shown."""
    thought = sum(s.thought for s in served)
    shown, kept = Counter(s.shown for s in served if s.shown), Counter(a.reasoning for a in answers if a.reasoning)
    if shown != kept:
        row.faults.append(f"{sum(kept.values())} thoughts kept, {sum(shown.values())} shown")
    row.thought = "none" if not thought else f"{thought:,} {'shown' if shown else 'hidden'}"


def judge_cost(row: Row, served: list[Served], answers: list[Response]) -> None:
    """Dollars, by the provider's own figure or by litellm's table, cached tokens as they are billed."""
    said = [s.cost for s in served if s.cost is not None]
    entry = price_of(row.name)
    costs = [a.cost for a in answers]
    if not said and entry is None:
        row.cost = "unknown"
        if any(c is not None for c in costs):
            row.faults.append("a cost without a price")
        return
    if any(c is None for c in costs):
        row.faults.append("no cost")
        return
    due = sum(said) if said else sum(priced(entry or {}, s) for s in served)
    paid = sum(c for c in costs if c is not None)
    if abs(due - paid) > 1e-9 * max(1.0, due) and abs(due - paid) > 1e-12:
        row.faults.append(f"cost ${paid:.6f}, billed ${due:.6f}")
    row.cost = f"${due:.5f}{' (its own)' if said else ''}"


def price_of(name: str) -> dict[str, Any] | None:
    """The model's line in litellm's table, if it holds a price."""
    table = litellm_table()
    entry = table.get(name) or table.get(name.partition("/")[2]) or {}
    return dict(entry) if entry.get("input_cost_per_token") is not None else None


def priced(entry: dict[str, Any], one: Served) -> float:
    """What an answer costs by litellm's table."""
    plain = float(entry["input_cost_per_token"])
    read = float(entry.get("cache_read_input_token_cost") or plain)
    write = float(entry.get("cache_creation_input_token_cost") or plain)
    prompt = (one.prompt - one.cached - one.written) * plain + one.cached * read + one.written * write
    return prompt + one.completion * float(entry.get("output_cost_per_token") or 0.0)


def table_of(rows: list[Row]) -> list[str]:
    """The table in Markdown."""
    lines = ["| model | asked | not sent | tokens | thought | cost | |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        asked = row.carried + (f", {row.refused} refused" if row.refused else "")
        right = "right" if not row.faults else "; ".join(row.faults)
        cells = [f"`{row.name}`", asked, row.not_sent or "-", row.tokens, row.thought, row.cost, right]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return lines


def write(lines: list[str]) -> None:
    """Put the table into the documentation."""
    text = DOCS.read_text()
    before, begin, rest = text.partition("<!-- table of providers -->\n")
    _, end, after = rest.partition("<!-- end of the table -->")
    if not begin or not end:
        raise SystemExit(f"{DOCS} has no place for the table")
    DOCS.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}")


def main() -> int:
    """Play every model, print the table, and say whether all rows are right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="models whose names hold this text")
    parser.add_argument("--write", action="store_true", help="put the table into docs/models.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    for number, key in enumerate(KEYS):
        os.environ[f"{key}_API_KEY"] = f"sk-loopback-{number:02d}-0123456789abcdef"
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIALOOPBACK",
        "AWS_SECRET_ACCESS_KEY": "l" * 40,
        "AWS_REGION_NAME": "us-east-1",
    }
    names = [name for name in newest(litellm_table()) if options.only in name]
    folder, rows = Path(tempfile.mkdtemp()), []
    try:
        with running(FORMATS) as server:
            for number, name in enumerate(names):
                rows.append(played(server, name, folder / str(number)))
                print(f"{name}: {'; '.join(rows[-1].faults) or 'right'}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lines = table_of(rows)
    print("\n".join(lines))
    wrong = sum(bool(row.faults) for row in rows)
    providers = len({row.name.partition("/")[0] for row in rows})
    print(f"\n{len(rows)} models of {providers} providers, {len(VARIANTS)} variants each: {wrong} wrong")
    if options.write:
        write(lines)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
