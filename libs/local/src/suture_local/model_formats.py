"""The providers' request and answer formats, as far as the stand-in speaks them."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

Api = Literal["chat", "responses", "messages"]
Content = str | dict[str, Any]
End = Literal["whole", "refused", "too long", "cut off"]
"""How an answer ends; cut off: the connection ends before it does."""
Usage = tuple[int, int]

API_OF_PATH: dict[str, Api] = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
}

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def texts_of(api: Api, body: dict[str, Any]) -> tuple[str, str]:
    """A request's system text and the text of its other messages."""
    if api == "messages":
        return _text(body.get("system")), "\n".join(_text(entry.get("content")) for entry in _entries(body))
    system = [_text(body.get("instructions"))] if body.get("instructions") else []
    prompt = [body["input"]] if isinstance(body.get("input"), str) else []
    for entry in _entries(body):
        (system if entry.get("role") in ("system", "developer") else prompt).append(
            _text(entry.get("content"))
        )
    return "\n".join(system), "\n".join(prompt)


def answer_body(api: Api, request: dict[str, Any], content: Content, usage: Usage) -> dict[str, Any]:
    """A provider's answer with that content; ``usage`` is input and output tokens."""
    build = {"chat": _chat, "responses": _response, "messages": _message}[api]
    return build(request, content, usage)


def error_body(api: Api, status: int, message: str) -> dict[str, Any]:
    """A provider's error, in its own shape."""
    kind = _ERROR_TYPES.get(status, "api_error")
    if api == "messages":
        return {"type": "error", "error": {"type": kind, "message": message}}
    return {"error": {"type": kind, "message": message, "code": None, "param": None}}


def _entries(body: dict[str, Any]) -> list[dict[str, Any]]:
    found = body.get("messages", body.get("input"))
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _as_text(content: Content) -> str:
    return content if isinstance(content, str) else json.dumps(content)


def _as_object(content: Content) -> dict[str, Any]:
    parsed = json.loads(content) if isinstance(content, str) else content
    return parsed if isinstance(parsed, dict) else {"value": parsed}


def ended(body: dict[str, Any], end: End) -> dict[str, Any]:
    """A whole answer as one that was refused, or that stopped at the bound on its length."""
    for choice in body.get("choices", ()):
        if end == "refused":
            choice["message"] |= {"content": None, "refusal": "I cannot help with that."}
        else:
            choice["finish_reason"] = "length"
    if "stop_reason" in body:
        body["stop_reason"] = "refusal" if end == "refused" else "max_tokens"
    return body


def _chat(request: dict[str, Any], content: Content, usage: Usage) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": _as_text(content), "refusal": None}
    reason = "stop"
    forced = request.get("tool_choice")
    if isinstance(forced, dict) and "function" in forced:
        function = {"name": forced["function"]["name"], "arguments": json.dumps(_as_object(content))}
        message |= {
            "content": None,
            "tool_calls": [{"id": "call-1", "type": "function", "function": function}],
        }
        reason = "tool_calls"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.get("model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
    }


def _response(request: dict[str, Any], content: Content, usage: Usage) -> dict[str, Any]:
    part = {"type": "output_text", "text": _as_text(content), "annotations": []}
    message = {
        "type": "message",
        "id": "msg-1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "model": request.get("model", ""),
        "output": [message],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": usage[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(usage),
        },
    }


def _message(request: dict[str, Any], content: Content, usage: Usage) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": _as_text(content)}
    reason = "end_turn"
    forced = request.get("tool_choice")
    if isinstance(forced, dict) and forced.get("type") == "tool":
        block = {"type": "tool_use", "id": "toolu-1", "name": forced["name"], "input": _as_object(content)}
        reason = "tool_use"
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": request.get("model", ""),
        "content": [block],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": usage[0], "output_tokens": usage[1]},
    }
