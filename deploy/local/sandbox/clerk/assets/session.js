// Keeps the session token of the sandbox's Clerk fresh, as Clerk's own script does for the real one.
(() => {
  "use strict";
  const RENEW_EVERY_MS = 45000;
  const base = new URL(document.currentScript.src).pathname.replace(/\/session\.js$/, "");
  const signIn = () => location.assign(
    `${base}/sign-in?redirect_url=${encodeURIComponent(location.pathname + location.search)}`);

  const isStale = () => {
    const cookie = document.cookie.split("; ").find((part) => part.startsWith("__session="));
    if (!cookie) return true;
    try {
      const claims = cookie.slice("__session=".length).split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
      return JSON.parse(atob(claims)).exp * 1000 <= Date.now();
    } catch {
      return true;
    }
  };

  const renew = async () => {
    const answer = await fetch(`${base}/v1/client/touch`, { method: "POST", credentials: "same-origin" });
    if (answer.status === 401) signIn();
    return answer.ok;
  };

  const renewQuietly = () => renew().catch(() => false);
  setInterval(renewQuietly, RENEW_EVERY_MS);
  document.addEventListener("visibilitychange", async () => {
    if (document.visibilityState === "visible" && isStale() && await renewQuietly()) location.reload();
  });
})();
