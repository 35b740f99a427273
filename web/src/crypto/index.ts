/** Protocol `wardline/1`: no DOM, no network, no storage. */
export * from "./bodies";
export * from "./directory";
export * from "./encoding";
export * from "./epochs";
export * from "./errors";
export * from "./hpke";
export * from "./images";
export * from "./keys";
export * from "./links";
export * from "./messages";
export * from "./profiles";
export * from "./promises";
export * from "./receipts";
export * from "./recovery";
export * from "./statements";
export * from "./wraps";
