import type { Approval } from "./model.js";

/** Why something did not work: a stable word for programs. */
export type ErrorCode =
  | "config"
  | "network"
  | "timeout"
  | "invalid"
  | "invalid-ticket"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "too-often"
  | "unavailable"
  | "unexpected-answer"
  | "approval-waiting"
  | "approval-rejected"
  | "approval-expired"
  | "cooling-down"
  | "not-ready"
  | "direct-syntax"
  | "direct-closed"
  | "direct-unknown"
  | "direct-unreachable";

/** What else is known of an error. */
export interface ErrorDetails {
  /** The HTTP status, where the host answered. */
  status?: number;
  /** When to ask again, in milliseconds, where somebody said so. */
  retryAfter?: number;
  /** The request that people have to approve, where it waits for them. */
  approval?: Approval;
  /** What it came from. */
  cause?: unknown;
}

/** Whatever this package throws. `message` is for people and can change; `code` is for programs. */
export class TicketError extends Error {
  readonly code: ErrorCode;
  readonly status: number | undefined;
  readonly retryAfter: number | undefined;
  readonly approval: Approval | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "TicketError";
    this.code = code;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
    this.approval = details.approval;
  }

  /** Whether the same may work a moment later. */
  get transient(): boolean {
    return this.code === "network" || this.code === "timeout" || (this.status ?? 0) >= 500;
  }

  /** Whether it is not known if the host did what it was asked for. */
  get uncertain(): boolean {
    return this.code === "network" || this.code === "timeout" || this.code === "unexpected-answer";
  }
}

/** The word for an HTTP status that is a no. */
export function codeOf(status: number): ErrorCode {
  switch (status) {
    case 400:
    case 413:
    case 415:
      return "invalid";
    case 401:
      return "invalid-ticket";
    case 403:
      return "forbidden";
    case 404:
      return "not-found";
    case 409:
      return "conflict";
    case 429:
      return "too-often";
    default:
      return "unavailable";
  }
}

/** The word for a refusal, where its body says more than its status. */
export function codeOfRefusal(status: number, body: string): { code: ErrorCode; reason?: string } {
  if (status === 403) {
    try {
      const { code, reason } = JSON.parse(body).details ?? {};
      if (code === "approval-rejected" || code === "approval-expired") return { code, reason: String(reason) };
    } catch {
      // It says no more.
    }
  }
  return { code: codeOf(status) };
}

/** Anything that was thrown, as one of ours. */
export function asTicketError(error: unknown): TicketError {
  if (error instanceof TicketError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TicketError("network", `the host was not reached: ${message}`, { cause: error });
}
