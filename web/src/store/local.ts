/**
 * The store on the device, in IndexedDB.
 *
 * Invariant: nothing in it reads in clear without the person's seed. Messages are the ciphertext as it came; lists that must show at once
 * after unlocking are sealed under a key derived from the seed; the device's keys cannot be exported.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { aesOpen, aesSeal, type Bytes, concat, equal, fromUtf8, hkdf, random, utf8 } from "../crypto";
import type { AccountRow, ConversationRow, DeviceRow, EpochRow, HeadsRow, MessageRow, OutboxRow, StatementRow, UploadRow } from "./rows";

interface Schema extends DBSchema {
  own: { key: string; value: DeviceRow | AccountRow | HeadsRow };
  statements: { key: number; value: StatementRow };
  conversations: { key: string; value: ConversationRow };
  epochs: { key: [string, number]; value: EpochRow };
  messages: { key: [string, number]; value: MessageRow };
  outbox: { key: number; value: OutboxRow };
  uploads: { key: string; value: UploadRow };
  snapshots: { key: string; value: Bytes };
}

type StoreName = "own" | "statements" | "conversations" | "epochs" | "messages" | "outbox" | "uploads" | "snapshots";
const NAMES: readonly StoreName[] = ["own", "statements", "conversations", "epochs", "messages", "outbox", "uploads", "snapshots"];
// In the order of IndexedDB an array comes after every number.
const INFINITE: IDBValidKey = [];

export class LocalStore {
  readonly #db: IDBPDatabase<Schema>;

  private constructor(db: IDBPDatabase<Schema>) {
    this.#db = db;
  }

  static async open(name = "wardline"): Promise<LocalStore> {
    const db = await openDB<Schema>(name, 2, {
      upgrade(db, from, _to, change) {
        if (from === 1) {
          // Their places in the hospitals' logs were not kept; they are public and fetched once more.
          void change.objectStore("statements").clear();
          return;
        }
        db.createObjectStore("own");
        db.createObjectStore("statements", { keyPath: "order" });
        db.createObjectStore("conversations", { keyPath: "id" });
        db.createObjectStore("epochs", { keyPath: ["conversation", "epoch"] });
        db.createObjectStore("messages", { keyPath: ["conversation", "sequence"] });
        db.createObjectStore("outbox", { keyPath: "order", autoIncrement: true });
        db.createObjectStore("uploads", { keyPath: "id" });
        db.createObjectStore("snapshots");
      },
    });
    return new LocalStore(db);
  }

  async device(): Promise<DeviceRow | undefined> {
    return (await this.#db.get("own", "device")) as DeviceRow | undefined;
  }

  async account(): Promise<AccountRow | undefined> {
    return (await this.#db.get("own", "account")) as AccountRow | undefined;
  }

  /** Both at once: a device without its person would be a browser nobody can unlock. */
  async enrol(device: DeviceRow, account: AccountRow): Promise<void> {
    const write = this.#db.transaction("own", "readwrite");
    await Promise.all([write.store.put(device, "device"), write.store.put(account, "account"), write.done]);
  }

  async putAccount(account: AccountRow): Promise<void> {
    await this.#db.put("own", account, "account");
  }

  async putDevice(device: DeviceRow): Promise<void> {
    await this.#db.put("own", device, "device");
  }

  async statements(): Promise<StatementRow[]> {
    return this.#db.getAll("statements");
  }

  async addStatements(rows: readonly StatementRow[]): Promise<void> {
    const write = this.#db.transaction("statements", "readwrite");
    await Promise.all([...rows.map((row) => write.store.put(row)), write.done]);
  }

  /** Not sealed: nothing in it is secret, and what was seen must not be forgotten with a seed. */
  async heads(): Promise<HeadsRow | undefined> {
    return (await this.#db.get("own", "heads")) as HeadsRow | undefined;
  }

  async putHeads(heads: HeadsRow): Promise<void> {
    await this.#db.put("own", heads, "heads");
  }

  async dropStatements(): Promise<void> {
    await this.#db.clear("statements");
  }

  async conversations(): Promise<ConversationRow[]> {
    return this.#db.getAll("conversations");
  }

  async putConversation(row: ConversationRow): Promise<void> {
    await this.#db.put("conversations", row);
  }

  /** Forgets a conversation the person may no longer read: after a handover the night shift keeps nothing. */
  async dropConversation(id: string): Promise<void> {
    const write = this.#db.transaction(["conversations", "epochs", "messages"], "readwrite");
    await Promise.all([
      write.objectStore("conversations").delete(id),
      write.objectStore("epochs").delete(allOf(id)),
      write.objectStore("messages").delete(allOf(id)),
      write.done,
    ]);
  }

  async epoch(conversation: string, epoch: number): Promise<EpochRow | undefined> {
    return this.#db.get("epochs", [conversation, epoch]);
  }

  async putEpoch(row: EpochRow): Promise<void> {
    await this.#db.put("epochs", row);
  }

  async messages(conversation: string): Promise<MessageRow[]> {
    return this.#db.getAll("messages", allOf(conversation));
  }

  /** Those after `sequence`, ascending. */
  async messagesAfter(conversation: string, sequence: number): Promise<MessageRow[]> {
    return this.#db.getAll("messages", IDBKeyRange.bound([conversation, sequence], [conversation, INFINITE], true));
  }

  async message(conversation: string, sequence: number): Promise<MessageRow | undefined> {
    return this.#db.get("messages", [conversation, sequence]);
  }

  /** Messages and how far they reach, in one transaction: a crash between the two would make a gap nobody looks for. */
  async addMessages(rows: readonly MessageRow[], conversation: ConversationRow): Promise<void> {
    const write = this.#db.transaction(["messages", "conversations"], "readwrite");
    const messages = write.objectStore("messages");
    await Promise.all([...rows.map((row) => messages.put(row)), write.objectStore("conversations").put(conversation), write.done]);
  }

  async putMessage(row: MessageRow): Promise<void> {
    await this.#db.put("messages", row);
  }

  async outbox(): Promise<OutboxRow[]> {
    return this.#db.getAll("outbox");
  }

  /** Adds or changes; returns the row with its place in the order. */
  async putOutbox(row: OutboxRow, upload?: UploadRow): Promise<OutboxRow> {
    const write = this.#db.transaction(["outbox", "uploads"], "readwrite");
    const [order] = await Promise.all([
      write.objectStore("outbox").put(row),
      upload && write.objectStore("uploads").put(upload),
      write.done,
    ]);
    return { ...row, order };
  }

  async dropOutbox(row: OutboxRow): Promise<void> {
    const write = this.#db.transaction(["outbox", "uploads"], "readwrite");
    const uploads = row.attachments.map((id) => write.objectStore("uploads").delete(id));
    await Promise.all([row.order !== undefined && write.objectStore("outbox").delete(row.order), ...uploads, write.done]);
  }

  async upload(id: string): Promise<UploadRow | undefined> {
    return this.#db.get("uploads", id);
  }

  async putSnapshot(storeKey: Bytes, name: string, value: unknown): Promise<void> {
    await this.#db.put("snapshots", await sealed(storeKey, name, utf8(JSON.stringify(value))), name);
  }

  /** Undefined if there is none, or it was sealed under another seed. */
  async snapshot<T>(storeKey: Bytes, name: string): Promise<T | undefined> {
    const kept = await this.#db.get("snapshots", name);
    if (!kept) return undefined;
    const plain = await opened(storeKey, name, kept);
    return plain ? (JSON.parse(fromUtf8(plain)) as T) : undefined;
  }

  /**
   * Seals under the present key what is still under a former one; what opens with neither stays. Interrupted, it is begun again: each snapshot
   * is under one of them at every moment.
   */
  async carryOver(former: readonly Bytes[], present: Bytes): Promise<void> {
    if (former.length === 0) return;
    for (const name of await this.#db.getAllKeys("snapshots")) {
      const kept = await this.#db.get("snapshots", name);
      if (kept && !(await opened(present, name, kept))) await this.#carryOver(former, present, name, kept);
    }
  }

  async #carryOver(former: readonly Bytes[], present: Bytes, name: string, kept: Bytes): Promise<void> {
    for (const key of former) {
      const plain = await opened(key, name, kept);
      if (!plain) continue;
      const carried = await sealed(present, name, plain);
      const write = this.#db.transaction("snapshots", "readwrite");
      const now = await write.store.get(name);
      // What was written meanwhile is newer.
      if (now && equal(now, kept)) await write.store.put(carried, name);
      return write.done;
    }
  }

  /** Forgets everything: keys, ciphertext, who it was. Emptied and not deleted: a second tab would hold up a deletion for ever. */
  async wipe(): Promise<void> {
    const write = this.#db.transaction([...NAMES], "readwrite");
    await Promise.all([...NAMES.map((name) => write.objectStore(name).clear()), write.done]);
  }

  close(): void {
    this.#db.close();
  }
}

/** The key of the snapshots, from the person's seed. */
export async function snapshotKey(seed: Bytes): Promise<Bytes> {
  return hkdf(seed, utf8("wardline/1 local store"));
}

async function sealed(storeKey: Bytes, name: string, plain: Bytes): Promise<Bytes> {
  const nonce = random(12);
  return concat(nonce, await aesSeal(storeKey, nonce, plain, utf8(name)));
}

function opened(storeKey: Bytes, name: string, kept: Bytes): Promise<Bytes | null> {
  return aesOpen(storeKey, kept.slice(0, 12), kept.slice(12), utf8(name)).catch(() => null);
}

function allOf(conversation: string): IDBKeyRange {
  return IDBKeyRange.bound([conversation], [conversation, INFINITE]);
}
