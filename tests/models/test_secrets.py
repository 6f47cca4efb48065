"""Keys are planted wherever one can come from, and looked for in everything that a run leaves behind."""

import asyncio
import io
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

import akrasia
from akrasia.errors import AkrasiaError, BadOption, ModelError
from akrasia.models import Gateway, Scripted, resolve
from akrasia.models.providers.provider_errors import scrubbed
from akrasia.models.providers.remote import RemoteModel
from akrasia.records import Draw, Message, Request, Response

BANDIT = {"name": "bandit", "arms": 3, "horizon": 3}
ORGANIZATION = "org-planted-0123456789"
PROXY_WORD = "planted-proxy-password"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """A key that the environment holds."""
    monkeypatch.setenv("SOME_API_KEY", "sk-live-planted-0123456789")
    return "sk-live-planted-0123456789"


async def complaint(model: RemoteModel) -> str:
    """All that the error of a call that fails holds, its traceback too."""
    try:
        with pytest.raises(ModelError) as raised:
            await model.generate(Request(model.info.id, (Message("user", "hi"),)), Draw(0, 0), "0123456789abcdef")
    finally:
        await model.close()
    return "".join(traceback.format_exception(raised.value)) + repr(vars(raised.value))


def left_behind(folder: Path) -> bytes:
    """Every byte of a run folder, and of its answers, which are kept packed."""
    from akrasia.ledger import read_ledger
    from akrasia.records import encode

    parts = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
    with read_ledger(folder) as ledger:
        keys = {turn.key for record in ledger.records() for turn in record.decision.turns if turn.key}
        parts += [encode(answer) for answer in map(ledger.answer, sorted(keys)) if answer is not None]
        parts += [(ledger.meta(name) or "").encode() for name in ("experiment", "settings")]
    return b"\n".join(parts)


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize("own_variable", [False, True])
def test_no_planted_key_is_in_ledger_report_export_log_or_output(
    openai_server: Any,
    api_key: str,
    transport: str,
    own_variable: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The provider repeats keys in every kind of error; all of them are outcomes that are stored."""
    monkeypatch.setenv("OPENAI_ORGANIZATION", ORGANIZATION)
    monkeypatch.setenv("UNRELATED_SECRET", "a-secret-of-another-program")
    monkeypatch.setenv("https_proxy", f"http://user:{PROXY_WORD}@proxy.invalid:3128")
    secrets = [api_key, PROXY_WORD, "a-secret-of-another-program"]
    if own_variable:
        monkeypatch.setenv("MY_KEY", api_key)
        monkeypatch.delenv("OPENAI_API_KEY")
    heard = io.StringIO()
    listener = logging.StreamHandler(heard)
    logging.getLogger().addHandler(listener)
    logging.getLogger().setLevel(logging.DEBUG)
    said = f"key {api_key}, Authorization: Bearer {api_key}, via http://user:{PROXY_WORD}@proxy.invalid, {secrets[2]}"
    openai_server.fault(429, said, Retry_After="0.01")
    openai_server.fault(500, said)
    openai_server.fault(400, {"error": {"message": said, "code": "content_filter"}})
    openai_server.fault(400, said)
    openai_server.fault(200, {"error": {"message": said}})
    openai_server.fault(200, said.encode(), Content_Type=f"text/{api_key}")
    table = {"name": "openai/test-model", "api_base": openai_server.base, "transport": transport}
    table |= {"price": {"prompt": 1, "completion": 1}} | ({"api_key_env": "MY_KEY"} if own_variable else {})
    try:
        result = akrasia.run(
            task=BANDIT, models={"main": table}, variants=["reason_act", "reason_then_act"], episodes=3,
            concurrency=2, out=tmp_path / "run",
        )  # fmt: skip
    finally:
        logging.getLogger().removeHandler(listener)
        logging.getLogger().setLevel(logging.WARNING)
    assert result.outcome is not None and result.outcome.stopped is None
    result.report()
    result.export(tmp_path / "run" / "records.jsonl")
    result.show()
    shown = capfd.readouterr()
    found = left_behind(tmp_path / "run")
    for told in (b"filtered the request", b"refused the request", b"[key]"):  # what was scrubbed was on its way there
        assert told in found
    everywhere = {"run folder": found, "log": heard.getvalue().encode(), "output": (shown.out + shown.err).encode()}
    for place, what in everywhere.items():
        for secret in secrets:
            assert secret.encode() not in what, f"{secret!r} is in the {place}"


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize("status", [400, 401, 404, 407, 429, 500, 503])
async def test_no_planted_key_is_in_an_error_or_its_traceback(
    openai_server: Any, api_key: str, transport: Any, status: int
) -> None:
    openai_server.fault(status, f"{api_key} is no good; Bearer {api_key}; https://me:{api_key}@host?key={api_key}")
    model = RemoteModel("openai/test-model", api_base=openai_server.base, transport=transport)
    await model.open()
    told = await complaint(model)
    assert api_key not in told


@pytest.mark.parametrize(
    "options",
    [
        {"api_base": "https://user:planted-word@host/v1"},
        {"api_base": "https://host/v1?key=planted-word"},
        {"api_key": "planted-word"},
        {"headers": {"Authorization": "planted-word"}},
        {"extra_headers": {"x": "planted-word"}},
        {"api_key_env": "sk-planted-word-0123456789"},
        {"api_key_env": "planted-word"},
    ],
)
def test_what_would_hold_a_key_is_refused_and_not_repeated(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AkrasiaError) as raised:
        akrasia.run(task=BANDIT, models={"main": {"name": "openai/x", **options}}, out=tmp_path / "run")
    assert "planted-word" not in "".join(traceback.format_exception(raised.value))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize("key", ["Zq8wPlantedKey77aa01", "Zq8wPl77"])
async def test_a_key_named_by_api_key_env_is_scrubbed_whatever_the_names_and_forms(
    openai_server: Any, transport: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses any key but its own, and repeats it."""
    monkeypatch.setenv("CORP_LLM_AUTH", key)
    model = RemoteModel(
        "openai/test-model", api_base=openai_server.base, api_key_env="CORP_LLM_AUTH", transport=transport
    )
    await model.open()
    monkeypatch.delenv("CORP_LLM_AUTH")  # a program may clear its environment once keys are read
    openai_server.reply = lambda path, body, said: (400, f'{{"error": {{"message": "no: {said} {key}"}}}}'.encode(), {})
    told = await complaint(model)
    assert key not in told and "[key]" in told


@pytest.mark.parametrize(
    "key", ["abcDEF1234567890abcDEF", "hf_0123456789abcdefghijk", "sk-proj-planted", "1KEY", "A B", ""]
)
def test_a_key_where_the_name_of_its_variable_belongs_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadOption, match="api_key_env") as raised:
        RemoteModel("openai/x", api_key_env=key)
    assert not key or key not in "".join(traceback.format_exception(raised.value))
    for name in ("MY_KEY", "my_key_2", "_x", "AZURE_OPENAI_GPT4_EAST_KEY", "the_key_of_our_own_company"):
        assert RemoteModel("openai/x", api_key_env=name).api_key_env == name


def test_the_identity_of_answers_knows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = set()
    for key in ("sk-one-0123456789", "sk-two-0123456789"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        model = resolve("openai/x", api_base="https://host/v1")
        ids.add((model.info.id, model.info.account))
        assert key not in str(model.info) + repr(model)
    assert len(ids) == 1


def test_a_message_is_scrubbed_of_keys_in_addresses_and_kept_short() -> None:
    said = scrubbed("see https://u:p4ssw0rd@host/x?api_key=abc&sig=def&page=2 " + "x" * 10_000)
    assert "p4ssw0rd" not in said and "abc" not in said and "def" not in said
    assert "page=2" in said and len(said) <= 2000


def test_repr_of_an_opened_model_holds_no_key(openai_server: Any, api_key: str) -> None:
    async def told() -> str:
        model = RemoteModel("openai/test-model", api_base=openai_server.base)
        await model.open()
        await model.generate(Request(model.info.id, (Message("user", "hi"),)), Draw(0, 0), "0123456789abcdef")
        said = repr(model) + str(model.info)
        await model.close()
        return said

    assert api_key not in asyncio.run(told())


async def test_a_key_in_a_prompt_is_neither_sent_nor_repeated(key: str) -> None:
    asked: list[Request] = []

    def emit(request: Request, draw: Draw) -> str:
        asked.append(request)
        return "ACTION=Red"

    gateway = Gateway([Scripted(emit)])
    with pytest.raises(BadOption, match="holds the value of the environment variable SOME_API_KEY") as refused:
        await gateway.complete(Request("scripted/scripted", (Message("user", f"Use {key}."),)), Draw(0, 0))
    assert key not in "".join(traceback.format_exception(refused.value)) and not asked
    await gateway.complete(Request("scripted/scripted", (Message("user", "Use no key."),)), Draw(0, 0))
    assert len(asked) == 1


def test_a_key_in_an_answer_is_taken_out_before_anything_is_stored(key: str, tmp_path: Path) -> None:
    def leak(request: Request, draw: Draw) -> Response:
        return Response(f"The key is {key}\nBEST=A\nACTION=A", reported={"model": f"m-{key}"})

    variants = ["reason_act", "reason_act | critique"]
    result = akrasia.run(task=BANDIT, model=Scripted(leak), variants=variants, episodes=2, out=tmp_path / "run")
    result.report()
    result.export(tmp_path / "run" / "records.jsonl")
    found = left_behind(tmp_path / "run")
    assert key.encode() not in found and b"The key is [key]" in found and b"m-[key]" in found


@pytest.mark.parametrize("place", ["variant", "name"])
def test_a_key_in_the_experiment_is_refused_before_anything_is_written(key: str, place: str, tmp_path: Path) -> None:
    name = f"with {key}"
    variants = {name if place == "variant" else "v": akrasia.graphs.act()}
    more = {"name": name} if place == "name" else {}
    with pytest.raises(BadOption, match="the experiment holds the value of .* SOME_API_KEY") as refused:
        akrasia.run(task=BANDIT, model="simulated", variants=variants, episodes=1, out=tmp_path / "run", **more)
    assert key not in "".join(traceback.format_exception(refused.value)) and not (tmp_path / "run").exists()


def test_words_that_a_variable_happens_to_hold_are_left_in_prompts_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in a prompt is what is measured: only what is surely a key is touched."""
    monkeypatch.setenv("DB_PASSWORD", "recommend")
    monkeypatch.setenv("SSH_KEY_FILE", "/keys/of/somebody/id_ed25519")
    said = "I recommend what /keys/of/somebody/id_ed25519 says.\nBEST=A\nACTION=A"
    model = Scripted(lambda r, d: said)
    result = akrasia.run(task=BANDIT, model=model, variants=["act"], episodes=1, out=tmp_path / "run")
    assert said.partition("\n")[0].encode() in left_behind(result.folder)
