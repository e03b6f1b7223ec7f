/* The form of a schedule: examples fill the rule, the next runs follow what is typed, and a task
   brings the fields of its arguments. Without this script the form is saved all the same. */
"use strict";
(() => {
  const PAUSE_MS = 300;
  const form = document.getElementById("periodictask_form");
  const preview = document.getElementById("schedule-preview");
  const fields = document.getElementById("schedule-arguments");
  const rule = document.getElementById("id_rule");
  const task = document.getElementById("id_task");
  if (!form || !rule) return;

  const WHEN = ["rule", "zone", "start_time_0", "start_time_1", "expires_0", "expires_1", "one_off"];
  const reader = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const asked = new Map();

  /* Puts what the server answers into the element; an answer that comes too late is dropped. */
  async function load(element, query) {
    asked.get(element)?.abort();
    const control = new AbortController();
    asked.set(element, control);
    element.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${element.dataset.url}?${query}`, {
        signal: control.signal, headers: {"X-Requested-With": "XMLHttpRequest"},
      });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const html = await answer.text();
      if (asked.get(element) === control) element.innerHTML = html;
    } catch (error) {
      if (error.name === "AbortError") return false;
      const said = document.createElement("p");
      said.className = "switchyard-problem";
      said.textContent = element.dataset.failed;
      element.replaceChildren(said);
    }
    element.removeAttribute("aria-busy");
    return true;
  }

  function choose(name, value) {
    const button = form.querySelector(`input[name="${name}"][value="${CSS.escape(value)}"]`);
    if (button) button.checked = true;
  }

  let shown = "";
  let timer = 0;
  function state() {
    const values = new FormData(form);
    const query = new URLSearchParams({reader, pk: preview.dataset.pk});
    for (const name of WHEN) if (values.get(name)) query.set(name, values.get(name));
    return query.toString();
  }

  async function showRuns() {
    shown = state();
    if (!await load(preview, shown)) return;
    const kind = preview.firstElementChild?.dataset.kind;
    if (kind) choose("kind", kind);
  }

  function watch() {
    clearTimeout(timer);
    timer = setTimeout(() => { if (state() !== shown) showRuns(); }, PAUSE_MS);
  }

  async function showArguments() {
    const query = new URLSearchParams({task: task.value, pk: preview?.dataset.pk ?? ""});
    if (!await load(fields, query)) return;
    if (task.value && !fields.querySelector("input[name=arguments_of]")) choose("arguments_as", "json");
  }

  form.addEventListener("click", (event) => {
    const example = event.target.closest("button[data-rule]");
    if (!example) return;
    rule.value = example.dataset.rule;
    rule.dispatchEvent(new Event("input", {bubbles: true}));
    rule.focus();
  });
  if (preview) {
    form.addEventListener("input", watch);
    form.addEventListener("change", watch);
    document.addEventListener("click", watch);  // the admin's calendar and clock fill in without an event
    showRuns();
  }
  if (fields && task) task.addEventListener("change", showArguments);
})();
