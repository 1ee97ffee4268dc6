// What is looked at, and how: all of it is in the link.

export const PAGE_NAMES = ["run", "story", "hand", "train"] as const;
export type PageName = (typeof PAGE_NAMES)[number];

export interface State {
	page: PageName;
	run: number;
	step: number;
	scale: "log" | "linear";
	mode: "without" | "only";
	frequencies: number[];
	neurons: number[];
	pair: [number, number]; // that is added by hand
	p: number; // the modulus by hand; 0 for the run's own
	frequency: number; // of the circle by hand; 0 for the run's first
	built: number; // neurons that are built by hand
	rotation: number; // of them, in degrees
	activation: Activation;
	training: string; // see `training/settings.ts`
	part: number; // of the story
}

/** What a neuron that is built by hand can do. */
export const ACTIVATION_NAMES = ["identity", "absolute", "relu", "square"] as const;
export type Activation = (typeof ACTIVATION_NAMES)[number];

export const START: State = {
	page: "run",
	run: 0,
	step: Number.MAX_SAFE_INTEGER, // the last there is
	scale: "log",
	mode: "without",
	frequencies: [],
	neurons: [],
	pair: [5, 12],
	p: 0,
	frequency: 0,
	built: 5,
	rotation: 0,
	activation: "relu",
	training: "addition",
	part: 0,
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
	const activation = ACTIVATION_NAMES.find((name) => name === given.get("activation"));
	const training = given.get("training") ?? "";
	const [a, b] = wholes("pair");
	return {
		page: page ?? start.page,
		run: whole("run", start.run),
		step: whole("step", start.step),
		scale: given.get("scale") === "linear" ? "linear" : "log",
		mode: given.get("mode") === "only" ? "only" : "without",
		frequencies: wholes("frequencies"),
		neurons: wholes("neurons"),
		pair: a === undefined || b === undefined ? start.pair : [a, b],
		p: whole("p", start.p),
		frequency: whole("frequency", start.frequency),
		built: whole("built", start.built),
		rotation: whole("rotation", start.rotation),
		activation: activation ?? start.activation,
		training: /^[\w:.,-]{1,200}$/.test(training) ? training : start.training,
		part: whole("part", start.part),
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
	const plain = ["p", "frequency", "built", "rotation", "activation", "training", "part"] as const;
	for (const name of plain) {
		if (state[name] !== START[name]) parts.push(`${name}=${state[name]}`);
	}
	if (`${state.pair}` !== `${START.pair}`) parts.push(`pair=${state.pair}`);
	return parts.join("&");
}

/** The same list with `one` in it if it was not, and without it if it was. */
export function toggled(list: number[], one: number): number[] {
	return list.includes(one) ? list.filter((n) => n !== one) : [...list, one].sort((a, b) => a - b);
}
