"""Which refusals are about the account or the set-up, and which about one prompt: providers' codes and sentences.

A fault of the account or the set-up (no credit, a wrong key, a model that is not there, a region, a parameter that the
model does not take) meets every call alike until somebody mends it, so it ends the run, whatever status it comes with.
A refusal of one prompt (too long, filtered) says nothing of the next, so it is an outcome. What stands in neither
table is left to its HTTP status.

The entries are from the providers' public references of errors and from public reports of what they send. A sentence
enters with as few words as are sure to mean this and nothing else: "rate limit" and "billing" alone mean nothing, since
a provider that merely asks to slow down names both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountFault:
    """A kind of fault that every call meets.

    Attributes:
        what: the beginning of the error's text, with a place for the model's name.
        remedy: what to do about it.
    """

    what: str
    remedy: str


CREDIT = AccountFault("the credit or quota of {} is used up", "Top it up and resume the run.")
DAILY = AccountFault(
    "the daily quota of {} is used up", "Resume the run when it begins anew, or have the quota raised."
)
KEY = AccountFault("{} refused the credentials", "Check the key, and the variable that holds it.")
MODEL = AccountFault("{} is not a model that its provider serves to this account", "Check the model's name.")
REGION = AccountFault("{} is not offered in this region", "Use an account or an address of a region that is served.")
ACCOUNT = AccountFault("the account of {} is suspended or not set up", "Settle it with the provider and resume.")
PERMISSION = AccountFault("this account may not use {}", "Ask the account's owner for access, or use another key.")
PARAMETER = AccountFault(
    "{} cannot take the sampling that was asked for",
    "Leave out what asks for it, such as the intervention temperature(t), or set the model's own temperature: "
    "temperature = 1 in its table, --set models.main.temperature=1, or --model NAME:temperature=1.",
)

# Suspended accounts come before filters: both speak of policies.
_SUSPENDED = (
    # OpenAI, Azure
    r"account_deactivated", r"access_terminated", r"organization_deactivated", r"billing_not_active",
    r"account is not active", r"deactivated account", r"account (has been|was|is) (deactivated|disabled|terminated)",
    # Anthropic
    r"this organization has been disabled", r"organization has been disabled",
    # Google
    r"consumer_suspended", r"consumer .{0,80}has been suspended", r"billing_disabled",
    r"requires billing to be enabled", r"billing account .{0,80}(disabled|closed|not open|is not active)",
    # Groq, Fireworks, others
    r"organization_restricted", r"organization has been restricted", r"blocked_api_access",
    r"account .{0,80}\bis suspended", r"(account|team|workspace|subscription|project|user) (has been|is|was) "
    r"(suspended|blocked|banned|disabled|restricted)",
    # Bedrock
    r"invalid_payment_instrument", r"optinrequired", r"ftuformnotfilled", r"use case details have not been submitted",
)  # fmt: skip

_FILTERED = (
    r"content_filter", r"content management policy", r"content_policy", r"safety system", r"safety_check",
    r"responsible_?ai_?policy",
    r"(violat\w*|against) .{0,40}(usage|content|safety|community) (policy|policies|guideline)",
    r"input was flagged", r"(prompt|input|content|message|request) (was |has been |is )?(flagged|blocked by (?!.{0,40}"
    r"(firewall|proxy|network|vpn|cloudflare|\bwaf\b|\bip\b|gateway)))",
    r"requires moderation", r"flagged by (a |the |our )?(moderation|content|safety)", r"moderation_blocked",
    r"prohibited_content", r"content exists risk", r"data_?inspection_?failed", r"inappropriate content",
    r"considered high risk", r"guardrail_intervened", r"blocked by (our |the )?(content|safety|guardrail)",
    r"sensitive content", r"blockreason",
)  # fmt: skip

_TOO_LONG = (
    r"context[_ ]?length", r"context[_ ]?window", r"context[_ ]?limit", r"context size", r"maximum context",
    r"exceed\w* (the )?(model's )?(maximum )?context", r"prompt is too long", r"prompt too long", r"too many tokens:",
    r"input (is )?too long", r"input token count", r"input length", r"tokens? \+ `?max_(new_)?tokens",
    r"string_above_max_length", r"string too long", r"request_too_large", r"exceeds the maximum size",
    r"exceeds? the maximum number of tokens", r"too large for model with \d+ maximum",
    r"reduce (the length of|your) (the )?(messages|prompt|input)", r"exceed_context_size", r"max_seq_len",
)  # fmt: skip

_SETTING = (
    r"temperature|top_?p|topp|top_k|stop|stop_?sequences|seed|random_seed|max_?(completion_|output_|new_)?tokens|"
    r"logprobs|top_logprobs|logit_bias|response_format|presence_?penalty|frequency_?penalty|reasoning_effort"
)

# The same in free words; a server that is failing says such things of what it looks for itself.
_UNKNOWN_MODEL = (
    r"model\b(?! (that|which|who|and|worker|gateway|server)\b)( with( the)?( name| id)?| named| id)?[:\s]{1,3}"
    r"[`'\"]?[\w./:@+-]{1,120}[`'\",]?( version)? (does not exist|doesn't exist|(was |is |were )?not found|"
    r"(is )?no longer (available|supported|exists)|"
    r"(has been|was) (removed|deprecated|retired|shut down|discontinued))",
    r"model (does not exist|doesn't exist|(was |is )?not found|is no longer (available|supported)|"
    r"(has been|was) (removed|deprecated|retired|shut down|discontinued))",
)

_TABLE: tuple[tuple[AccountFault, tuple[str, ...]], ...] = (
    (CREDIT, (
        # OpenAI, Azure
        r"insufficient_quota", r"credit_balance_exhausted", r"billing_hard_limit_reached", r"billing hard limit",
        # Anthropic
        r"credit balance is too low", r"reached your (specified )?(api |workspace )?(api )?usage limits",
        r"usage limits\. you will regain access",
        # Google: a limit of 0 in the free tier is no rate that passes
        r"prepayment credits? (is|are) depleted", r"monthly spending cap", r"free_tier\w*, limit: 0(?!\d)",
        r"does(n't| not) have a free quota tier",
        # xAI
        r"used all available credits", r"monthly spending limit", r"does(n't| not) have any credits",
        r"run out of credits", r"no (remaining )?credits",
        # OpenRouter
        r"insufficient credits?", r"requires more credits", r"more credits are required", r"key limit exceeded",
        r"never purchased credits", r"key with a higher (monthly |total |daily |weekly )?limit",
        # DeepSeek, Together, Fireworks, Groq, Hugging Face, Cohere, Moonshot, Alibaba
        r"insufficient[_ ](account )?(balance|funds|quota|credit)", r"not[_ ]enough[_ ](balance|credits?|quota)",
        r"credit[_ ]limit[_ ](exceeded|reached)", r"out of credits?", r"exceeded your monthly included credits",
        r"(credits?|balance|quota|wallet|prepaid \w+) (is|are|has been|have been) (exhausted|depleted|used up|empty)",
        r"spend(ing)?[_ ](limit|cap)[_ ](has been |was |is )?(exceeded|reached|hit)", r"spend_alert_blocked",
        r"reached (its|your|the) (monthly |daily )?spend(ing)? (limit|cap)", r"exceeded_current_quota",
        r"trial key.{0,80}/ ?month", r"add or update your payment method", r"payment[_ ]required", r"\barrearage\b",
        r"purchase (more )?credits", r"budget has been exceeded",
        r"(account |prepaid |credit )?(balance|quota|credits?) (is|are) (insufficient|too low|not enough|negative)",
        r"(balance|credits?|quota|allowance) (has|have) run out", r"ran out of (credits?|balance|quota)",
    )),
    (DAILY, (
        r"daily (request |token |usage |message )?(limit|quota) (has been |was |is )?(reached|exceeded|used up)",
        r"(requests|tokens)perday", r"free-models-per-day", r"exceeded your daily ", r"daily (free )?allocation",
        r"(quota|too many (tokens|requests)) .{0,40}\bper day\b(?!.{0,200}(try again|retry) in)",
    )),
    (REGION, (
        r"unsupported_country_region_territory", r"country, region, or territory not supported",
        r"user location is not supported", r"not (available|supported|offered|allowed) in (your|this) "
        r"(region|country|location|territory)", r"access to anthropic models is not allowed from unsupported",
        r"unsupported (country|region|location)", r"model is not (available|supported) in (the )?(specified )?region",
    )),
    (KEY, (
        # OpenAI, xAI, Azure
        r"invalid_api_key", r"incorrect api key", r"invalid api key", r"api_key_invalid", r"api key not valid",
        r"invalid_organization", r"mismatched_organization", r"invalid subscription key", r"invalid_issuer",
        r"must be a member of an organization", r"didn't provide an api key", r"no api key",
        r"api key (is |was |has been )?(currently |reported )*(blocked|disabled|revoked|expired|invalid|missing|leaked|"
        r"as leaked|not found)", r"(blocked|disabled|revoked|expired|missing|unknown) api key",
        # Anthropic, Mistral, DeepSeek, Cohere, OpenRouter, Hugging Face
        r"invalid x-api-key", r"authentication_error", r"authentication fails", r"invalid api token",
        r"no auth credentials", r"no cookie auth", r"invalid credentials", r"invalid authentication",
        r"user not found\.?\W*\W*(code\W*)?401", r"invalid (username or password|user token|bearer token)",
        r"could not resolve authentication method",
        # Bedrock
        r"unrecognizedclient", r"invalidclienttokenid", r"security token included in the request is (invalid|expired)",
        r"expiredtoken", r"invalidsignature", r"incompletesignature", r"missingauthenticationtoken",
        r"request signature we calculated does not match", r"bearer token has expired",
        # a client that finds no key at all
        r"missing (\w+ ){0,2}(api key|credentials|api_key)", r"api_key client option must be set",
        r"unable to locate credentials", r"default credentials were not found", r"api[_ ]key (is|was) not set",
    )),
    (MODEL, (
        r"model[_ ]not[_ ]found", r"model[_ ]?notfound", r"invalid[_ ]model", r"model_decommissioned",
        r"(has been|was|is) decommissioned", r"model_not_available", r"model_not_supported", r"model not exist",
        r"model_(deprecated|retired|removed)", r"modeldeprecated", r"deploymentnotfound",
        r"deployment for this resource does not exist", r"is not a valid model", r"unknown model",
        r"(no such|unrecognized|nonexistent) model", r"no endpoints (found|available)(?! that (can handle|support))",
        r"no allowed providers", r"models/\S+ is not found", r"not found the model \S+", 
        r"not_found_error.{0,40}\bmodel: ", r"^model: \S+ not_found_error",
        r"not supported by any provider you have enabled", r"is not a chat model", r"does not support chat\b",
        r"not supported in the v1/(chat/)?(completions|responses)", r"only supported in v1/responses",
        r"operation does not work with the specified model", r"operationnotsupported",
        r"model not found, inaccessible", r"unable to access (non-serverless )?model", r"non-serverless model",
        r"try pulling it first",
        r"provided model identifier is invalid", r"on-demand throughput (isn't|is not) supported",
        r"doesn't support on-demand throughput", r"reached the end of its life", r"marked by provider as legacy",
        r"action doesn't support the model", r"model .{0,80}is not supported (by|when|for|in)",
    )),
    (PERMISSION, (
        r"does not have access to (the )?(model|it\b)", r"don't have access to (the |this )?(model|it\b)",
        r"(no|not have|have no) (permission|access) to (use |access |call )?(this |the )?model",
        r"not authorized to (perform|invoke|access|use)", r"permission_error", r"permission_?denied", r"missing_scope",
        r"missing scopes", r"insufficient permissions?", r"does not have sufficient permissions",
        r"access_?denied", r"access denied due to", r"ip_not_authorized", r"model_permission_blocked",
        r"blocked at the (organization|project) level", r"model_terms_required", r"requires terms acceptance",
        r"service_disabled", r"has not been used in project .{0,80} before or it is disabled",
        r"must be verified to use the model", r"notauthorized\b", r"caller does not have permission",
    )),
    (PARAMETER, (
        r"unsupported[_ ](parameter|value|param)", r"unknown[_ ](parameter|argument)", r"unrecognized (request )?"
        r"(argument|parameter)", r"extra_forbidden", r"extra inputs are not permitted", r"extraneous key",
        r"argument not supported on this model", r"unsupportedparamserror", r"property '\w+' is unsupported",
        rf"does(n't| not) support (the )?(parameter|thinking|reasoning|[`'\"]?({_SETTING})\b)",
        r"no endpoints found that (can handle|support)", rf"not allowed to (request|use|set) ({_SETTING})\b",
        rf"invalid ({_SETTING}): only ", r"has an? \w+ value of .{0,40} but the supported range",
        r"\b[pk] must be between",
        rf"\b({_SETTING})[`'\"]?:? (is |are )?(not supported|unsupported|deprecated|not permitted|not allowed)",
        r"temperature`? and `?top_p`? cannot both", r"maximum allowed number of output tokens",
        r"supports at most \d+ (completion|output) tokens", r"max tokens must be less than or equal to",
        rf"\b({_SETTING})[`'\"]?\W.{{0,60}}(less than or equal|greater than or equal|must be "
        r"(between|in|at|less|greater|positive|<|>|non-negative|strictly)|"
        r"out of range|is greater than|is less than|should be (less|greater|in))",
        rf"\b({_SETTING}): range: ", rf"invalid (value for )?['`\"]({_SETTING})['`\"]",
        rf"invalid ({_SETTING})\b.{{0,40}}(range|between|must|value)",
    )),
)  # fmt: skip


def _any(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.DOTALL)


_IS_SUSPENDED, _IS_FILTERED, _IS_TOO_LONG = map(_any, (_SUSPENDED, _FILTERED, _TOO_LONG))
_FAULTS = [(fault, _any(patterns)) for fault, patterns in _TABLE]
_IN_FREE_WORDS = [*_FAULTS, (MODEL, _any(_UNKNOWN_MODEL))]


def account_fault(text: str, status: int | None = None) -> AccountFault | None:
    """The fault of the account or the set-up that a provider's sentence, code or type names; None if it names none.

    Args:
        status: the HTTP status. With one of the 5xx a server fails by itself: what it says of a model or a parameter
            in free words is then no verdict on them.
    """
    plain = _plain(text)
    if _IS_SUSPENDED.search(plain):
        return ACCOUNT
    if _IS_FILTERED.search(plain) or _IS_TOO_LONG.search(plain):
        return None
    fails = status is not None and status >= 500
    known = [(f, p) for f, p in _FAULTS if f is not PARAMETER] if fails else _IN_FREE_WORDS
    return next((fault for fault, pattern in known if pattern.search(plain)), None)


def is_filtered(text: str) -> bool:
    """Whether a provider's sentence, code or type names a content filter that refused one prompt."""
    plain = _plain(text)
    return not _IS_SUSPENDED.search(plain) and bool(_IS_FILTERED.search(plain))


def is_about_the_prompt(text: str) -> bool:
    """Whether a provider refused one prompt: for what it says, or for its length."""
    plain = _plain(text)
    return not _IS_SUSPENDED.search(plain) and bool(_IS_FILTERED.search(plain) or _IS_TOO_LONG.search(plain))


def _plain(text: str) -> str:
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()
