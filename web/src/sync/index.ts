/** What the screens import. */
export { ProtocolError } from "../crypto";
export { ApiError } from "./api";
export type { InvitationLook } from "./enrolment";
export type { Address } from "./office";
export type { ActDetails } from "./requests";
export type { Photo, SendOptions } from "./sending";
export type * from "./types";
export { Wardline } from "./wardline";
