// What pages need beyond htmx: telling errors of partial updates, keeping a session fresh, signing out.
"use strict";

const REFRESHED_AT = "callmine.session-refreshed-at";
const AT_MOST_EVERY_MS = 15000;

function tell(title, detail) {
  const notice = document.createElement("div");
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  const strong = document.createElement("strong");
  strong.textContent = title;
  const text = document.createElement("p");
  text.textContent = detail;
  notice.append(strong, text);
  document.getElementById("notices").replaceChildren(notice);
}

document.addEventListener("htmx:responseError", (event) => {
  const answer = event.detail.xhr;
  if (answer.status === 401) {
    location.reload();
    return;
  }
  let problem = {};
  try {
    problem = JSON.parse(answer.responseText);
  } catch {
    // Not problem+json: the words below do.
  }
  tell(problem.title || "That did not work", problem.detail || "Try again in a moment.");
});

document.addEventListener("htmx:sendError", () => {
  tell("No connection", "The page could not be updated. It goes on by itself when the connection is back.");
});

// Clerk's script, where it is configured, renews the short-lived session cookie. A page that was refused because the
// cookie had just run out is loaded again once it is fresh.
async function keepSession() {
  const clerk = window.Clerk;
  if (!clerk) return;
  await clerk.load();
  if (!clerk.session || !document.querySelector("[data-needs-session]")) return;
  const last = Number(sessionStorage.getItem(REFRESHED_AT) || 0);
  if (Date.now() - last < AT_MOST_EVERY_MS) return;
  sessionStorage.setItem(REFRESHED_AT, String(Date.now()));
  await clerk.session.getToken({ skipCache: true });
  location.reload();
}

window.addEventListener("load", keepSession);

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-sign-out]");
  if (!link || !window.Clerk || !window.Clerk.session) return;
  event.preventDefault();
  window.Clerk.signOut({ redirectUrl: "/" });
});
