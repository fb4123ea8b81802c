// Answers appear sentence by sentence; without this file the form sends the same question and the page comes whole.
"use strict";
const form = document.getElementById("ask");
const place = document.getElementById("answer");

async function read(response) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let rest = "";
  let text = place.querySelector(".text p");
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (!data) continue;
      const said = JSON.parse(data);
      if (said.piece !== undefined) text.append(said.piece);
      if (said.html !== undefined) place.innerHTML = said.html;
      if (said.error !== undefined) text.textContent = said.error.message;
    }
  }
}

if (form && place && window.ReadableStream) {
  let stop = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (stop) stop.abort();
    stop = new AbortController();
    place.replaceChildren();
    const text = document.createElement("div");
    text.className = "text";
    text.append(document.createElement("p"));
    place.append(text);
    place.setAttribute("aria-busy", "true");
    try {
      const response = await fetch("/ask-stream", { method: "POST", body: new URLSearchParams(new FormData(form)), signal: stop.signal });
      if (response.headers.get("content-type").startsWith("text/event-stream")) await read(response);
      else text.firstChild.textContent = (await response.json()).error.message;
    } catch (error) {
      if (error.name !== "AbortError") text.firstChild.textContent = "The connection broke: " + error.message;
    } finally {
      place.removeAttribute("aria-busy");
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && stop) stop.abort();
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); document.getElementById("q").focus(); }
  });
}
