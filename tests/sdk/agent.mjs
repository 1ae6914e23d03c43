// An agent that does what it is told on stdin and tells on stdout what happens, one JSON value a line.
// agent.mjs URL FOLDER source SCOPE | agent.mjs URL FOLDER target SCOPE | agent.mjs URL FOLDER client SCOPE
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { exports } = JSON.parse(readFileSync(join(process.env.WAYSTATION_SDK_JS, "package.json")));
const main = join(process.env.WAYSTATION_SDK_JS, exports["."].default);
const { Client, Direct, Follower, InstanceManager, SessionManager } = await import(pathToFileURL(main));

const [url, folder, role, scope] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name));
const client = new Client({ url, cert: read("agent.pem"), key: read("agent.key"), ca: read("authorities.pem") });
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

let manager;
let follower;
if (role === "source") {
  manager = new InstanceManager(client, { scope, transport: { strategies: ["relay"] }, heartbeat: 300 });
  follower = new Follower(client, (update) => {
    if (update.type === "event" && update.event.type === "session") tell({ session: update.event.session });
    if (update.type === "event" && update.event.type === "approval") tell({ approval: update.event.approval });
  });
} else if (role === "target") {
  manager = new SessionManager(client, { scope, heartbeat: 300 });
}
manager?.on("state", (state) => {
  const { problem, ...rest } = state;
  tell({ state: { ...rest, ...(problem ? { problem: problem.code } : {}) } });
});

const held = [];
const commands = {
  // Takes a stream, and keeps it.
  hold: async () => {
    held.push(client.events());
    return (await held.at(-1).next()).value;
  },
  request: ([target, force]) => manager.requestTicket(target, force),
  approved: ([target, within]) => manager.requestTicketWhenApproved(target, within),
  approval: ([id]) => client.approval(id),
  plain: ([target]) => client.askForTicket(scope, manager.state.instanceId, target),
  ask: ([session]) => client.session(session),
  own: ([role]) => client.ownSessions(role),
  inbox: ([wait]) => client.inbox(wait),
  admit: ([ticket]) => client.admit(ticket),
  raw: ([target]) => client.requestTicket(scope, manager.state.instanceId, target),
  direct: async ([to, opened]) => {
    const socket = await new Direct(opened).connect(to);
    const { remotePort } = socket;
    socket.destroy();
    return remotePort;
  },
  stop: () => manager.stop(),
  leave: () => manager.leave(),
  deregister: () => manager.deregister(),
};
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line);
  try {
    tell({ done: (await commands[name](args)) ?? null });
  } catch (error) {
    tell({ failed: error.code, retryAfter: error.retryAfter, message: error.message, approval: error.approval });
  }
}
follower?.stop();
for (const events of held) await events.return();
client.close();
