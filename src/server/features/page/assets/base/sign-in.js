// Signing in and registering: one form that can be either.

import { call } from "../base/api.js";
import { alertLine } from "../base/alert.js";
import { button, fill, h, newId, once } from "../base/dom.js";
import * as session from "../base/session.js";
import { openSheet } from "../base/sheet.js";
import { words } from "../base/words.js";

/** @typedef {"open" | "closed" | "code"} Signup Who may make an account of a role, as the page is told. */

/** @param {"client" | "operation"} role @returns {Signup} */
function signup(role) {
  const told = document.getElementById("screen")?.dataset ?? {};
  const rule = role === "client" ? told.clientSignup : told.operationSignup;
  return rule === "open" || rule === "code" ? rule : "closed";
}

/** Whether anybody may make an account here, if only with a code. */
export const mayRegister = () => signup("client") !== "closed" || signup("operation") !== "closed";

/**
 * The form. When it has done its work, [`session.changes`] tells.
 * @param {{ register?: boolean, heading?: boolean }} [options]
 */
export function signInForm({ register = false, heading = true } = {}) {
  const card = h("div", { class: "sign-in" });
  register &&= mayRegister();
  const show = () =>
    fill(
      card,
      heading && h("h1", {}, register ? words.register : words.signIn),
      register ? registration() : signIn(),
      other(),
    );
  const other = () =>
    !mayRegister()
      ? h("p", { class: "quiet" }, words.byInvitation)
      : h(
          "p",
          { class: "quiet" },
          register ? words.haveAccount : words.noAccount,
          " ",
          button(
            { class: "bare inline" },
            () => {
              register = !register;
              show();
              card.querySelector("input")?.focus();
            },
            register ? words.signIn : words.register,
          ),
        );
  show();
  return card;
}

/** Lets somebody sign in without leaving what is on the page. @returns {Promise<boolean>} whether they did */
export function signInSheet(title = words.signIn) {
  return new Promise((resolve) => {
    const dialog = openSheet(title, signInForm({ heading: false }));
    const done = () => {
      if (session.current()) dialog.close();
    };
    session.changes.addEventListener("change", done);
    dialog.addEventListener("close", () => {
      session.changes.removeEventListener("change", done);
      resolve(session.current() !== null);
    });
    dialog.querySelector("input")?.focus();
  });
}

function signIn() {
  const username = field(words.username, {
    name: "username",
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const password = field(words.password, { name: "password", type: "password", autocomplete: "current-password" });
  return form(words.signIn, [username, password], () => enter(username.input.value, password.input.value));
}

function registration() {
  const username = field(words.username, {
    name: "username",
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const email = field(words.email, { name: "email", type: "email", autocomplete: "email" });
  const password = field(
    words.password,
    { name: "password", type: "password", autocomplete: "new-password", minlength: 8 },
    words.passwordRule,
  );
  const code = field(words.signupCode, { name: "code", autocomplete: "off" }, words.signupCodeHint, false);
  const both = signup("client") !== "closed" && signup("operation") !== "closed";
  const uploads = h("input", { type: "checkbox", name: "operation", checked: signup("client") === "closed" });
  const role = { element: h("label", { class: "check" }, uploads, h("span", {}, words.wantsToUpload)), input: uploads };
  role.element.hidden = !both;
  const showCode = () => (code.element.hidden = signup(uploads.checked ? "operation" : "client") !== "code");
  uploads.addEventListener("change", showCode);
  showCode();
  return form(words.register, [username, email, password, role, code], async () => {
    const account = { username: username.input.value, email: email.input.value, password: password.input.value };
    const more = { is_operation_user: uploads.checked || undefined, signup_code: code.input.value || undefined };
    await call("POST", "register", { json: { ...account, ...more } });
    await enter(account.username, account.password);
  });
}

/** @param {string} username @param {string} password */
async function enter(username, password) {
  const { access_token: token, expires_in: life } = await call("POST", "login", { json: { username, password } });
  const me = await call("GET", "me", { headers: { Authorization: `Bearer ${token}` } });
  session.begin({ token, username: me.username, role: me.role, ends: Date.now() + life * 1000 });
}

/**
 * @param {string} label
 * @param {import("../base/dom.js").Attributes} attributes
 */
function field(label, attributes, hint = "", required = true) {
  const id = newId();
  const hintId = hint ? newId() : null;
  const input = h("input", { id, required, type: "text", "aria-describedby": hintId, ...attributes });
  const below = hintId && h("p", { class: "small quiet", id: hintId }, hint);
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), input, below), input };
}

/**
 * @param {string} verb
 * @param {{ element: HTMLElement, input: HTMLInputElement }[]} fields
 * @param {() => Promise<void>} act
 */
function form(verb, fields, act) {
  const alert = alertLine();
  const go = h("button", { type: "submit", class: "wide-button" }, verb);
  const element = h(
    "form",
    { class: "stack", "aria-label": verb },
    ...fields.map((one) => one.element),
    alert.element,
    go,
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    alert.clear();
    void once(go, () => act().catch(alert.show));
  });
  return element;
}
