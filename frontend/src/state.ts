// What is looked at, and how: all of it is in the link.

import { ACTIVATIONS } from "./activations.ts";

export const PAGE_NAMES = ["run"] as const;
export type PageName = (typeof PAGE_NAMES)[number];

export interface State {
	page: PageName;
	run: number;
	step: number;
	scale: "log" | "linear";
	mode: "without" | "only";
	frequencies: number[];
	neurons: number[];
	heads: number[];
	activation: string; // in the place of the network's own; none if empty
	rounded: boolean;
	a: number; // the pair that is looked at
	b: number;
}

export const START: State = {
	page: "run",
	run: 0,
	step: Number.MAX_SAFE_INTEGER, // the last there is
	scale: "log",
	mode: "without",
	frequencies: [],
	neurons: [],
	heads: [],
	activation: "",
	rounded: false,
	a: 1,
	b: 2,
};

/** The state that a link's fragment describes; what it leaves out or garbles is as at the start. */
export function parseState(fragment: string, start: State = START): State {
	const given = new URLSearchParams(fragment.replace(/^#/, ""));
	const whole = (name: string, otherwise: number) => {
		const text = given.get(name);
		return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : otherwise;
	};
	const wholes = (name: string) =>
		(given.get(name) ?? "")
			.split(",")
			.filter((text) => /^\d{1,9}$/.test(text))
			.map(Number);
	const page = PAGE_NAMES.find((name) => name === given.get("page"));
	return {
		page: page ?? start.page,
		run: whole("run", start.run),
		step: whole("step", start.step),
		scale: given.get("scale") === "linear" ? "linear" : "log",
		mode: given.get("mode") === "only" ? "only" : "without",
		frequencies: wholes("frequencies"),
		neurons: wholes("neurons"),
		heads: wholes("heads"),
		activation: ACTIVATIONS.find((name) => name === given.get("activation")) ?? start.activation,
		rounded: given.get("rounded") === "yes",
		a: whole("a", start.a),
		b: whole("b", start.b),
	};
}

/** The fragment that describes a state. */
export function formatState(state: State): string {
	const parts = [`run=${state.run}`, `step=${state.step}`];
	if (state.page !== "run") parts.push(`page=${state.page}`);
	if (state.scale !== "log") parts.push(`scale=${state.scale}`);
	if (state.mode !== "without") parts.push(`mode=${state.mode}`);
	if (state.frequencies.length) parts.push(`frequencies=${state.frequencies.join(",")}`);
	if (state.neurons.length) parts.push(`neurons=${state.neurons.join(",")}`);
	if (state.heads.length) parts.push(`heads=${state.heads.join(",")}`);
	if (state.activation) parts.push(`activation=${state.activation}`);
	if (state.rounded) parts.push("rounded=yes");
	if (state.a !== START.a || state.b !== START.b) parts.push(`a=${state.a}`, `b=${state.b}`);
	return parts.join("&");
}

/** The same list with `one` in it if it was not, and without it if it was. */
export function toggled(list: number[], one: number): number[] {
	return list.includes(one) ? list.filter((n) => n !== one) : [...list, one].sort((a, b) => a - b);
}
