"use strict";
// Pages work without this script; it adds keys, moves to what is missing, and keeps two
// recordings from sounding at once.
(() => {
  const problems = document.getElementById("problems");
  if (problems) problems.focus();

  const players = [...document.querySelectorAll("audio")];
  for (const player of players) {
    player.addEventListener("play", () => {
      for (const other of players) if (other !== player) other.pause();
    });
  }

  const form = document.getElementById("ballot");
  const box = document.getElementById("shortcuts");
  if (!form || !box) return;
  const remembered = "equivoice-shortcuts";
  try {
    box.checked = localStorage.getItem(remembered) !== "off";
  } catch { /* a browser that remembers nothing */ }
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(remembered, box.checked ? "on" : "off");
    } catch { /* as above */ }
  });

  form.addEventListener("submit", () => {
    const button = form.querySelector("button[type=submit]");
    setTimeout(() => { button.disabled = true; }, 0);
  });
  window.addEventListener("pageshow", () => {
    form.querySelector("button[type=submit]").disabled = false;
  });

  const asked = () => {
    const focused = document.activeElement && document.activeElement.closest("fieldset");
    const sets = [...form.querySelectorAll("fieldset")];
    return focused || sets.find((set) => !set.querySelector(":checked")) || sets[0];
  };

  const play = () => {
    const player = players.find((each) => !each.paused) || players[0];
    if (!player) return;
    if (player.paused) player.play(); else player.pause();
  };

  document.addEventListener("keydown", (event) => {
    if (!box.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target instanceof HTMLTextAreaElement) return;
    if (event.key === "p" || event.key === "P") { play(); event.preventDefault(); return; }
    if (!/^[0-9]$/.test(event.key)) return;
    const set = asked();
    if (!set) return;
    const inputs = [...set.querySelectorAll("input")];
    const scale = set.classList.contains("scale");
    const wanted = scale
      ? inputs.find((input) => input.value === event.key)
      : inputs[Number(event.key) - 1];
    if (!wanted) return;
    wanted.focus();
    if (wanted.type === "checkbox") wanted.checked = !wanted.checked; else wanted.checked = true;
    wanted.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
    if (wanted.type !== "checkbox") {
      const sets = [...form.querySelectorAll("fieldset")];
      const next = sets.slice(sets.indexOf(set) + 1).find((each) => !each.querySelector(":checked"));
      if (next) next.querySelector("input").focus();
      else form.querySelector("button[type=submit]").focus();
    }
  });
})();
