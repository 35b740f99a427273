/** A part that is loaded when it is first asked for, once; a load that failed, for want of a network, is tried again. */
export function loadedOnce<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | null = null;
  const loaded = () =>
    load().catch((error: unknown) => {
      loading = null;
      throw error;
    });
  return async () => (loading ??= loaded());
}
