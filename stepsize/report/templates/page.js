"use strict";
const status = document.getElementById("status");
async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  }
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  const code = document.querySelector("#" + button.dataset.copy + " code");
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copy(code.textContent, code);
    button.textContent = status.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
