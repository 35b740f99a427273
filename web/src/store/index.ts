export * from "./local";
export type * from "./rows";
