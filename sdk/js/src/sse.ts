import { TicketError } from "./errors.js";
import type { Approval, InboxTicket, Session } from "./model.js";

/** One thing that the host tells by itself. */
export type HostEvent =
  /** The whole inbox, as it is now. */
  | { type: "inbox"; tickets: InboxTicket[] }
  /** One session, as it is now. */
  | { type: "session"; session: Session }
  /** One request of ours that people approve, as it is now. */
  | { type: "approval"; approval: Approval }
  /** All that is was told. A session that was not is over. */
  | { type: "ready" }
  /** There is no more, and why: `certificate_revoked`, `agent_revoked`, `host_stopping`, … */
  | { type: "end"; reason: string };

const MAX_EVENT = 8 * 1024 * 1024;

/** Reads server-sent events, however they are cut. Pure: text in, events out. */
export class EventParser {
  #rest = "";

  read(text: string): HostEvent[] {
    this.#rest += text;
    const events: HostEvent[] = [];
    for (let end = this.#rest.indexOf("\n\n"); end >= 0; end = this.#rest.indexOf("\n\n")) {
      const event = parse(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end + 2);
      if (event) events.push(event);
    }
    if (this.#rest.length > MAX_EVENT) throw new TicketError("unexpected-answer", "an event is too large");
    return events;
  }
}

function parse(text: string): HostEvent | undefined {
  const field = (name: string): string =>
    text
      .split("\n")
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ""))
      .join("\n");
  const type = field("event");
  if (type !== "inbox" && type !== "session" && type !== "approval" && type !== "ready" && type !== "end") return undefined;
  try {
    const data = JSON.parse(field("data"));
    switch (type) {
      case "inbox":
        return { type, tickets: data.tickets };
      case "session":
        return { type, session: data };
      case "approval":
        return { type, approval: data };
      case "ready":
        return { type };
      case "end":
        return { type, reason: String(data.reason) };
    }
  } catch (cause) {
    throw new TicketError("unexpected-answer", "an event is not understood", { cause });
  }
}
