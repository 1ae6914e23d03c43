import { Agent, request } from "node:https";
import type { IncomingMessage } from "node:http";
import { backoff, sleep } from "./backoff.js";
import { asTicketError, codeOfRefusal, TicketError } from "./errors.js";
import type { Approval, Asked, Beat, InboxTicket, IssuedTicket, Redeemed, Role, Session, Standing, Transport } from "./model.js";
import { EventParser, type HostEvent } from "./sse.js";

/** Who talks to which host. */
export interface ClientOptions {
  /** `https://NAME:PORT` */
  url: string;
  /** The agent's certificate, which the host issued, in PEM. */
  cert: string | Buffer;
  /** Its key, in PEM. */
  key: string | Buffer;
  /** The authorities that the host's certificate has to come from, in PEM, and no others. */
  ca: string | Buffer;
}

const CALL = 10_000;
const LONG_CALL = 30_000;
/** The host says something on a stream at least every 15 s. */
const SILENCE = 45_000;
const MAX_ANSWER = 8 * 1024 * 1024;
const TRIES = 3;

interface Call {
  method: string;
  path: string[];
  query?: Record<string, string>;
  body?: unknown;
  within?: number;
  /** Whether it does the same when it is done twice. */
  repeat?: boolean;
}

type Fields = Record<string, unknown>;

/** An agent's connection to its host: mutual TLS, kept open, with time-outs, and retries where they do no harm. */
export class Client {
  readonly #base: URL;
  readonly #agent: Agent;

  constructor(options: ClientOptions) {
    try {
      this.#base = new URL(options.url);
    } catch (cause) {
      throw new TicketError("config", "the address of the host is none", { cause });
    }
    if (this.#base.protocol !== "https:") {
      throw new TicketError("config", "the address of the host begins with https://");
    }
    const { cert, key, ca } = options;
    if (!cert?.length || !key?.length || !ca?.length) {
      throw new TicketError("config", "a client needs a certificate, its key and the authorities of the host, in PEM");
    }
    // The host closes idle connections after a while; ours go before that.
    const kept = { keepAlive: true, timeout: 5_000, maxSockets: 8, scheduling: "lifo" as const };
    this.#agent = new Agent({ ...kept, cert, key, ca, rejectUnauthorized: true, minVersion: "TLSv1.2" });
  }

  /** Closes the connections that are not in use. */
  close(): void {
    this.#agent.destroy();
  }

  /** Offers an instance of a capability; offered already, it is heard of. Its id. */
  async registerInstance(scope: string, transport: Transport): Promise<string> {
    const call = { method: "POST", path: ["instances"], body: { scope, transport }, within: LONG_CALL };
    return text(await this.#call(call), "instanceId");
  }

  /** Keeps an instance alive. `not-found`: it is gone, or the capability is; register it again. */
  async instanceHeartbeat(instance: string): Promise<void> {
    await this.#call({ method: "POST", path: ["instances", instance, "heartbeat"] });
  }

  /** Takes an instance back, with its assignments: an operator has to make them anew. */
  async deregisterInstance(instance: string): Promise<void> {
    await this.#call({ method: "DELETE", path: ["instances", instance] });
  }

  /** Asks for a ticket that admits `target` to an instance of ours. `approval-waiting`: people have to approve it first. */
  async requestTicket(scope: string, instanceId: string, target: string): Promise<IssuedTicket> {
    const { ticket, waiting } = await this.askForTicket(scope, instanceId, target);
    if (ticket) return ticket;
    const message = `people have to approve it: ${waiting.approved} of ${waiting.people} did`;
    throw new TicketError("approval-waiting", message, { approval: waiting });
  }

  /** The same, where that people have to approve it is no error. */
  async askForTicket(scope: string, instanceId: string, target: string): Promise<Asked> {
    const body = { scope, instanceId, target };
    const told = await this.#call({ method: "POST", path: [], body, within: LONG_CALL, repeat: false });
    if (told["ticket"] === undefined && told["details"] !== undefined) {
      return { waiting: object(object(told, "details"), "approval") as unknown as Approval };
    }
    return { ticket: object(told, "ticket") as unknown as IssuedTicket };
  }

  /** How a request of ours stands that people approve; with `wait`, in seconds up to 30, once it waits for them no more. */
  async approval(id: string, wait = 0): Promise<Approval> {
    const seconds = Math.min(Math.max(Math.floor(wait), 0), 30);
    const query: Record<string, string> = seconds > 0 ? { wait: String(seconds) } : {};
    const told = await this.#call({ method: "GET", path: ["approvals", id], query, within: CALL + seconds * 1000 });
    return object(told, "approval") as unknown as Approval;
  }

  /**
   * Waits until people decided on a request of ours, or its time is over, for as long as `within` milliseconds: then it is as
   * it was last. A host that is not reached for a while is asked again.
   */
  async decided(approval: Approval, within: number): Promise<Approval> {
    const end = Date.now() + within;
    let told = approval;
    for (let failures = 0; told.state === "waiting" && Date.now() < end; ) {
      try {
        told = await this.approval(told.id, Math.max(1, (end - Date.now()) / 1000));
        failures = 0;
      } catch (thrown) {
        const error = asTicketError(thrown);
        if (!error.transient && error.code !== "too-often") throw error;
        failures += 1;
        await sleep(Math.min(backoff(1_000, 30_000, failures, Math.random()), Math.max(end - Date.now(), 0)));
      }
    }
    return told;
  }

  /** The tickets that we can redeem; with `wait`, in seconds up to 30, answered once there is one. */
  async inbox(wait = 0): Promise<InboxTicket[]> {
    const seconds = Math.min(Math.max(Math.floor(wait), 0), 30);
    const query: Record<string, string> = seconds > 0 ? { wait: String(seconds) } : {};
    const told = await this.#call({ method: "GET", path: ["inbox"], query, within: CALL + seconds * 1000 });
    return list(told, "tickets") as InboxTicket[];
  }

  /** Redeems a ticket: once. `invalid-ticket`, whatever is wrong with it. */
  async validateTicket(ticketId: string): Promise<Redeemed> {
    const told = await this.#call({ method: "POST", path: ["validate"], body: { ticketId }, repeat: false });
    return told as unknown as Redeemed;
  }

  /** Opens the session of a ticket that we redeemed. */
  async openSession(ticketId: string): Promise<Session> {
    const told = await this.#call({ method: "POST", path: ["sessions"], body: { ticketId }, repeat: false });
    return object(told, "session") as unknown as Session;
  }

  /**
   * Redeems a ticket and opens its session. An answer that was lost on the way loses neither: what the host did is found
   * out.
   */
  async admit(ticket: InboxTicket): Promise<Session> {
    try {
      await this.validateTicket(ticket.id);
    } catch (error) {
      // Whether it was redeemed shows when its session is opened.
      if (!asTicketError(error).uncertain) throw error;
    }
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.openSession(ticket.id);
      } catch (thrown) {
        const error = asTicketError(thrown);
        if (error.uncertain && failures < 2) continue;
        if (error.code === "invalid" && failures === 0) {
          // Not redeemed after all.
          await this.validateTicket(ticket.id);
          return this.openSession(ticket.id);
        }
        if (error.code !== "conflict") throw error;
        const own = await this.ownSessions("target");
        const like = own.filter((one) => one.scope === ticket.scope && one.instanceId === ticket.instanceId);
        const newest = like.sort((a, b) => b.createdAt.localeCompare(a.createdAt))[0];
        if (!newest) throw error;
        return newest;
      }
    }
  }

  /** Says that a session of ours is alive, as its target, and hears whether it is. */
  async sessionHeartbeat(session: string): Promise<Beat> {
    const told = await this.#call({ method: "POST", path: ["sessions", session, "heartbeat"] });
    if (told["authorized"] === true) return { authorized: true };
    const reason = told["cause"] ?? told["reason"];
    return { authorized: false, reason: typeof reason === "string" ? reason : undefined };
  }

  /** Says how a session of ours is. `conflict`: it is over. */
  async markSession(session: string, status: "active" | "grace"): Promise<void> {
    await this.#call({ method: "PATCH", path: ["sessions", session], body: { status } });
  }

  /** Whether a session of ours is alive: as its source too, which should ask before it lets somebody in. */
  async session(session: string): Promise<Standing> {
    const told = await this.#call({ method: "GET", path: ["sessions", session] });
    object(told, "session");
    return told as unknown as Standing;
  }

  /** Our sessions that are not over. */
  async ownSessions(role?: Role): Promise<Session[]> {
    const sessions: Session[] = [];
    for (let after: string | undefined; ; ) {
      const query = { ...(role ? { role } : {}), ...(after ? { after } : {}) };
      const told = await this.#call({ method: "GET", path: ["sessions", "own"], query });
      sessions.push(...(list(told, "sessions") as Session[]));
      if (typeof told["next"] !== "string") return sessions;
      after = told["next"];
    }
  }

  /** What concerns us, as it happens, until the connection ends or `signal` says so. {@link Follower} connects again. */
  async *events(signal?: AbortSignal): AsyncGenerator<HostEvent, void, undefined> {
    const answer = await this.#send({ method: "GET", path: ["inbox", "stream"] }, "text/event-stream", signal);
    const parser = new EventParser();
    answer.setEncoding("utf8");
    answer.setTimeout(SILENCE, () => answer.destroy(new TicketError("timeout", "the host is silent")));
    try {
      for await (const text of answer) yield* parser.read(text as string);
    } catch (error) {
      throw asTicketError(error);
    } finally {
      answer.destroy();
    }
  }

  async #call(call: Call): Promise<Fields> {
    for (let failures = 0; ; ) {
      try {
        return await this.#once(call);
      } catch (thrown) {
        const error = asTicketError(thrown);
        failures += 1;
        if (call.repeat === false || !error.transient || failures >= TRIES) throw error;
        await sleep(backoff(200, 2_000, failures, Math.random()));
      }
    }
  }

  async #once(call: Call): Promise<Fields> {
    const within = call.within ?? CALL;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), within);
    try {
      const body = await whole(await this.#send(call, "application/json", late.signal));
      const told: unknown = JSON.parse(body);
      if (typeof told === "object" && told !== null && !Array.isArray(told)) return told as Fields;
      throw new SyntaxError("it is no object");
    } catch (error) {
      if (late.signal.aborted) throw new TicketError("timeout", "the host did not answer in time", { cause: error });
      if (error instanceof SyntaxError) {
        throw new TicketError("unexpected-answer", `the host's answer is not understood: ${error.message}`);
      }
      throw asTicketError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a call, and hands over the answer if it is a good one. */
  async #send(call: Call, accept: string, signal?: AbortSignal): Promise<IncomingMessage> {
    const path = ["api", "tickets", ...call.path].map(encodeURIComponent).join("/");
    const url = new URL(`${this.#base.pathname.replace(/\/+$/, "")}/${path}`, this.#base);
    for (const [key, value] of Object.entries(call.query ?? {})) url.searchParams.set(key, value);
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const headers: Record<string, string | number> = { accept, "content-length": body?.length ?? 0 };
    if (body) headers["content-type"] = "application/json";
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { method: call.method, agent: this.#agent, headers, ...(signal ? { signal } : {}) };
      const asked = request(url, options, resolve);
      asked.on("error", reject);
      asked.end(body);
    }).catch((error: unknown) => {
      throw asTicketError(error);
    });
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    const seconds = Number(answer.headers["retry-after"]);
    const retryAfter = Number.isFinite(seconds) && seconds > 0 ? { retryAfter: seconds * 1000 } : {};
    const said = await whole(answer).catch(() => "");
    const { code, reason } = codeOfRefusal(status, said);
    const message = refusal(said) || answer.statusMessage || "";
    const sentence = reason === undefined ? `the host refused: ${status} ${message}` : `it was not approved: ${reason}`;
    throw new TicketError(code, sentence, { status, ...retryAfter });
  }
}

async function whole(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of answer) {
    size += (piece as Buffer).length;
    if (size > MAX_ANSWER) {
      answer.destroy();
      throw new TicketError("unexpected-answer", "the host's answer is too large");
    }
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** What a refusal says, with each field that is wrong. */
export function refusal(body: string): string {
  try {
    const { error, details } = JSON.parse(body);
    const issues: { path: (string | number)[]; message: string }[] = details?.issues ?? [];
    return [error, ...issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`)].join("; ");
  } catch {
    return "";
  }
}

function wrong(key: string): TicketError {
  return new TicketError("unexpected-answer", `the host's answer is not understood: it has no \`${key}\``);
}

function text(told: Fields, key: string): string {
  const value = told[key];
  if (typeof value !== "string") throw wrong(key);
  return value;
}

function object(told: Fields, key: string): Fields {
  const value = told[key];
  if (typeof value !== "object" || value === null) throw wrong(key);
  return value as Fields;
}

function list(told: Fields, key: string): unknown[] {
  const value = told[key];
  if (!Array.isArray(value)) throw wrong(key);
  return value;
}
