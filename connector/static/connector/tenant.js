// A tenant's page: the half of a mapping row that counts, how many errors are behind
// each tab, the way to what is missing, and what the unsaved inputs would do, in words.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  // Unfold moves tabs into this menu and does not give them all back; without it the
  // tabs stay, and wrap where the page is narrow.
  const menu = document.getElementById("tabs-dropdown");
  if (menu) {
    menu.parentElement.remove();
  }

  const form = document.getElementById("tenant_form");
  if (!form) {
    return;
  }

  const showHalf = (row) => {
    const source = row.querySelector('[name$="-source"]');
    if (!source) {
      return;
    }
    row.querySelectorAll("[data-source]").forEach((half) => {
      const wasHidden = half.hidden;
      half.hidden = half.dataset.source !== source.value;
      if (wasHidden && !half.hidden) {
        half.dispatchEvent(new Event("connector:shown", { bubbles: true }));
      }
    });
  };
  document.querySelectorAll("[data-field]").forEach((row) => {
    showHalf(row);
    row.addEventListener("input", (event) => {
      if (event.target.name && event.target.name.endsWith("-source")) {
        showHalf(row);
      }
    });
  });

  const groups = ["transactions", "mappings"];
  const isIn = (name) => (element) => {
    const group = groups.find((one) => element.closest(`#${one}-group`));
    return (group || "general") === name;
  };
  ["general", ...groups].forEach((name) => {
    const tab = document.querySelector(`#tabs-items a[href$="#${name}"]`);
    const found = [...form.querySelectorAll(".errors")].filter(isIn(name));
    if (tab && found.length) {
      const count = document.createElement("span");
      count.className = "connector-error-count";
      count.textContent = found.length;
      count.title = found.length === 1 ? "1 error" : `${found.length} errors`;
      tab.append(count);
    }
  });

  const focus = (id) => {
    const target = document.getElementById(id);
    if (!target) {
      return;
    }
    target.scrollIntoView({ block: "center" });
    const within = target.matches("select, input")
      ? target
      : [...target.querySelectorAll("select, input:not([type=hidden])")].find(
          (one) => !one.closest("[hidden]") && one.id && !one.id.endsWith("-source"),
        );
    if (within && within.classList.contains("select2-hidden-accessible")) {
      within.nextElementSibling.querySelector(".select2-selection").focus();
    } else if (within) {
      within.focus();
    }
  };
  document.querySelectorAll("[data-target]").forEach((link) => {
    // After the tab is shown.
    link.addEventListener("click", () => setTimeout(focus, 50, link.dataset.target));
  });

  const words = document.querySelector("[data-words-url]");
  if (!words) {
    return;
  }
  const entered = () => {
    const data = new FormData();
    for (const [name, value] of new FormData(form)) {
      if (/^(transactions|mappings)-|^csrfmiddlewaretoken$/.test(name)) {
        data.append(name, value);
      }
    }
    return data;
  };
  form.enteredSettings = entered;

  const fill = (element, sentences, tag) => {
    element.replaceChildren(
      ...sentences.map((sentence) => {
        const line = document.createElement(tag);
        line.textContent = sentence;
        return line;
      }),
    );
  };

  let asked = 0;
  const tell = async () => {
    asked += 1;
    const mine = asked;
    try {
      const answer = await fetch(words.dataset.wordsUrl, {
        method: "POST",
        body: entered(),
        redirect: "error",
      });
      if (!answer.ok || mine !== asked) {
        return;
      }
      const changed = await answer.json();
      for (const [field, row] of Object.entries(changed.rows)) {
        const line = document.querySelector(`[data-words="${field}"]`);
        if (line) {
          // From our server, which has escaped it.
          line.innerHTML = row.html;
          line.className = `connector-words connector-words-${row.tone}`;
        }
      }
      const warning = document.getElementById("type-change");
      if (warning) {
        fill(warning, changed.warnings, "li");
        warning.hidden = changed.warnings.length === 0;
      }
      if (changed.settings) {
        document
          .querySelectorAll('[data-words="settings"]')
          .forEach((element) => fill(element, changed.settings, "p"));
      }
    } catch (error) {
      // The server is away for a moment; the next change asks again.
    }
  };
  // New codes: the sentences follow them at once, the marks when the page is opened
  // anew. That is left to the person, who may be in the middle of choosing.
  document.addEventListener("connector:ended", (event) => {
    tell();
    const line = document.createElement("p");
    const link = document.createElement("a");
    link.className = "text-link";
    link.href = window.location.pathname;
    link.textContent = "Open this page anew";
    line.append(link, " to see every value checked against them; save first.");
    event.target.append(line);
  });

  let timer = null;
  const later = (event) => {
    if (/^(transactions|mappings)-/.test(event.target.name || "")) {
      clearTimeout(timer);
      timer = setTimeout(tell, 200);
    }
  };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
});
