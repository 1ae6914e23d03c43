/**
 * How agents of a Waystation host admit each other.
 *
 * An agent that offers something is the *source*: an {@link InstanceManager} keeps its instance at the host, and asks for
 * a ticket when somebody should be let in. The one who comes is the *target*: a {@link SessionManager} redeems tickets as
 * they come, and holds the session for as long as the host says. {@link Client} has each call by itself.
 */
export { isPublic } from "./addresses.js";
export { Client, type ClientOptions } from "./client.js";
export { Direct, type Pinned, type Resolve } from "./direct.js";
export { type ErrorCode, type ErrorDetails, TicketError } from "./errors.js";
export { Follower, type Update } from "./follower.js";
export type { InstanceState } from "./instance-machine.js";
export { InstanceManager, type InstanceOptions } from "./instance-manager.js";
export type {
  Approval,
  Asked,
  Beat,
  DirectHost,
  InboxTicket,
  IssuedTicket,
  Redeemed,
  Role,
  Session,
  Standing,
  Strategy,
  Transport,
} from "./model.js";
export type { SessionState } from "./session-machine.js";
export { SessionManager, type SessionOptions } from "./session-manager.js";
export type { HostEvent } from "./sse.js";
