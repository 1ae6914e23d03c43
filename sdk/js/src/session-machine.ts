import { backoff } from "./backoff.js";
import type { TicketError } from "./errors.js";
import type { Beat, InboxTicket, Session } from "./model.js";

/** How admission is. */
export type SessionState =
  /** There is no session; a ticket is waited for. */
  | { status: "waiting" }
  /** There is one, and the host says that it holds. */
  | { status: "authorized"; session: Session }
  /** There was one, and the host does not answer. */
  | { status: "grace"; session: Session }
  /** It is over, and why: the host's word, or none where it was given up after the host did not answer for long. */
  | { status: "terminated"; session: Session; reason: string | undefined }
  /** Nobody waits any more. */
  | { status: "stopped" };

/** Something for the host, where it can be reached. */
export type Say = { session: string; status: "active" | "grace" };

/** A ticket with less left is not worth the try. */
const LEFT = 5_000;
/** Heartbeats without an answer after which a session is given up. */
const LOST = 5;
const TRIED = 256;

/**
 * How a session is got, held and lost. Pure: times, in milliseconds, and chance are given.
 *
 * `waiting` → `authorized` by a ticket; `authorized` → `grace` by a heartbeat without an answer, and back by one with;
 * `terminated` by a no, by the host's own word, or by five heartbeats without an answer; then `waiting` again.
 */
export class SessionMachine {
  state: SessionState = { status: "waiting" };
  readonly #scope: string;
  readonly #every: number;
  #due: number;
  #failures = 0;
  readonly #tried = new Set<string>();
  readonly #told = new Set<string>();

  constructor(scope: string, every: number, now: number) {
    this.#scope = scope;
    this.#every = every;
    this.#due = now;
  }

  /** The session, where there is one. */
  get session(): Session | undefined {
    return this.state.status === "authorized" || this.state.status === "grace" ? this.state.session : undefined;
  }

  /** The ticket to redeem: ours, with time left, the one that lives longest, and none twice. */
  choose(inbox: InboxTicket[], now: number): InboxTicket | undefined {
    if (this.state.status !== "waiting") return undefined;
    const ends = (one: InboxTicket): number => Date.parse(one.expiresAt);
    const good = inbox.filter((one) => this.#ours(one.scope) && ends(one) - now >= LEFT && !this.#tried.has(one.id));
    const chosen = good.sort((a, b) => ends(b) - ends(a))[0];
    if (chosen) {
      if (this.#tried.size >= TRIED) this.#tried.clear();
      this.#tried.add(chosen.id);
    }
    return chosen;
  }

  /** A session was opened, or found again after a restart. */
  opened(session: Session, now: number): void {
    if (this.state.status !== "waiting") return;
    this.#failures = 0;
    this.#due = now + this.#every;
    this.state = { status: "authorized", session };
  }

  /** Which of our sessions to go on with, after a restart. */
  resumable(own: Session[]): Session | undefined {
    const ours = own.filter((one) => this.#ours(one.scope) && one.status !== "dead");
    return ours.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt))[0];
  }

  /** When the next heartbeat is due, of which session. */
  beat(): { due: number; session: string } | undefined {
    return this.session && { due: this.#due, session: this.session.sessionId };
  }

  /** What came of a heartbeat. */
  beaten(told: Beat | TicketError, now: number, random: number): Say | undefined {
    const { session } = this;
    if (!session) return undefined;
    if (told instanceof Error) {
      this.#failures += 1;
      this.#due = now + Math.min(backoff(1_000, 60_000, this.#failures, random), this.#every);
      if (this.#failures >= LOST) {
        this.state = { status: "terminated", session, reason: undefined };
        return undefined;
      }
      this.state = { status: "grace", session };
      return this.#failures === 1 ? { session: session.sessionId, status: "grace" } : undefined;
    }
    if (!told.authorized) {
      this.state = { status: "terminated", session, reason: told.reason };
      return undefined;
    }
    const lost = this.state.status === "grace";
    this.#failures = 0;
    this.#due = now + this.#every;
    if (!lost) return undefined;
    this.state = { status: "authorized", session };
    return { session: session.sessionId, status: "active" };
  }

  /** The host told of a session by itself. */
  told(news: Session): void {
    this.#told.add(news.sessionId);
    if (this.session?.sessionId === news.sessionId && news.status === "dead") {
      this.state = { status: "terminated", session: news, reason: news.reason };
    }
  }

  /** The stream is there (again): all that is comes now. */
  up(): void {
    this.#told.clear();
  }

  /** All that is was told. A session that was not may be over: a heartbeat will say why. */
  ready(now: number): void {
    if (this.session && !this.#told.has(this.session.sessionId)) this.#due = now;
  }

  /** The host ended the stream. */
  ended(reason: string): void {
    const { session } = this;
    if (session && (reason === "certificate_revoked" || reason === "agent_revoked")) {
      this.state = { status: "terminated", session, reason };
    }
  }

  /** After a session that is over comes the next. */
  next(): void {
    if (this.state.status === "terminated") this.state = { status: "waiting" };
  }

  stop(): void {
    this.state = { status: "stopped" };
  }

  #ours(scope: string): boolean {
    return scope === this.#scope || scope.startsWith(`${this.#scope}:`);
  }
}
