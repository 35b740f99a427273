/** Web Push of this device. A push has no content: it says "look", and how urgently. */
import { unb64u } from "../crypto";
import { type Api, ApiError } from "./api";

/** Asks the person; call it from a tap. Throws `ApiError` `push.denied` or `push.unsupported`. */
export async function enablePush(api: Api): Promise<void> {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) throw new ApiError(0, { code: "push.unsupported", detail: "" });
  if ((await Notification.requestPermission()) !== "granted") throw new ApiError(0, { code: "push.denied", detail: "" });
  const { key } = await api.get<{ key: string }>("/push-subscriptions/key");
  const registration = await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: unb64u(key) });
  const { endpoint, keys } = subscription.toJSON();
  await api.post("/push-subscriptions", { endpoint, keys });
}
