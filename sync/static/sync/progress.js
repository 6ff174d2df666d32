// Keeps the panel of an active run up to date: asks every two seconds, not while the
// tab is hidden, and stops when the run has ended.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-progress]");
  if (!panel) {
    return;
  }
  const spoken = document.querySelector("[data-progress-announcement]");
  const pause = 2000;
  let timer = null;

  const ask = async () => {
    timer = null;
    try {
      const answer = await fetch(panel.dataset.progress, {
        headers: { Accept: "application/json" },
        redirect: "error",
      });
      if (answer.ok) {
        const run = await answer.json();
        panel.innerHTML = run.html;
        // Only what is new: a reader is not to be told the same every two seconds.
        if (spoken && run.announcement && spoken.textContent !== run.announcement) {
          spoken.textContent = run.announcement;
        }
        if (!run.is_active) {
          if ("reload" in panel.dataset) {
            // What it found is more than the panel shows.
            location.reload();
            return;
          }
          panel.removeAttribute("data-progress");
          // What has ended cannot be stopped.
          for (const link of document.querySelectorAll('a[href$="/stop/"]')) {
            link.hidden = true;
          }
          panel.dispatchEvent(new Event("connector:ended", { bubbles: true }));
          document.removeEventListener("visibilitychange", wait);
          return;
        }
      } else if (answer.status < 500) {
        // Logged out, or no longer allowed: the next page load says so.
        return;
      }
    } catch (error) {
      // The server is away for a moment; the next question tells.
    }
    wait();
  };

  const wait = () => {
    if (document.hidden) {
      clearTimeout(timer);
      timer = null;
    } else if (timer === null) {
      timer = setTimeout(ask, pause);
    }
  };

  document.addEventListener("visibilitychange", wait);
  wait();
});
