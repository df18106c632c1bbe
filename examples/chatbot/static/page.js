"use strict";

const form = document.getElementById("ask");
const field = document.getElementById("messageText");
const button = form.querySelector("button");
const talk = document.getElementById("talk");

// textContent: whatever is said is shown as text, never read as HTML.
function show(who, text) {
  const line = document.createElement("li");
  line.className = who;
  line.textContent = text;
  talk.append(line);
  line.scrollIntoView({ block: "nearest" });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = field.value;
  show("you", message);
  field.value = "";
  button.disabled = true;
  try {
    const reply = await fetch("/ask", { method: "POST", body: new URLSearchParams({ messageText: message }) });
    const { status, answer } = await reply.json();
    show(status === "OK" ? "bot" : "error", answer);
  } catch {
    show("error", "The server does not answer.");
  }
  button.disabled = false;
  field.focus();
});
