import { EventEmitter } from "node:events";
import { sleep, unless } from "./backoff.js";
import type { Client } from "./client.js";
import { asTicketError, TicketError } from "./errors.js";
import { Follower, type Update } from "./follower.js";
import type { InboxTicket } from "./model.js";
import { SessionMachine, type Say, type SessionState } from "./session-machine.js";

/** How admission is sought and held. */
export interface SessionOptions {
  /** The capability, such as `shell:connect`, or the scope, such as `shell`, for all that is below. */
  scope: string;
  /** Milliseconds between two heartbeats; a minute. The host ends a session after ten of silence. */
  heartbeat?: number;
  /** Whether a session that was left open is gone on with at the start; yes. */
  resume?: boolean;
}

/** Between two looks at the inbox, where the host does not tell by itself; and after one that failed. */
const POLL = 3_000;
const POLL_AGAIN = 10_000;

/**
 * Redeems tickets as they come and holds the session that they open, until it is stopped. The host tells by itself what
 * happens; where it does not, it is asked. Emits `state` with each {@link SessionState}.
 */
export class SessionManager extends EventEmitter {
  readonly #client: Client;
  readonly #machine: SessionMachine;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #inbox: InboxTicket[] = [];
  #poll = Date.now();
  #up = false;
  #shown: SessionState;
  #wake = new AbortController();
  /** When to look for a session that is open already. */
  #resumeAt: number | undefined;

  constructor(client: Client, options: SessionOptions) {
    super();
    this.#client = client;
    this.#machine = new SessionMachine(options.scope, options.heartbeat ?? 60_000, Date.now());
    this.#shown = this.#machine.state;
    if (options.resume ?? true) this.#resumeAt = this.#poll;
    this.#done = this.#run();
  }

  /** How admission is. */
  get state(): SessionState {
    return this.#machine.state;
  }

  /** Stops. The host hears that the session is in grace; the next start goes on with it. */
  async stop(): Promise<void> {
    const session = this.#machine.session?.sessionId;
    this.#stop.abort();
    this.#wake.abort();
    await this.#done;
    // Nobody is there to hear why not.
    if (session) await this.#client.markSession(session, "grace").catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    // Whoever made it can listen first.
    await sleep(0, signal);
    if (signal.aborted) return this.#end();
    const follower = new Follower(this.#client, (update) => this.#update(update));
    while (!signal.aborted) {
      this.#show();
      this.#machine.next();
      this.#show();
      if (!this.#machine.session && this.#resumeAt !== undefined && this.#resumeAt <= Date.now()) {
        await this.#resume();
        continue;
      }
      const ticket = this.#machine.choose(this.#inbox, Date.now());
      if (ticket) {
        const told = await unless(signal, this.#client.admit(ticket).catch(asTicketError));
        // What goes wrong with one ticket is over with it: the source asks for another. But it may have opened a session.
        if (told instanceof TicketError) {
          if (told.uncertain) this.#resumeAt = Date.now();
        } else if (told) {
          this.#resumeAt = undefined;
          this.#machine.opened(told, Date.now());
        }
        continue;
      }
      const beat = this.#machine.beat();
      const due = beat ? beat.due : this.#up ? Number.POSITIVE_INFINITY : this.#poll;
      const resume = beat ? undefined : this.#resumeAt;
      const left = Math.min((resume === undefined ? due : Math.min(due, resume)) - Date.now(), 60_000);
      if (left > 0) {
        await sleep(left, this.#wake.signal);
        if (this.#wake.signal.aborted) this.#wake = new AbortController();
      } else if (beat) {
        await this.#beat(beat.session);
      } else {
        await this.#look();
      }
    }
    follower.stop();
    await follower.done;
    this.#end();
  }

  #end(): void {
    this.#machine.stop();
    this.#show();
  }

  async #resume(): Promise<void> {
    const own = await unless(this.#stop.signal, this.#client.ownSessions("target").catch(asTicketError));
    if (!own) return;
    if (own instanceof TicketError) {
      this.#resumeAt = own.transient ? Date.now() + POLL : undefined;
      return;
    }
    this.#resumeAt = undefined;
    const session = this.#machine.resumable(own);
    if (!session) return;
    this.#machine.opened(session, Date.now());
    await this.#beat(session.sessionId);
    if (session.status === "grace" && this.#machine.state.status === "authorized") {
      await this.#say({ session: session.sessionId, status: "active" });
    }
  }

  #update(update: Update): void {
    const now = Date.now();
    if (this.#stop.signal.aborted) return;
    if (update.type === "up") {
      this.#up = true;
      this.#machine.up();
    } else if (update.type === "down") {
      if (this.#up) this.#poll = now;
      this.#up = false;
    } else {
      switch (update.event.type) {
        case "inbox":
          this.#inbox = update.event.tickets;
          break;
        case "session":
          this.#machine.told(update.event.session);
          break;
        case "ready":
          this.#machine.ready(now);
          if (this.#resumeAt !== undefined) this.#resumeAt = now;
          break;
        case "end":
          this.#machine.ended(update.event.reason);
          break;
      }
    }
    this.#show();
    this.#wake.abort();
  }

  async #beat(session: string): Promise<void> {
    const told = await unless(this.#stop.signal, this.#client.sessionHeartbeat(session).catch(asTicketError));
    if (!told || this.#machine.session?.sessionId !== session) return;
    const say = this.#machine.beaten(told, Date.now(), Math.random());
    this.#show();
    await this.#say(say);
  }

  async #say(say: Say | undefined): Promise<void> {
    // Where the host does not hear it, the next heartbeat counts.
    if (!say) return;
    await unless(this.#stop.signal, this.#client.markSession(say.session, say.status).catch(() => undefined));
  }

  async #look(): Promise<void> {
    let wait = POLL;
    try {
      this.#inbox = (await unless(this.#stop.signal, this.#client.inbox())) ?? [];
    } catch {
      wait = POLL_AGAIN;
    }
    this.#poll = Date.now() + wait * (1 - Math.random() / 4);
  }

  #show(): void {
    if (this.#shown === this.#machine.state) return;
    this.#shown = this.#machine.state;
    this.emit("state", this.#shown);
  }
}
