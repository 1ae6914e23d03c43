import assert from "node:assert/strict";
import { test } from "node:test";
import { TicketError } from "../dist/errors.js";
import { SessionMachine } from "../dist/session-machine.js";

const EVERY = 60_000;
const late = new TicketError("timeout", "late");

function session(sessionId, status = "active", reason = undefined, createdAt = "2026-01-01T00:00:00.000Z") {
  return { sessionId, scope: "shell:connect", instanceId: "i", source: "s", target: "t", createdAt, status, reason };
}

function authorized() {
  const machine = new SessionMachine("shell", EVERY, 0);
  machine.opened(session("a"), 0);
  return machine;
}

test("the freshest ticket of our scope is taken once", () => {
  const machine = new SessionMachine("shell", EVERY, 0);
  const ticket = (id, scope, seconds) => ({ id, scope, expiresAt: new Date(seconds * 1000).toISOString() });
  const inbox = [
    ticket("old", "shell:connect", 4),
    ticket("good", "shell:connect", 20),
    ticket("best", "shell", 30),
    ticket("other", "shellfish:connect", 40),
  ];
  assert.deepEqual([machine.choose(inbox, 0)?.id, machine.choose(inbox, 0)?.id], ["best", "good"]);
  assert.equal(machine.choose(inbox, 0), undefined);
  machine.opened(session("a"), 0);
  assert.equal(machine.choose([ticket("new", "shell", 30)], 0), undefined, "there is a session");
});

test("no answer is grace, and an answer ends it", () => {
  const machine = authorized();
  assert.deepEqual(machine.beat(), { due: EVERY, session: "a" });
  assert.deepEqual(machine.beaten(late, 0, 0), { session: "a", status: "grace" });
  assert.equal(machine.state.status, "grace");
  assert.equal(machine.beat()?.due, 1_000);
  assert.equal(machine.beaten(late, 0, 0), undefined, "said once");
  assert.deepEqual(machine.beaten({ authorized: true }, 0, 0), { session: "a", status: "active" });
  assert.equal(machine.state.status, "authorized");
  const before = machine.state;
  assert.equal(machine.beaten({ authorized: true }, 0, 0), undefined);
  assert.equal(machine.state, before, "nothing changed");
  for (let failure = 0; failure < 5; failure += 1) {
    assert.ok(machine.session, String(failure));
    machine.beaten(late, 0, 0);
  }
  assert.deepEqual([machine.state.status, machine.state.reason], ["terminated", undefined]);
  machine.next();
  assert.equal(machine.state.status, "waiting");
});

test("a no ends it with its reason, however it comes", () => {
  let machine = authorized();
  machine.beaten({ authorized: false, reason: "idle" }, 0, 0);
  assert.equal(machine.state.reason, "idle");
  machine = authorized();
  machine.told(session("b", "dead", "admin_killed"));
  machine.told(session("a", "grace"));
  assert.equal(machine.state.status, "authorized", "another one, or not over");
  machine.told(session("a", "dead", "admin_killed"));
  assert.equal(machine.state.reason, "admin_killed");
  machine = authorized();
  machine.ended("host_stopping");
  assert.ok(machine.session, "it comes back");
  machine.ended("certificate_revoked");
  assert.equal(machine.state.reason, "certificate_revoked");
  assert.equal(machine.beaten({ authorized: true }, 0, 0), undefined);
  assert.equal(machine.state.status, "terminated");
});

test("a session that is not told of is asked for", () => {
  const machine = authorized();
  machine.up();
  machine.told(session("a"));
  machine.ready(5);
  assert.equal(machine.beat()?.due, EVERY);
  machine.up();
  machine.ready(5);
  assert.equal(machine.beat()?.due, 5);
});

test("after a restart the newest session goes on", () => {
  const machine = new SessionMachine("shell", EVERY, 0);
  const at = (second) => `2026-01-01T00:00:0${second}.000Z`;
  const own = [session("a", "active", undefined, at(1)), session("b", "grace", undefined, at(2)), session("c", "dead", "idle", at(3))];
  assert.equal(machine.resumable(own)?.sessionId, "b");
  assert.equal(new SessionMachine("view", EVERY, 0).resumable(own), undefined);
});
