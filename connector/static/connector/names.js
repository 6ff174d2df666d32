// Says what select2's boxes are for to those who listen; it leaves that out.
"use strict";

window.addEventListener("load", () => {
  const $ = window.django && window.django.jQuery;
  if (!$) {
    return;
  }
  document.querySelectorAll("select[multiple]").forEach((select) => {
    const box = select.nextElementSibling;
    const field = box && box.querySelector(".select2-search__field");
    const label = select.id && document.querySelector(`label[for="${select.id}"]`);
    if (field) {
      field.setAttribute("aria-label", label ? label.textContent.trim() : "Search");
    }
  });
  $(document).on("select2:open", (event) => {
    const box = event.target.nextElementSibling;
    const opened = box && box.querySelector("[aria-owns]");
    if (opened) {
      opened.setAttribute("aria-controls", opened.getAttribute("aria-owns"));
    }
  });
});
