// Says what select2's boxes are for to those who listen; it leaves that out. Boxes are
// made at any time, so each is named when it appears.
"use strict";

window.addEventListener("DOMContentLoaded", () => {
  const name = () => {
    const unnamed = ".select2-search__field:not([aria-label])";
    for (const field of document.querySelectorAll(unnamed)) {
      const box = field.closest(".select2-container");
      const select = box && box.previousElementSibling;
      const label =
        select && select.id && document.querySelector(`label[for="${select.id}"]`);
      field.setAttribute("aria-label", label ? label.textContent.trim() : "Search");
    }
    const open = '[role="combobox"][aria-owns]:not([aria-controls])';
    for (const box of document.querySelectorAll(open)) {
      box.setAttribute("aria-controls", box.getAttribute("aria-owns"));
    }
  };
  name();
  new MutationObserver(name).observe(document.body, {
    attributeFilter: ["aria-owns"],
    childList: true,
    subtree: true,
  });
});
