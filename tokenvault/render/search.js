"use strict";
// Shows, of everything that can be searched, what holds each word that is typed. The page is whole without it.
(() => {
  const field = document.querySelector("[data-search]");
  const items = [...document.querySelectorAll("[data-find]")];
  if (!field || !items.length) return;
  const said = document.querySelector("[data-found]");
  const texts = items.map((item) => item.textContent.toLowerCase());
  const search = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    items.forEach((item, n) => {
      const fits = words.every((word) => texts[n].includes(word));
      item.hidden = !fits;
      found += fits ? 1 : 0;
    });
    said.textContent = words.length ? `${found} of ${items.length}` : "";
  };
  field.closest("[hidden]").hidden = false;
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { field.value = ""; search(); }
  });
  search();
  // A link into something folded unfolds it, whatever the browser does by itself.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const folded = target && target.closest("details");
    if (!folded) return;
    folded.hidden = false;
    folded.open = true;
    folded.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
