/** What this device is called in the list of devices: the kind of device and the browser, nothing that identifies it further. */
export function deviceLabel(): string {
  const agent = navigator.userAgent;
  const device = ["iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux"].find((each) => agent.includes(each)) ?? "Browser";
  const browser = [["Edg/", "Edge"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]].find(([mark]) => agent.includes(mark ?? ""))?.[1];
  return [device === "Macintosh" ? "Mac" : device, browser].filter(Boolean).join(", ");
}
