import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { canonical, isPublic, networks } from "../dist/addresses.js";
import { backoff, sleep, unless } from "../dist/backoff.js";
import { Client, refusal } from "../dist/client.js";
import { Direct } from "../dist/direct.js";
import { asTicketError, codeOf, TicketError } from "../dist/errors.js";
import { pause } from "../dist/follower.js";
import { EventParser } from "../dist/sse.js";

const code = (wanted) => (error) => error instanceof TicketError && error.code === wanted;

test("only public addresses are public", () => {
  for (const open of ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "223.255.255.255", "2606:4700::1"]) {
    assert.ok(isPublic(open), open);
  }
  const closed =
    "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.255 169.254.169.254 172.31.0.1 192.0.2.1 192.168.0.1 198.19.0.1 " +
    "224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 :: ::1 ::ffff:1.1.1.1 ::ffff:127.0.0.1 64:ff9b::7f00:1 " +
    "64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 ff02::1 4000::1 x";
  for (const address of closed.split(" ")) assert.ok(!isPublic(address), address);
  assert.equal(canonical("::FFFF:10.0.0.1"), "10.0.0.1");
  assert.equal(canonical("2606:4700:0:0::1"), "2606:4700::1");
  for (const bad of ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1", "10.0.0.0/"]) {
    assert.equal(networks([bad]), undefined, bad);
  }
});

test("a name that leads inside leads nowhere", async () => {
  const to = (host, port = 4_000) => ({ host, port });
  const direct = (found, opened = []) => new Direct(opened, async () => found);
  assert.deepEqual(await direct(["1.1.1.1"]).resolve(to("a.example")), [{ address: "1.1.1.1", port: 4_000 }]);
  for (const inside of [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1"]]) {
    await assert.rejects(direct(inside).resolve(to("a.example")), code("direct-closed"), String(inside));
  }
  await assert.rejects(direct([]).resolve(to("a.example")), code("direct-unknown"));
  const spelled = ["127.1", "0x7f000001", "2130706433", "LOCALHOST", "localhost.", "db.internal", "::1", "[::1]", "10.1"];
  for (const host of spelled) {
    await assert.rejects(direct(["1.1.1.1"]).resolve(to(host)), code("direct-closed"), host);
  }
  for (const host of ["", "a b", "user@host", "host/path", "[::1", "host:80", "a\nb"]) {
    await assert.rejects(direct(["1.1.1.1"]).resolve(to(host)), code("direct-syntax"), host);
  }
  await assert.rejects(direct(["1.1.1.1"]).resolve(to("1.1.1.1", 22)), code("direct-syntax"));
  const home = ["192.168.0.0/16"];
  assert.equal((await direct(["::ffff:192.168.1.7"], home).resolve(to("nas.example")))[0].address, "192.168.1.7");
  await assert.rejects(direct(["192.168.1.7", "127.0.0.1"], home).resolve(to("nas.example")), code("direct-closed"));
  assert.throws(() => new Direct(["home"]), code("config"));
});

test("it goes to the address that was looked at", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  const open = new Direct(["127.0.0.0/8"], async () => ["127.0.0.1"]);
  const socket = await open.connect({ host: "peer.example", port });
  assert.equal(socket.remoteAddress, "127.0.0.1");
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(open.connect({ host: "peer.example", port }), code("direct-unreachable"));
  await assert.rejects(new Direct().connect({ host: "127.0.0.1", port }), code("direct-closed"));
});

test("events are read however they are cut", () => {
  const text = [
    ": hello\n\n",
    'event: inbox\ndata: {"tickets":[]}\n\n',
    "event: new-one\ndata: {}\n\n",
    "event: ready\ndata: {}\n\n:\n\n",
    'event: end\ndata: {"reason":\ndata: "host_stopping"}\n\n',
  ].join("");
  const all = [{ type: "inbox", tickets: [] }, { type: "ready" }, { type: "end", reason: "host_stopping" }];
  for (let size = 1; size < text.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parser.read(text.slice(at, at + size)));
    assert.deepEqual(events, all, String(size));
  }
  assert.throws(() => new EventParser().read("event: inbox\ndata: x\n\n"), code("unexpected-answer"));
  assert.throws(() => new EventParser().read("x".repeat(9 << 20)), code("unexpected-answer"));
});

test("waits double up to the longest and vary by half", async () => {
  for (const [failures, wait] of [[0, 1], [1, 1], [2, 2], [3, 4], [4, 8], [5, 10], [9_999, 10]]) {
    assert.equal(backoff(1, 10, failures, 0), wait);
    assert.equal(backoff(1, 10, failures, 1), wait / 2);
  }
  assert.equal(pause(new TicketError("not-found", "", { status: 404 }), 1, 0), 60_000);
  assert.equal(pause(new TicketError("too-often", "", { status: 429, retryAfter: 1_000 }), 1, 0), 1_000);
  assert.equal(pause(new TicketError("unavailable", "", { status: 503 }), 1, 0), 250);
  const stop = new AbortController();
  const waiting = sleep(1e9, stop.signal);
  stop.abort();
  await waiting;
});

test("errors have words for programs", () => {
  for (const [status, word] of [[400, "invalid"], [401, "invalid-ticket"], [403, "forbidden"], [404, "not-found"], [409, "conflict"], [429, "too-often"], [503, "unavailable"]]) {
    assert.equal(codeOf(status), word);
  }
  assert.ok(new TicketError("timeout", "").transient && new TicketError("unavailable", "", { status: 503 }).transient);
  assert.ok(!new TicketError("too-often", "", { status: 429 }).transient);
  assert.equal(asTicketError(new Error("ECONNREFUSED")).code, "network");
  const body = '{"error":"Validation failed","details":{"issues":[{"path":["transport","port"],"message":"no"}]}}';
  assert.equal(refusal(body), "Validation failed; transport.port: no");
  assert.equal(refusal("<html>"), "");
  const pem = { cert: "c", key: "k", ca: "a" };
  for (const options of [{ ...pem, url: "http://host" }, { ...pem, url: "nonsense" }, { ...pem, ca: "", url: "https://host" }]) {
    assert.throws(() => new Client(options), code("config"), options.url);
  }
});

test("what is stopped waits for nothing", async () => {
  const never = new Promise(() => undefined);
  const stop = new AbortController();
  const waiting = unless(stop.signal, never);
  stop.abort();
  assert.equal(await waiting, undefined);
  assert.equal(await unless(stop.signal, never), undefined, "also when it was stopped before");
  const going = new AbortController().signal;
  assert.equal(await unless(going, Promise.resolve(7)), 7);
  await assert.rejects(unless(going, Promise.reject(new Error("x"))), /x/);
});
