"use strict";
// The page shows what /stream tells it: the run's state, its events and its
// figures, each anew when it has changed. EventSource comes back by itself when the
// connection is lost, so the page finds the next run on the same address.

const at = id => document.getElementById(id);
const phone = matchMedia("(max-width: 640px)");
const SILENT = 60; // seconds without a step after which the page says so

let source = null;   // while connected, or connecting
let run = null;      // the state of the run that is shown
let skew = 0;        // the server's clock minus this one's, ms
let retry = 0;

function element(name, className, ...children) {
	const e = document.createElement(name);
	if (className) e.className = className;
	e.append(...children.filter(c => c !== "" && c !== null && c !== undefined));
	return e;
}

function connect() {
	clearTimeout(retry);
	if (source) source.close();
	source = new EventSource("stream?size=" + (phone.matches ? "narrow" : "wide"));
	source.addEventListener("state", e => showState(JSON.parse(e.data)));
	source.addEventListener("events", e => showEvents(JSON.parse(e.data)));
	source.addEventListener("figure", e => showFigure(JSON.parse(e.data)));
	source.addEventListener("open", showStatus);
	source.addEventListener("error", () => {
		showStatus();
		// It gives up where the answer is an error, as a proxy's is.
		if (source.readyState === EventSource.CLOSED) retry = setTimeout(connect, 2000);
	});
}

function showState(state) {
	if (state.edition !== document.documentElement.dataset.edition) {
		location.reload(); // the page of another version
		return;
	}
	if (run && run.id !== state.id) clear();
	run = state;
	skew = state.now - Date.now();
	document.title = state.run + " · gtg";
	at("run").textContent = state.run;
	at("about").textContent = (state.about || []).join(" · ");
	at("facts").replaceChildren(...(state.facts || []).map(([name, value]) =>
		element("div", "", element("dt", "", name), element("dd", "", value))));
	at("firing").replaceChildren(...(state.firing || []).map(f =>
		element("li", f.severity, f.kind, f.param ? " " + f.param : "", element("span", "soft", " since step " + f.since))));
	at("metrics").hidden = !state.metrics;
	at("verdict").hidden = !(state.verdict && state.verdict.length);
	at("findings").replaceChildren(...(state.verdict || []).map(v =>
		element("li", "", element("div", "head", element("span", "soft", v.section), element("span", "kind", v.finding)), element("p", "soft", v.evidence))));
	showStatus();
}

function clear() {
	for (const f of document.querySelectorAll("figure")) f.remove();
	at("events").replaceChildren();
	at("absent").replaceChildren();
	at("empty").hidden = false;
	at("missing").hidden = true;
}

function showEvents(list) {
	at("total").textContent = list.total ? list.total : "";
	at("none").hidden = list.total > 0;
	at("events").replaceChildren(...list.rows.map(e => {
		let when = "step " + e.step;
		if (e.until) when += " to " + e.until;
		if (e.open) when += ", goes on";
		return element("li", "",
			element("div", "head", element("span", "kind " + e.severity, e.kind), element("span", "soft", when), element("span", "soft", e.param || "")),
			element("p", "", e.summary),
			e.advice ? element("p", "soft", e.advice) : "");
	}));
}

function showFigure(f) {
	if (!run || f.id !== run.id) return; // of the run before
	const id = "figure-" + f.at;
	let old = at(id), absent = at("absent-" + f.at);
	if (f.missing) {
		if (old) old.remove();
		if (!absent) {
			absent = element("li");
			absent.id = "absent-" + f.at;
			at("absent").append(absent);
		}
		absent.textContent = f.title + ": " + f.missing;
		at("missing").hidden = false;
		return;
	}
	if (absent) absent.remove();
	at("missing").hidden = !at("absent").childElementCount;
	at("empty").hidden = true;
	if (!old) {
		old = element("figure", "", element("h3", "", f.title), element("div", "drawing"), element("figcaption"));
		old.id = id;
		old.dataset.at = f.at;
		old.dataset.name = f.name;
		const next = [...document.querySelectorAll("figure")].find(o => Number(o.dataset.at) > f.at);
		at("figures").insertBefore(old, next || null);
	}
	old.querySelector(".drawing").innerHTML = f.svg; // the server's own drawing
	old.querySelector("figcaption").textContent = f.caption;
}

function span(seconds) {
	if (seconds < 120) return Math.floor(seconds) + " s";
	if (seconds < 7200) return Math.floor(seconds / 60) + " min";
	return Math.floor(seconds / 3600) + " h";
}

function showStatus() {
	let is = "connecting", text = "connecting";
	const lost = !source || source.readyState !== EventSource.OPEN;
	if (run) {
		const age = Math.max(0, (Date.now() + skew - run.step_at) / 1000);
		is = run.status;
		text = { waiting: "waiting for the first step", running: "running", ended: "ended", stopped: "stopped by gtg" }[is];
		if (is === "running" && age > SILENT) [is, text] = ["silent", "no step for " + span(age)];
		if (lost && (is === "running" || is === "silent" || is === "waiting")) [is, text] = ["lost", "not reachable, last step " + span(age) + " ago"];
	}
	document.body.classList.toggle("stale", lost && is === "lost");
	if (at("status").textContent !== text) at("status").textContent = text;
	at("status").dataset.is = is;
}

setInterval(showStatus, 1000);
phone.addEventListener("change", connect);
// A page that nobody sees does not have pictures drawn.
document.addEventListener("visibilitychange", () => {
	if (document.hidden) {
		clearTimeout(retry);
		if (source) source.close();
		source = null;
	} else if (!source) {
		connect();
	}
});
connect();
