// Tells what saving the entered settings and mappings would do to the purchases that
// wait: asked a moment after each change, and only once something was changed.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const panel = document.getElementById("effect");
  const form = document.getElementById("tenant_form");
  if (!panel || !form) {
    return;
  }
  let timer = null;
  let asked = 0;
  const ask = async () => {
    asked += 1;
    const mine = asked;
    try {
      const answer = await fetch(panel.dataset.effectUrl, {
        method: "POST",
        body: form.enteredSettings(),
        redirect: "error",
      });
      if (answer.ok && mine === asked) {
        // From our server, which has escaped it.
        panel.innerHTML = (await answer.json()).html;
        panel.hidden = false;
      }
    } catch (error) {
      // The server is away for a moment; the next change asks again.
    }
  };
  const later = (event) => {
    if (/^(transactions|mappings)-/.test(event.target.name || "")) {
      clearTimeout(timer);
      timer = setTimeout(ask, 600);
    }
  };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
});
