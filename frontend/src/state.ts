// What is looked at, and how: all of it is in the link.

import { ACTIVATIONS } from "./activations.ts";

export const PAGE_NAMES = ["run", "runs", "story", "hand", "train"] as const;
export type PageName = (typeof PAGE_NAMES)[number];

/** What a neuron that is built by hand can do. */
export const CONSTRUCTIONS = ["identity", "absolute", "relu", "square"] as const;
export type Construction = (typeof CONSTRUCTIONS)[number];

/** Something that is chosen: what it is at the start, and what a text in the link says of it. */
interface Field<T> {
	start: T;
	read: (text: string) => T | undefined; // nothing where it is garbled
}

function whole(start: number): Field<number> {
	return { start, read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined) };
}

function wholes(): Field<number[]> {
	const each = (text: string) => text.split(",").filter((part) => /^\d{1,9}$/.test(part));
	return { start: [], read: (text) => each(text).map(Number) };
}

function oneOf<T extends string>(start: T, all: readonly T[]): Field<T> {
	return { start, read: (text) => all.find((one) => one === text) };
}

function words(start: string, allowed: RegExp): Field<string> {
	return { start, read: (text) => (allowed.test(text) ? text : undefined) };
}

/** Something that the bundle holds: a name that it does not know is as if none was given. */
function named(): Field<string> {
	return { start: "", read: (text) => text.slice(0, 200) };
}

const FIELDS = {
	run: whole(0),
	step: whole(Number.MAX_SAFE_INTEGER), // the last there is
	page: oneOf<PageName>("run", PAGE_NAMES),
	scale: oneOf<"log" | "linear">("log", ["log", "linear"]),
	mode: oneOf<"without" | "only">("without", ["without", "only"]),
	frequencies: wholes(), // that are taken out, or alone are left
	neurons: wholes(),
	heads: wholes(),
	activation: oneOf("", ACTIVATIONS), // in the place of the network's own; none if empty
	rounded: oneOf<"" | "yes">("", ["yes"]), // to the ideal construction
	a: whole(1), // the pair that is looked at
	b: whole(2),
	p: whole(0), // the modulus by hand; 0 for the run's own
	frequency: whole(0), // of the circle by hand; 0 for the run's first
	built: whole(5), // neurons that are built by hand
	rotation: whole(0), // of them, in degrees
	construction: oneOf<Construction>("relu", CONSTRUCTIONS), // of what kind they are
	training: words("addition", /^[\w:.,-]{1,200}$/), // see `training/settings.ts`
	part: whole(0), // of the story
	measure: named(), // drawn beside loss and accuracy; none if empty
	across: named(), // path of the swept axis from left to right; the first if empty
	along: named(), // and of that from bottom to top
	rule: named(), // by which runs have phases
	by: named(), // path of the axis whose levels have survival curves
	cell: named(), // the place of the sweep whose runs are listed
	from: whole(0), // the first of many runs that is listed
	example: whole(0), // the training example whose answers are told
	layout: oneOf<"pca" | "t-sne">("pca", ["pca", "t-sne"]), // of hidden units in the plane
};

type Fields = typeof FIELDS;
export type State = { [name in keyof Fields]: Fields[name]["start"] };

const NAMES = Object.keys(FIELDS) as (keyof State)[];
export const START = Object.fromEntries(NAMES.map((name) => [name, FIELDS[name].start])) as State;

/** The state that a link's fragment describes; what it leaves out or garbles is as at the start. */
export function parseState(fragment: string, start: State = START): State {
	const given = new URLSearchParams(fragment.replace(/^#/, ""));
	const read = (name: keyof State) => {
		const text = given.get(name);
		return (text === null ? undefined : FIELDS[name].read(text)) ?? start[name];
	};
	return Object.fromEntries(NAMES.map((name) => [name, read(name)])) as State;
}

/** The fragment that describes a state. */
export function formatState(state: State): string {
	const said = NAMES.filter((name) => name === "run" || `${state[name]}` !== `${START[name]}`);
	const text = (name: keyof State) =>
		encodeURIComponent(`${state[name]}`).replaceAll("%2C", ",").replaceAll("%3A", ":");
	return said.map((name) => `${name}=${text(name)}`).join("&");
}

/** The same list with `one` in it if it was not, and without it if it was. */
export function toggled(list: number[], one: number): number[] {
	return list.includes(one) ? list.filter((n) => n !== one) : [...list, one].sort((a, b) => a - b);
}
