// Answers appear sentence by sentence; without this file the form sends the same question and the page comes whole.
"use strict";
const form = document.getElementById("ask");
const place = document.getElementById("answer");
const lately = document.getElementById("lately");

function waiting(text) {
  const article = document.createElement("article");
  article.className = "answer";
  const inside = document.createElement("div");
  inside.className = "text";
  const paragraph = document.createElement("p");
  paragraph.className = "waiting";
  paragraph.textContent = text;
  inside.append(paragraph);
  article.append(inside);
  place.replaceChildren(article);
  return paragraph;
}

async function read(response, paragraph) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let rest = "";
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
      if (said.piece !== undefined) {
        if (paragraph.className) { paragraph.className = ""; paragraph.textContent = ""; }
        paragraph.append(said.piece);
      }
      if (said.html !== undefined) place.innerHTML = said.html;
      if (said.error !== undefined) { paragraph.className = "notice"; paragraph.textContent = said.error.message; }
    }
  }
}

if (form && place && window.ReadableStream) {
  let stop = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (stop) stop.abort();
    const mine = (stop = new AbortController());
    if (lately) lately.hidden = true;
    const paragraph = waiting("Reading the documents (Escape stops) ");
    place.setAttribute("aria-busy", "true");
    try {
      const response = await fetch("/ask-stream", { method: "POST", body: new URLSearchParams(new FormData(form)), signal: mine.signal });
      if (response.headers.get("content-type").startsWith("text/event-stream")) await read(response, paragraph);
      else { paragraph.className = "notice"; paragraph.textContent = (await response.json()).error.message; }
    } catch (error) {
      if (stop !== mine) return;
      paragraph.className = "notice";
      paragraph.textContent = error.name === "AbortError" ? "Stopped." : "The connection broke: " + error.message;
    } finally {
      if (stop === mine) { place.removeAttribute("aria-busy"); stop = null; }
    }
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && stop) stop.abort(); });
}

// a mark that is pointed at, or has the focus, shows which source it means
for (const [name, on] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
  document.addEventListener(name, (event) => {
    const mark = event.target.closest && event.target.closest("a.mark");
    const source = mark && document.getElementById(mark.hash.slice(1));
    if (source) source.classList.toggle("shown", on);
  });
}
