"use strict";
(async () => {
  const { specs, datasets } = JSON.parse(document.getElementById("charts").textContent);
  const options = { renderer: "svg", actions: false, tooltip: { disableDefaultStyle: true, theme: "page" } };
  for (const box of document.querySelectorAll("[data-chart]")) {
    const spec = { ...specs[box.dataset.chart], datasets };
    if (box.dataset.row) spec.params = [{ name: "row", value: Number(box.dataset.row) }];
    try {
      await vegaEmbed(box, spec, options);
    } catch (error) {
      box.textContent = "This picture could not be drawn: " + error.message;
      box.className = "failed";
    }
  }
})();
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
}
