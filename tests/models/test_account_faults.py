"""A fault of the account or the set-up ends a run whatever status it comes with; one prompt's refusal does not."""

import json
from typing import Any

import pytest

from akrasia.errors import Denied, RateLimited, Rejected
from akrasia.models import resolve
from akrasia.models.account_faults import DAILY, MODEL, PARAMETER, AccountFault, account_fault, is_about_the_prompt
from akrasia.models.providers.provider_errors import error_of_status, message_of
from akrasia.models.providers.remote import RemoteModel
from akrasia.records import Draw, Message, Request, Response


def openai(message: str, code: str | None = None, kind: str = "invalid_request_error") -> Any:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def google(status: int, message: str, name: str, *reasons: str) -> Any:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": r} for r in reasons]
    return {"error": {"code": status, "message": message, "status": name, "details": details}}


# (status, body, a part of the provider's sentence that must reach the error)
FAULTS: list[tuple[int, Any, str]] = [
    # OpenAI
    (429, openai("You exceeded your current quota, please check your plan.", "insufficient_quota"), "current quota"),
    (429, openai("No credit.", "credit_balance_exhausted", "insufficient_quota"), "No credit"),
    (429, openai("Your account is not active, please check your billing details.", "billing_not_active"), "not active"),
    (400, openai("Billing hard limit has been reached", "billing_hard_limit_reached"), "hard limit"),
    (401, openai("Incorrect API key provided: x.", "invalid_api_key"), "Incorrect API key"),
    (403, openai("Country, region, or territory not supported", "unsupported_country_region_territory"), "Country"),
    (404, openai("The model `x` does not exist or you do not have access to it.", "model_not_found"), "does not exist"),
    (400, openai("Unsupported value: 'temperature' does not support 0.0 with this model.", "unsupported_value"), "0.0"),
    (400, openai("Unsupported parameter: 'max_tokens' is not supported with this model.", "unsupported_parameter"),
     "max_tokens"),
    (400, openai("max_tokens is too large: 512. This model supports at most 256 completion tokens."), "at most 256"),
    # Azure
    (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
     "deployment"),
    (400, {"error": {"code": "OperationNotSupported", "message": "The chatCompletion operation does not work with the "
     "specified model, x."}}, "does not work"),
    # Anthropic
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to "
     "access the Anthropic API."}}, "credit balance"),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "You have reached your specified API "
     "usage limits. You will regain access on 2027-01-01."}}, "usage limits"),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."
     }}, "disabled"),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "`temperature` and `top_p` cannot "
     "both be specified for this model."}}, "cannot both"),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: 512 > 256, which is the "
     "maximum allowed number of output tokens for x"}}, "maximum allowed"),
    # Gemini, Vertex; the newline is theirs
    (400, google(400, "API key not valid. Please pass one.", "INVALID_ARGUMENT", "API_KEY_INVALID"), "not valid"),
    (400, google(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"), "User location"),
    (400, [google(400, "API key expired.\nPlease renew the API key.", "INVALID_ARGUMENT")], "Please renew"),
    (429, google(429, "Your prepayment credits are depleted.", "RESOURCE_EXHAUSTED"), "prepayment"),
    (429, google(429, "Quota exceeded for metric: x/generate_content_free_tier_requests, limit: 0, model: y\nPlease "
     "retry in 25s.", "RESOURCE_EXHAUSTED"), "limit: 0"),
    (403, google(403, "Consumer 'api_key:x' has been suspended.", "PERMISSION_DENIED", "CONSUMER_SUSPENDED"), "susp"),
    (404, google(404, "models/x is not found for API version v1beta, or is not supported for generateContent.",
     "NOT_FOUND"), "is not found"),
    # Mistral
    (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}, "Invalid model"),
    (422, {"object": "error", "message": {"detail": [{"type": "less_than_equal", "loc": ["body", "temperature"], "msg":
     "Input should be less than or equal to 1.5"}]}, "type": "invalid_request_error"}, "body.temperature: Input"),
    (422, {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg":
     "Extra inputs are not permitted"}]}}, "body.seed"),
    # xAI
    (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***ef."}, "xa***ef"),
    (429, {"code": "x", "error": "Your team t has either used all available credits or reached its monthly spending "
     "limit."}, "all available credits"),
    (400, {"code": "x", "error": "Argument not supported on this model: stop"}, "Argument not supported"),
    # OpenRouter
    (400, {"error": {"code": 400, "message": "openai/gpt-9 is not a valid model ID"}}, "not a valid model"),
    (402, {"error": {"code": 402, "message": "This request requires more credits, or fewer max_tokens."}}, "credits"),
    (403, {"error": {"code": 403, "message": "Key limit exceeded (total limit)."}}, "Key limit"),
    (200, {"error": {"code": 402, "message": "Insufficient credits."}}, "Insufficient"),
    (400, {"error": {"code": 400, "message": "Provider returned error", "metadata": {"raw": json.dumps(openai(
     "Unsupported parameter: 'stop'", "unsupported_parameter"))}}}, "Unsupported parameter: 'stop'"),
    # Groq
    (400, openai("The model `x` has been decommissioned and is no longer supported.", "model_decommissioned"), "decom"),
    (400, openai("Organization has been restricted.", "organization_restricted"), "restricted"),
    (400, openai("Your organization has reached its spend limit.", "blocked_api_access"), "spend limit"),
    # DeepSeek, Together, Fireworks
    (402, openai("Insufficient Balance", "invalid_request_error", "unknown_error"), "Insufficient Balance"),
    (400, openai("Model Not Exist"), "Model Not Exist"),
    (402, openai("Credit limit exceeded, please navigate to billing.", None, "credit_limit"), "Credit limit"),
    (400, openai("Unable to access non-serverless model x.", "model_not_available"), "non-serverless"),
    (412, openai("Account x is suspended, possibly due to reaching the monthly spending limit.", None), "suspended"),
    (500, openai("Account x is suspended, possibly due to failure to pay past invoices.", None), "suspended"),
    # Cohere, Hugging Face, Bedrock, Ollama
    (429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}, "Trial key"),
    (401, {"message": "invalid api token"}, "invalid api token"),
    (402, {"error": "You have exceeded your monthly included credits for Inference Providers."}, "monthly included"),
    (400, openai("The requested model 'x' is not supported by any provider you have enabled.", "model_not_supported"),
     "any provider"),
    (400, {"message": "Invocation of model ID x with on-demand throughput isn\N{RIGHT SINGLE QUOTATION MARK}t "
     "supported."}, "on-demand"),
    (400, {"message": "The provided model identifier is invalid."}, "identifier"),
    (400, {"message": "This model version has reached the end of its life."}, "end of its life"),
    (400, {"message": "The value at inferenceConfig.temperature is greater than 1"}, "temperature"),
    (404, {"error": "model 'llama9' not found, try pulling it first"}, "try pulling it"),
    (404, {"error": "anything at all"}, "anything"),
    (401, "plain text", "plain text"),
    # What was met later, of several providers
    (403, openai("You are not allowed to request logprobs from this model"), "logprobs"),
    (400, openai("invalid temperature: only 0.6 is allowed for this model"), "only 0.6"),
    (404, openai("Not found the model kimi-x or Permission denied", None, "resource_not_found_error"), "kimi-x"),
    (404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}}, "tool use"),
    (400, {"error": '"llama3" does not support thinking'}, "thinking"),
    (400, google(400, "Unable to submit request because it has a topK value of 64 but the supported range is from 1 "
     "(inclusive) to 41 (exclusive).", "INVALID_ARGUMENT"), "topK"),
    (400, {"message": "invalid request: p must be between 0.01 and 0.99 inclusive."}, "0.99"),
    (429, {"message": "Too many tokens per day, please wait before trying again."}, "per day"),
]  # fmt: skip

# (status, body, what it is)
OTHERS: list[tuple[int, Any, type[Exception]]] = [
    (429, openai("Rate limit reached for gpt-4 in organization org-x on tokens per min (TPM): Limit 10000. You can "
     "increase your rate limit by adding a payment method at https://platform.openai.com/account/billing.",
     "rate_limit_exceeded", "tokens"), RateLimited),
    (429, openai("Rate limit reached for model x on tokens per day (TPD). Please try again in 7m. Need more tokens? "
     "Upgrade at https://console.groq.com/settings/billing", "rate_limit_exceeded"), RateLimited),
    (429, google(429, "You exceeded your current quota, please check your plan and billing details. Please retry in "
     "34s.", "RESOURCE_EXHAUSTED"), RateLimited),
    (429, {"type": "error", "error": {"type": "rate_limit_error", "message": "This request would exceed your "
     "organization's rate limit of 50,000 input tokens per minute."}}, RateLimited),
    (429, {"message": "You are using a Trial key, which is limited to 10 API calls / minute."}, RateLimited),
    (429, openai("Requests have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after "
     "12 seconds.", "429"), RateLimited),
    (400, openai("This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
     "context_length_exceeded"), Rejected),
    (400, openai("'max_tokens' is too large: 512. This model's maximum context length is 1024 tokens and your request "
     "has 600 input tokens"), Rejected),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > "
     "200000 maximum"}}, Rejected),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "input length and `max_tokens` "
     "exceed context limit: 199000 + 8000 > 200000"}}, Rejected),
    (403, openai("Input token count + max_tokens parameter must be less than the context length of the model."),
     Rejected),
    (400, openai("The response was filtered due to the prompt triggering Azure's content management policy.",
     "content_filter"), Rejected),
    (403, {"error": {"code": 403, "message": "Your chosen model requires moderation and your input was flagged",
     "metadata": {"flagged_input": "invalid api key"}}}, Rejected),
    (403, {"code": "x", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}, Rejected),
    (400, openai("Content Exists Risk"), Rejected),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Output blocked by content filtering "
     "policy"}}, Rejected),
    (400, openai("Expected last role User or Tool but got assistant", "3230", "invalid_request_message_order"),
     Rejected),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: text content blocks must "
     "be non-empty"}}, Rejected),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "sentence"), FAULTS)
def test_a_fault_of_the_account_is_denied_with_the_providers_sentence(status: int, body: Any, sentence: str) -> None:
    message, codes = message_of(body)
    error = error_of_status("m", status if status != 200 else 500, message, codes, None)
    assert type(error) is Denied
    assert sentence in str(error)
    assert not is_about_the_prompt(f"{message} {codes}")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"type": "error", "error": {"type": "not_found_error", "message": "model: claude-9"}}, MODEL),
        (google(404, "models/gemini-9 is not found for API version v1beta, or ...", "NOT_FOUND"), MODEL),
        (openai("Not found the model kimi-x or Permission denied", None, "resource_not_found_error"), MODEL),
        ({"error": {"message": "No endpoints found that support tool use.", "code": 404}}, PARAMETER),
        ({"message": "Too many tokens per day, please wait before trying again."}, DAILY),
    ],
)
def test_a_fault_is_called_by_its_name(body: Any, fault: AccountFault) -> None:
    assert account_fault(" ".join(message_of(body))) is fault


@pytest.mark.parametrize(("status", "body", "kind"), OTHERS)
def test_a_rate_limit_and_a_refusal_of_one_prompt_are_no_faults_of_the_account(
    status: int, body: Any, kind: type[Exception]
) -> None:
    message, codes = message_of(body)
    assert account_fault(f"{message} {codes}") is None
    assert type(error_of_status("m", status, message, codes, None)) is kind


# What the clients in between do to a body is seen once per form and transport.
FORMS = [FAULTS[i] for i in (0, 12, 17, 19, 24, 25, 27, 30, 33, 34, 42)]


async def ask(server: Any, transport: str) -> Response:
    model = resolve("openai/test-model", api_base=server.base, transport=transport)
    assert isinstance(model, RemoteModel)
    await model.open()
    try:
        return await model.generate(Request(model.info.id, (Message("user", "?"),)), Draw(0, 0), "0123456789abcdef")
    finally:
        await model.close()


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize(("status", "body", "sentence"), FORMS)
async def test_both_transports_deny_alike(
    openai_server: Any, status: int, body: Any, sentence: str, transport: str
) -> None:
    openai_server.fault(status, body)
    with pytest.raises(Denied) as raised:
        await ask(openai_server, transport)
    assert sentence in str(raised.value)


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize(("status", "body", "kind"), [OTHERS[i] for i in (0, 2, 6, 10, 12, 16)])
async def test_both_transports_leave_other_refusals_what_they_are(
    openai_server: Any, status: int, body: Any, kind: type[Exception], transport: str
) -> None:
    openai_server.fault(status, body)
    with pytest.raises(kind) as raised:
        await ask(openai_server, transport)
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (503, "The model llama-3 was not found on any healthy replica, please retry."),
        (500, "Model worker error: temporary file not found"),
        (502, "model gateway: upstream connection not found"),
        (500, "temperature must be between 0 and 2 in shard 3"),
        (400, "Invalid prompt: user asked about model that does not exist"),
    ],
)
def test_what_a_failing_server_or_a_prompt_says_in_passing_ends_no_run(status: int, message: str) -> None:
    assert not isinstance(error_of_status("m", status, message, "", None), Denied)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "Your request was blocked by the network firewall of your organization."),
        (400, "Sorry, your account balance is insufficient"),
        (400, "Your prepaid balance has run out"),
        (429, "Daily request limit reached"),
        (500, "insufficient_quota: add credits"),
        (404, "model 'llama4:8b' not found, try pulling it first"),
        (400, "The model gpt-3.5-turbo-0301 has been deprecated"),
        (400, "Model x/y-7b is no longer available"),
    ],
)
def test_the_siblings_of_an_account_fault_end_the_run(status: int, message: str) -> None:
    assert isinstance(error_of_status("m", status, message, "", None), Denied)
