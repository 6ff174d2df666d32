// Shows the pages of a purchase's document where the link to them is. Without this, the
// link leads to a page of their own.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const link = document.querySelector("[data-receipts]");
  if (!link) {
    return;
  }
  link.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    const place = link.parentElement;
    place.setAttribute("aria-live", "polite");
    place.textContent = "The receipts are being fetched from PEX …";
    try {
      const answer = await fetch(`${link.href}?part=1`, { redirect: "error" });
      if (answer.ok) {
        const pages = document.createElement("div");
        pages.innerHTML = await answer.text();
        place.replaceWith(pages);
        return;
      }
    } catch (error) {
      // Logged out, or the server is away: the page itself says which.
    }
    location.assign(link.href);
  });
});
