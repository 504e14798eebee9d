"""The page that people vote on: one pair at a time, keys or clicks, answers saved as a file."""

STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1100px;padding:0 1rem;color:#3a3632;
background:#faf8f4}
.pair{display:flex;gap:1rem}.pair button{flex:1;padding:0;border:3px solid transparent;background:none;
cursor:pointer}.pair button:hover,.pair button:focus{border-color:#c2703d}img{width:100%;display:block}
.row{margin:1rem 0;display:flex;gap:.7rem;align-items:center}input{font:inherit;padding:.2rem .4rem}"""

SCRIPT = """\
const store = "giornata-votes-" + TOKEN;
const saved = JSON.parse(localStorage.getItem(store) || "{}");
const order = [...Array(COUNT).keys()].map(i => i + 1);
const get = id => document.getElementById(id);
get("person").value = saved.person || "";
const answers = saved.answers || {};
const open = () => order.find(n => !(n in answers));
function show() {
  const n = open(), done = Object.keys(answers).length;
  get("count").textContent = done + " of " + COUNT;
  get("voting").hidden = n === undefined;
  get("ended").hidden = n !== undefined;
  if (n === undefined) return;
  const name = String(n).padStart(3, "0");
  for (const side of ["left", "right"]) get(side).src = "images/" + name + "-" + side + ".png";
}
function keep() {
  localStorage.setItem(store, JSON.stringify({person: get("person").value, answers}));
}
function answer(word) { const n = open(); if (n !== undefined) { answers[n] = word; keep(); show(); } }
function back() {
  const last = order.filter(n => n in answers).pop();
  if (last !== undefined) { delete answers[last]; keep(); show(); }
}
function save() {
  const person = get("person").value.trim();
  if (!person) { get("person").focus(); return; }
  const text = JSON.stringify({token: TOKEN, person, answers}, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "answers-" + person.replace(/[^A-Za-z0-9_-]+/g, "_") + ".json";
  link.click();
}
get("person").addEventListener("input", keep);
document.addEventListener("keydown", event => {
  if (event.target.tagName === "INPUT") return;
  const word = {ArrowLeft: "left", ArrowRight: "right", ArrowDown: "same"}[event.key];
  if (word) { event.preventDefault(); answer(word); }
});
show();"""


def page(token: str, count: int) -> str:
    """The HTML of `count` pairs; `token`, hexadecimal, goes into the answers."""
    constants = f'const TOKEN = "{token}", COUNT = {count};\n'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Which is the better picture?</title><style>{STYLE}</style></head><body>
<h1>Which is the better picture?</h1>
<p>Both were made from the same photograph and in the manner of the same painting. Click the one you would
rather have, or press ← or →; press ↓ when neither is better. Then save your answers and put the file into
this page's folder.</p>
<div class="row"><label>Your name <input id="person" maxlength="80" autocomplete="off"></label>
<span id="count"></span></div>
<div id="voting"><div class="pair">
<button type="button" onclick="answer('left')"><img id="left" alt="left picture"></button>
<button type="button" onclick="answer('right')"><img id="right" alt="right picture"></button></div>
<div class="row"><button type="button" onclick="answer('same')">Neither is better</button>
<button type="button" onclick="back()">Back</button></div></div>
<p id="ended" hidden>That was the last pair. Thank you.</p>
<div class="row"><button type="button" onclick="save()">Save answers</button></div>
<script>{constants}{SCRIPT}</script></body></html>
"""
