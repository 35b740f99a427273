/** What a colour means here. `stat` is urgency or danger, `clock` a running clock, `kept` a promise kept, `action` mine to do. */
export type Tone = "muted" | "plain" | "action" | "clock" | "kept" | "stat";
