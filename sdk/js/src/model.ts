/** A way from the target to the source. */
export type Strategy = "tunnel" | "relay" | "direct";

/** Where a source is reached directly. Go there with {@link Direct} only, which looks at where it leads. */
export interface DirectHost {
  host: string;
  port: number;
}

/** How an instance is reached. */
export interface Transport {
  strategies: Strategy[];
  preferred?: Strategy;
  direct?: DirectHost;
}

/** A ticket in the inbox of its target. Its id is a secret for as long as it lives. */
export interface InboxTicket {
  id: string;
  scope: string;
  instanceId: string;
  source: string;
  expiresAt: string;
  transport: Transport;
}

/** A ticket that was asked for. */
export interface IssuedTicket {
  id: string;
  scope: string;
  instanceId: string;
  source: string;
  target: string;
  expiresAt: string;
}

/** A request for a ticket that people approve. */
export interface Approval {
  /** What it is called. It is no secret. */
  id: string;
  /**
   * `waiting` for people; `approved`: ask again, and there is a ticket; `used`; `rejected`: a person said no; `expired`: not
   * enough people said yes in time; `lapsed`: nobody asked again in time; `ended`: what it stood on is no more.
   */
  state: "waiting" | "approved" | "used" | "rejected" | "expired" | "lapsed" | "ended";
  scope: string;
  instanceId: string;
  target: string;
  /** How many people have to say yes. */
  people: number;
  /** How many did. */
  approved: number;
  createdAt: string;
  /** Until when it waits for people; once approved, for whoever asked. */
  expiresAt: string;
  /** Why a person said no, or what it stood on that is no more. */
  reason: string | null;
}

/** What asking for a ticket comes to. */
export type Asked =
  /** There is one; its target has it. */
  | { ticket: IssuedTicket; waiting?: undefined }
  /** People have to approve it first. Asking again is the same request. */
  | { ticket?: undefined; waiting: Approval };

/** What a redeemed ticket admits to. */
export interface Redeemed {
  scope: string;
  instanceId: string;
  source: string;
  target: string;
  transport: Transport;
}

/** A session, as the host tells of it. */
export interface Session {
  sessionId: string;
  scope: string;
  instanceId: string;
  source: string;
  target: string;
  createdAt: string;
  lastActivityAt: string;
  status: "active" | "grace" | "dead";
  /** Why it is over, if it is: `admin_killed`, `source_revoked`, `idle`, … */
  reason?: string;
}

/** What the host says of a session when a party asks. */
export interface Standing {
  alive: boolean;
  reason: string | null;
  /** SHA-256, in hex, of the certificates that the other party can show. Whoever comes with another is not that party. */
  peerCertificates: string[];
  session: Session;
}

/** What the host says to the heartbeat of a session. */
export type Beat = { authorized: true } | { authorized: false; reason: string | undefined };

/** Which party of a session. */
export type Role = "source" | "target";
