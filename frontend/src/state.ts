// What is looked at, and how: all of it is in the link.

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
}

export const START: State = {
	page: "run",
	run: 0,
	step: Number.MAX_SAFE_INTEGER, // the last there is
	scale: "log",
	mode: "without",
	frequencies: [],
	neurons: [],
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
	};
}

/** The fragment that describes a state. */
export function formatState(state: State): string {
	const parts = [`run=${state.run}`];
	if (state.step !== START.step) parts.push(`step=${state.step}`); // the last there is, ever
	if (state.page !== "run") parts.push(`page=${state.page}`);
	if (state.scale !== "log") parts.push(`scale=${state.scale}`);
	if (state.mode !== "without") parts.push(`mode=${state.mode}`);
	if (state.frequencies.length) parts.push(`frequencies=${state.frequencies.join(",")}`);
	if (state.neurons.length) parts.push(`neurons=${state.neurons.join(",")}`);
	return parts.join("&");
}

/** The same list with `one` in it if it was not, and without it if it was. */
export function toggled(list: number[], one: number): number[] {
	return list.includes(one) ? list.filter((n) => n !== one) : [...list, one].sort((a, b) => a - b);
}
