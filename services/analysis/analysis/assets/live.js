// Follows a run on its page by server-sent events, and by asking again and again where those do not come through.
// The server draws; this only changes what differs, so that focus, selection and place on the page stay.
(() => {
  "use strict";

  const BEGINS_WITHIN_MS = 8000; // a proxy that holds events back lets nothing through, not even the first one
  const ASK_EVERY_MS = 2000;
  const TRY_EVENTS_AGAIN_MS = 60000;
  const FAILURES = 4;

  const run = () => document.getElementById("run");
  let source = null;
  let timer = null;
  let failures = 0;
  let heard = "";

  function patch(old, fresh) {
    if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    after.forEach((child, place) => (place < before.length ? patch(before[place], child) : old.append(child)));
    before.slice(after.length).forEach((child) => child.remove());
  }

  function show(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const within = run().contains(document.activeElement);
    patch(run(), template.content.querySelector("#run"));
    // The button that had the focus is gone: the reader goes on here, not at the top of the page.
    if (within && !run().contains(document.activeElement)) run().focus({ preventScroll: true });
  }

  // Once for each stage and quarter: a reader who hears every number hears nothing else.
  function say(state) {
    const worth = `${state.phase} ${Math.floor(state.percent / 25)}`;
    if (worth !== heard) document.getElementById("run-heard").textContent = state.sentence;
    heard = worth;
  }

  function stop() {
    if (source) source.close();
    source = null;
    clearTimeout(timer);
  }

  // What else the page says of the run is as old as the page.
  async function finish() {
    stop();
    const answer = await fetch(location.pathname, { headers: { accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const whole = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [fresh, old] = [whole.getElementById("models"), document.getElementById("models")];
    if (fresh && old) patch(old, fresh);
    else if (fresh) document.getElementById("content").append(fresh);
  }

  function follow() {
    stop();
    if (document.hidden || !run().dataset.events) return;
    source = new EventSource(`${run().dataset.events}?after=${encodeURIComponent(run().dataset.version)}`);
    timer = setTimeout(ask, BEGINS_WITHIN_MS);
    source.addEventListener("begin", () => {
      clearTimeout(timer);
      failures = 0;
    });
    source.addEventListener("run", (event) => {
      const state = JSON.parse(event.data);
      show(state.html);
      say(state);
    });
    source.addEventListener("end", finish);
    source.addEventListener("error", () => {
      failures += 1;
      // Closed: the answer was no stream, and the browser does not try again. Otherwise it does.
      if (source.readyState === EventSource.CLOSED || failures >= FAILURES) ask();
    });
  }

  // Without events: ask for the part, and now and then try again whether events come through.
  function ask(until = Date.now() + TRY_EVENTS_AGAIN_MS) {
    stop();
    if (document.hidden) return;
    timer = setTimeout(async () => {
      const answer = await fetch(location.pathname, { headers: { "hx-request": "true" } }).catch(() => null);
      if (answer && [401, 403, 404].includes(answer.status)) {
        location.reload();
      } else if (answer && answer.ok) {
        show(await answer.text());
        if (!run().dataset.events) finish();
        else if (Date.now() > until) follow();
        else ask(until);
      } else {
        ask(until);
      }
    }, ASK_EVERY_MS);
  }

  // A page that nobody looks at holds no connection; a browser has six for each site where HTTP is 1.1.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : follow()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => event.persisted && follow());
  follow();
})();
