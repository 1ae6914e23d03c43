import assert from "node:assert/strict";
import { test } from "node:test";
import { TicketError } from "../dist/errors.js";
import { Cooling, InstanceMachine } from "../dist/instance-machine.js";

const EVERY = 60_000;
const late = new TicketError("timeout", "late");
const refused = (status, retryAfter) => new TicketError("unavailable", "no", { status, ...(retryAfter ? { retryAfter } : {}) });

test("a first registration that fails is tried again", () => {
  const machine = new InstanceMachine(EVERY, 0);
  assert.deepEqual(machine.step(0), { do: "register" });
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    machine.registered(late, 0, 0);
    assert.deepEqual(machine.step(0), { do: "wait", until: seconds * 1_000 });
    assert.deepEqual(machine.step(seconds * 1_000), { do: "register" });
  }
  machine.registered(refused(503, 90_000), 0, 0);
  assert.deepEqual(machine.step(0), { do: "wait", until: 90_000 });
  assert.equal(machine.state.problem.status, 503);
  machine.registered("a", 0, 0);
  assert.deepEqual(machine.state, { status: "ready", instanceId: "a" });
  assert.deepEqual(machine.step(EVERY), { do: "heartbeat", instanceId: "a" });
});

test("one that is gone is registered at once, and one that is not reached is kept", () => {
  const machine = new InstanceMachine(EVERY, 0);
  machine.registered("a", 0, 0);
  machine.beaten(undefined, EVERY, 0);
  assert.deepEqual(machine.step(EVERY), { do: "wait", until: 2 * EVERY });
  for (const failure of [late, refused(403), refused(503)]) {
    machine.beaten(failure, 0, 0);
    assert.equal(machine.state.status, "ready");
  }
  machine.beaten(refused(404), 0, 0);
  assert.deepEqual(machine.step(0), { do: "register" });
  machine.stop();
  machine.registered("b", 0, 0);
  machine.beaten(refused(404), 0, 0);
  assert.deepEqual([machine.state.status, machine.step(0).do], ["stopped", "nothing"]);
});

test("nobody is asked for too often", () => {
  const cooling = new Cooling(120_000);
  assert.equal(cooling.left("a", false, 0), 0);
  cooling.asked("a", undefined, 0);
  assert.equal(cooling.left("a", false, 20_000), 100_000);
  assert.equal(cooling.left("a", true, 20_000), 0);
  assert.equal(cooling.left("b", false, 20_000), 0);
  assert.equal(cooling.left("a", false, 120_000), 0);
  // Whoever people said no to is asked for again when they can be asked.
  cooling.asked("p", new TicketError("approval-rejected", "no", { status: 403, retryAfter: 60_000 }), 0);
  assert.deepEqual([cooling.left("p", false, 20_000), cooling.left("p", false, 60_000)], [40_000, 0]);
  // A failure cools nothing down, unless the host says so: then it is for all, whoever insists.
  cooling.asked("b", refused(404), 0);
  assert.equal(cooling.left("b", false, 0), 0);
  cooling.asked("b", refused(429, 30_000), 0);
  assert.equal(cooling.left("c", true, 10_000), 20_000);
  assert.equal(cooling.left("c", true, 30_000), 0);
});
