"""The control door `/_sim/`: what a script may ask of a simulator and change in it.

It answers from the simulator's own methods and keeps nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from tests.simulators.exact_json import json_response, read_json

if TYPE_CHECKING:
    from tests.simulators.simulator import Simulator

DOOR = "/_sim/"


def answer_at_door(simulator: Simulator, request: Request) -> Response:
    name = request.path.removeprefix(DOOR).strip("/")
    action = DOORS.get((request.method, name))
    if request.method == "POST" and name in simulator.extra_doors:
        action = _extra
    if action is None:
        return json_response({"error": f"no door {request.method} /_sim/{name}"}, 404)
    try:
        return json_response(action(simulator, request))
    except (ValueError, KeyError, TypeError) as error:
        return json_response({"error": str(error)}, 400)


def _body(request: Request) -> dict[str, Any]:
    body = read_json(request) if request.get_data() else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _show_calls(simulator: Simulator, request: Request) -> Any:
    return {
        "calls": [
            {**asdict(call), "at": call.at.isoformat()} for call in simulator.calls
        ],
        "peak_in_flight": simulator.peak_in_flight,
    }


def _clear_calls(simulator: Simulator, request: Request) -> Any:
    simulator.clear_calls()
    return {"calls": []}


def _show_faults(simulator: Simulator, request: Request) -> Any:
    faults = simulator.faults
    names = sorted(faults.names)
    used = {name: faults.used(name) for name in names}
    return {"active": faults.active(), "used": used, "known": names}


def _set_fault(simulator: Simulator, request: Request) -> Any:
    simulator.faults.set(**_body(request))
    return _show_faults(simulator, request)


def _clear_fault(simulator: Simulator, request: Request) -> Any:
    name = request.args.get("name") or _body(request).get("name")
    simulator.faults.clear(name)
    return _show_faults(simulator, request)


def _show_clock(simulator: Simulator, request: Request) -> Any:
    return {"now": simulator.now().isoformat()}


def _set_clock(simulator: Simulator, request: Request) -> Any:
    body = _body(request)
    if "advance" in body:
        simulator.advance(float(body["advance"]))
    else:
        now = body["now"]
        simulator.set_clock(datetime.fromisoformat(now) if now else None)
    return _show_clock(simulator, request)


def _show_held(simulator: Simulator, request: Request) -> Any:
    return {"held": simulator.holds.held()}


def _hold(simulator: Simulator, request: Request) -> Any:
    body = _body(request)
    simulator.hold(body["point"], int(body.get("times", 1)))
    return _show_held(simulator, request)


def _release(simulator: Simulator, request: Request) -> Any:
    simulator.release(_body(request).get("point"))
    return _show_held(simulator, request)


def _show_state(simulator: Simulator, request: Request) -> Any:
    return simulator.state()


def _reset(simulator: Simulator, request: Request) -> Any:
    simulator.reset()
    return simulator.state()


def _show_settings(simulator: Simulator, request: Request) -> Any:
    return {name: getattr(simulator, name) for name in simulator.settings}


def _change_settings(simulator: Simulator, request: Request) -> Any:
    changes = _body(request)
    if unknown := set(changes) - set(simulator.settings):
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    for name, value in changes.items():
        setattr(simulator, name, value)
    return _show_settings(simulator, request)


def _extra(simulator: Simulator, request: Request) -> Any:
    name = request.path.removeprefix(DOOR).strip("/")
    return {"done": name, "result": simulator.extra_doors[name](**_body(request))}


DOORS: dict[tuple[str, str], Callable[[Simulator, Request], Any]] = {
    ("GET", "state"): _show_state,
    ("GET", "calls"): _show_calls,
    ("POST", "calls/clear"): _clear_calls,
    ("GET", "faults"): _show_faults,
    ("POST", "faults"): _set_fault,
    ("DELETE", "faults"): _clear_fault,
    ("GET", "clock"): _show_clock,
    ("POST", "clock"): _set_clock,
    ("GET", "settings"): _show_settings,
    ("POST", "settings"): _change_settings,
    ("POST", "hold"): _hold,
    ("POST", "release"): _release,
    ("GET", "held"): _show_held,
    ("POST", "reset"): _reset,
}
