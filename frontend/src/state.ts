// What is looked at, and how: all of it is in the link.

export const PAGE_NAMES = ["run", "runs"] as const;
export type PageName = (typeof PAGE_NAMES)[number];

export interface State {
	page: PageName;
	run: number;
	step: number;
	scale: "log" | "linear";
	mode: "without" | "only";
	frequencies: number[];
	neurons: number[];
	measure: string; // drawn beside loss and accuracy; none if empty
	across: string; // path of the swept axis from left to right; the first if empty
	along: string; // and of that from bottom to top
	rule: string; // by which runs have phases
	by: string; // path of the axis whose levels have survival curves
	cell: string; // the place of the sweep whose runs are listed
	from: number; // the first of many runs that is listed
	example: number; // the training example whose answers are told
	layout: "pca" | "t-sne"; // how hidden units are laid out in the plane
}

export const START: State = {
	page: "run",
	run: 0,
	step: Number.MAX_SAFE_INTEGER, // the last there is
	scale: "log",
	mode: "without",
	frequencies: [],
	neurons: [],
	measure: "",
	across: "",
	along: "",
	rule: "",
	by: "",
	cell: "",
	from: 0,
	example: 0,
	layout: "pca",
};

/** Names of things that the bundle holds: what a bundle does not know is as if none was given. */
const NAMES = ["measure", "across", "along", "rule", "by", "cell"] as const;

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
	const names = NAMES.map((name) => [name, (given.get(name) ?? start[name]).slice(0, 200)]);
	return {
		page: page ?? start.page,
		run: whole("run", start.run),
		step: whole("step", start.step),
		scale: given.get("scale") === "linear" ? "linear" : "log",
		mode: given.get("mode") === "only" ? "only" : "without",
		frequencies: wholes("frequencies"),
		neurons: wholes("neurons"),
		from: whole("from", start.from),
		example: whole("example", start.example),
		layout: given.get("layout") === "t-sne" ? "t-sne" : "pca",
		...(Object.fromEntries(names) as Pick<State, (typeof NAMES)[number]>),
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
	if (state.layout !== "pca") parts.push(`layout=${state.layout}`);
	if (state.example) parts.push(`example=${state.example}`);
	if (state.from) parts.push(`from=${state.from}`);
	for (const name of NAMES) {
		if (state[name]) parts.push(`${name}=${encodeURIComponent(state[name])}`);
	}
	return parts.join("&");
}

/** The same list with `one` in it if it was not, and without it if it was. */
export function toggled(list: number[], one: number): number[] {
	return list.includes(one) ? list.filter((n) => n !== one) : [...list, one].sort((a, b) => a - b);
}
