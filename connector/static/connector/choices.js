// Searchable selects: what is chosen above decides what there is to choose from. Where
// nobody can say what CMiC has, a code can be typed and is marked unchecked.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const $ = window.django && window.django.jQuery;
  if (!$ || !$.fn.select2) {
    return;
  }
  const settings = (name) => document.getElementById(`id_transactions-0-${name}`);
  const row = (field) => document.getElementById(`mapping-${field}`);
  const input = (field, name) => {
    const found = row(field);
    return found && found.querySelector(`[name$="-${name}"]`);
  };
  const codeOf = (field) => {
    const source = input(field, "source");
    const isStatic = !source || source.value === "static";
    const chosen = input(field, isStatic ? "static_value" : "default_value");
    return chosen ? chosen.value : "";
  };
  const valueOf = (element) => (element ? element.value : "");
  const saved = document.querySelector("[data-company]");
  const above = () => ({
    company: settings("company_code")
      ? settings("company_code").value
      : saved
        ? saved.dataset.company
        : "",
    source: valueOf(settings("source_uuid")),
    type: valueOf(input("type_code", "static_value")),
    first: codeOf("job_dept_eqp"),
    second: codeOf("cost_code_account_category"),
  });

  // What each input hangs on: when that changes, its only choice may be another one.
  const hangsOn = {
    source_uuid: [],
    company_code: [],
    vendor_code: ["company_code"],
    document_type_uuid: ["source_uuid"],
    group_code: ["company_code"],
    job_dept_eqp: ["company_code", "type_code"],
    cost_code_account_category: ["type_code", "job_dept_eqp"],
    cost_type_tran_code: [
      "type_code",
      "job_dept_eqp",
      "cost_code_account_category",
    ],
  };

  const shown = (choice) => {
    const data = choice.element ? choice.element.dataset : choice;
    const code = data.code || choice.text;
    const line = document.createElement("span");
    line.className = "connector-option";
    const strong = document.createElement("strong");
    strong.textContent = code;
    line.append(strong);
    if (data.name) {
      const name = document.createElement("span");
      name.className = "connector-name";
      name.textContent = data.name;
      line.append(" ", name);
    }
    if (data.mark) {
      const mark = document.createElement("span");
      mark.className = "connector-mark";
      mark.textContent = data.mark;
      line.append(" ", mark);
    }
    return $(line);
  };

  const ask = (select, term, page) => {
    const query = new URLSearchParams({ ...above(), term, page });
    return fetch(`${select.dataset.choices}?${query}`, {
      headers: { Accept: "application/json" },
      redirect: "error",
    }).then((answer) => {
      if (!answer.ok) {
        throw new Error(answer.status);
      }
      return answer.json();
    });
  };

  const fetched = (select) => (request, succeed, fail) => {
    let isWanted = true;
    const { term, page } = request.data;
    ask(select, term, page)
      .then((found) => {
        if (!isWanted) {
          return;
        }
        select.hint = found.hint;
        const typed = term.trim();
        const isThere = found.results.some((one) => one.code === typed);
        if (found.free && typed && !isThere && page === 1) {
          found.results.unshift({
            id: typed,
            text: typed,
            code: typed,
            name: "",
            mark: found.free,
          });
        }
        succeed(found);
      })
      .catch(fail);
    return {
      abort: () => {
        isWanted = false;
      },
    };
  };

  const put = (select, choice) => {
    const option = new Option(choice.text, choice.id, true, true);
    option.dataset.code = choice.code || choice.text;
    option.dataset.name = choice.name || "";
    option.dataset.mark = choice.mark || "";
    select.append(option);
    $(select).trigger("change");
  };

  const isHidden = (select) => {
    const half = select.closest("[data-source]");
    return half !== null && half.hidden;
  };

  const fillOnly = async (select) => {
    if (!select.dataset.choices || !select.dataset.only || select.value) {
      return;
    }
    if (isHidden(select)) {
      return;
    }
    try {
      const found = await ask(select, "", 1);
      const active = found.results.filter((one) => !one.disabled);
      if (active.length === 1 && !found.pagination.more && !select.value) {
        put(select, active[0]);
      }
    } catch (error) {
      // Choosing by hand says what is wrong.
    }
  };

  const enliven = (select) => {
    const isFetched = Boolean(select.dataset.choices);
    const free = select.dataset.free ?? (isFetched ? "" : "unchecked");
    $(select).select2({
      theme: "admin-autocomplete",
      width: "100%",
      allowClear: true,
      placeholder: select.dataset.placeholder || "Choose",
      dropdownCssClass: "connector-dropdown",
      templateResult: (choice) => (choice.loading ? choice.text : shown(choice)),
      templateSelection: (choice) => (choice.id ? shown(choice) : choice.text),
      language: {
        noResults: () => select.hint || "Nothing found.",
        errorLoading: () => "The list could not be fetched. Try again.",
      },
      ...(isFetched
        ? {
            ajax: {
              delay: 150,
              data: (params) => ({
                term: params.term || "",
                page: params.page || 1,
              }),
              transport: fetched(select),
            },
          }
        : {
            tags: Boolean(free),
            createTag: (params) => {
              const typed = (params.term || "").trim();
              return typed
                ? { id: typed, text: typed, code: typed, name: "", mark: free }
                : null;
            },
          }),
    });
    // Only jQuery hears select2; everything else on the page listens to the browser.
    $(select).on("select2:select", (event) => {
      const option = select.options[select.selectedIndex];
      const choice = event.params.data;
      if (option && option.dataset.code === undefined) {
        option.dataset.code = choice.code || choice.text;
        option.dataset.name = choice.name || "";
        option.dataset.mark = choice.mark || "";
      }
    });
    $(select).on("change", () => {
      select.dispatchEvent(new Event("input", { bubbles: true }));
    });
    $(select).on("select2:open", () => {
      const field = document.querySelector(
        ".select2-container--open .select2-search__field",
      );
      if (field) {
        const label = document.querySelector(`label[for="${select.id}"]`);
        field.setAttribute("aria-label", label ? label.textContent.trim() : "Search");
        field.focus();
      }
    });
    fillOnly(select);
  };

  const selects = [...document.querySelectorAll("select.connector-choice")];
  selects.forEach(enliven);

  document.addEventListener("input", (event) => {
    const changed =
      event.target.dataset.name ||
      (event.target.closest("[data-field]") || { dataset: {} }).dataset.field;
    if (!changed) {
      return;
    }
    selects
      .filter((select) => (hangsOn[select.dataset.name] || []).includes(changed))
      .forEach(fillOnly);
  });
  document.addEventListener("connector:shown", (event) => {
    event.target.querySelectorAll("select.connector-choice").forEach(fillOnly);
  });
});
