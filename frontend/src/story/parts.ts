// What there is to tell of a run, as far as it got, and what is to be looked at while it is told.

import { type Bundle, isMissing, type Kept, type Moment, type Run, row } from "../bundle.ts";
import { keys } from "../groups.ts";
import { canAnswer } from "../evaluate.ts";
import type { PageName, State } from "../state.ts";
import { percent, times, whole } from "../words.ts";

export type View = "curves" | "weights" | "spectrum" | "waves" | "circle" | "left";

export interface Part {
	title: string;
	text: string;
	view: View;
	state: Pick<State, "step" | "mode" | "frequencies" | "neurons">;
	pages?: [PageName, string][]; // to go on from here
	runs?: number[]; // that got further
}

const MOST = 5; // other runs that are named
const LAST = Number.MAX_SAFE_INTEGER;

/** The story of one run; each part only if the run has been seen to get there. */
export function partsOf(bundle: Bundle, at: number): Part[] {
	const run = bundle.runs[at]!;
	const { steps } = run.moments;
	const { memorized, generalized } = steps;
	const parts = [beginning(run)];
	if (memorized !== undefined && generalized !== undefined) {
		parts.push(byHeart(bundle, at));
		if (generalized !== null) parts.push(...understanding(bundle, at, generalized));
		else if (memorized !== null) parts.push(unfinished(bundle, at, "generalized"));
	} else {
		const text =
			"The accuracy of this run was not recorded, so that nobody can say when it knew what. Train with record=fr.CURVES to have it told.";
		parts.push(part("It was not watched", text, "curves", LAST));
	}
	return [...parts, ...inside(run), farewell(run)];
}

function part(
	title: string,
	text: string,
	view: View,
	step: number,
	cut: Partial<State> = {},
): Part {
	const state = { step, mode: "without" as const, frequencies: [], neurons: [], ...cut };
	return { title, text, view, state };
}

function beginning({ moments, kept }: Run): Part {
	const { task } = moments;
	const view = isMissing(kept) ? "curves" : "weights";
	if (task.kind === "addition") {
		const shown =
			isMissing(kept) || isMissing(kept.forward)
				? "some of the sums"
				: `${whole([...kept.forward.trained.data].filter(Boolean).length)} of all ${whole(kept.forward.labels.data.length)} sums`;
		return part(
			"Sums on a clock",
			`This network is to add modulo ${task.p}, which is adding on a clock of ${task.p} hours: ${task.p - 1} and 2 make 1. ` +
				`It is shown ${shown}, over and over, and is asked the others only so that we see what it knows. ` +
				"At step 0 its weights are noise.",
			view,
			0,
		);
	}
	if (task.kind === "parity") {
		return part(
			"Which bits matter?",
			`This network reads strings of ${task.n} bits. The answer depends on the first ${task.k} alone, on how many of ` +
				"them are ones: whether that is odd. Nobody tells it so. At step 0 its weights are noise.",
			view,
			0,
		);
	}
	return part(
		"A network in training",
		"This network is shown some questions with their answers, over and over, and is asked others only so that we see " +
			"what it knows. At step 0 its weights are noise.",
		view,
		0,
	);
}

function byHeart(bundle: Bundle, at: number): Part {
	const { steps, threshold } = bundle.runs[at]!.moments;
	const { memorized, generalized } = steps;
	if (memorized === null || memorized === undefined) return unfinished(bundle, at, "memorized");
	const known = accuracyAt(bundle, at, "test", memorized);
	const both = generalized !== null && generalized !== undefined && generalized <= memorized;
	return part(
		both ? "It learns" : "It learns by heart",
		`At step ${whole(memorized)} it knows ${percent(threshold)} of what it is shown` +
			(both
				? `, and no less of what it is not shown, of which it knew as much at step ${whole(generalized)}. Nothing came late here.`
				: `. Of what it is not shown it knows ${known}. It has memorised: each answer by itself, like a list of telephone numbers.`),
		"curves",
		memorized,
	);
}

/** From memorising to understanding, by the steps that the measures found. */
function understanding(bundle: Bundle, at: number, generalized: number): Part[] {
	const { kept, moments } = bundle.runs[at]!;
	const { steps, threshold } = moments;
	const { memorized, circuit_formation: formed, cleanup } = steps;
	const late = typeof memorized === "number" && memorized < generalized;
	const parts: Part[] = [];
	if (late && typeof formed === "number" && typeof cleanup === "number") {
		parts.push(
			part(
				"Nothing seems to happen",
				`At step ${whole(formed)} its loss on what it is not shown is the largest there ever is: it is sure, and wrong. ` +
					"Many would stop the training now, and believe that this is all that it can learn.",
				"curves",
				formed,
			),
			forming(kept, cleanup),
			part(
				"It cleans up",
				"A long list needs large weights, and weight decay charges for every weight by its size. What all answers have in " +
					`common is cheaper to know. So after step ${whole(cleanup)} the list fades while the rule grows, and the loss falls.`,
				viewOf(kept, "waves"),
				Math.round(Math.sqrt(Math.max(1, cleanup) * generalized)),
			),
		);
	}
	const delay = late
		? `, ${whole(generalized - memorized)} steps after it knew what it is shown. Such late and sudden understanding is called grokking.`
		: ".";
	const text = `At step ${whole(generalized)} it knows ${percent(threshold)} of what it was never shown${delay}`;
	return [...parts, part("It understands", text, "curves", generalized)];
}

function forming(kept: Run["kept"], cleanup: number): Part {
	const until = `Until step ${whole(cleanup)} that loss stays nearly as large. `;
	const view = viewOf(kept, "spectrum");
	const inside: Partial<Record<View, string>> = {
		spectrum:
			"Look inside instead. The bars say how much of the weights is a wave of each frequency; in networks that are " +
			"going to understand, some begin to stand out.",
		weights:
			"Look inside instead. In networks that are going to understand, some inputs begin to be listened to more than others.",
		curves: "What happens inside meanwhile would be seen in the weights, which are not here.",
	};
	return part("A circuit forms", until + inside[view], view, cleanup);
}

/** A view of the weights, as far as there are any and they have frequencies. */
function viewOf(kept: Run["kept"], view: View): View {
	if (isMissing(kept)) return "curves";
	return kept.frequency ? view : "weights";
}

function unfinished(bundle: Bundle, at: number, moment: Moment): Part {
	const { seen, threshold } = bundle.runs[at]!.moments;
	const side = moment === "memorized" ? "train" : "test";
	const known = accuracyAt(bundle, at, side, seen);
	const others = bundle.runs.filter(({ moments }) => typeof moments.steps[moment] === "number");
	const found = part(
		moment === "memorized" ? "It has not learned its examples" : "It has not understood",
		`This run was watched until step ${whole(seen)}. By then it knew ${known} of what it is ` +
			`${side === "train" ? "" : "not "}shown, and never the ${percent(threshold)} that count as knowing. Whether it would have ` +
			"later, nobody can tell from this run." +
			(others.length ? " These got there:" : " No run in this page did."),
		"curves",
		seen,
	);
	return { ...found, runs: others.slice(0, MOST).map(({ run }) => run) };
}

/** What can be seen in the last weights, and what is left without parts of them. */
function inside({ kept, moments }: Run): Part[] {
	if (isMissing(kept)) return [part("What is inside?", kept.why, "curves", LAST)];
	if (!kept.frequency) return [bits(moments.task)];
	const found = keys(kept);
	const last = [...row(kept.frequency, (kept.steps.shape[0] ?? 1) - 1)];
	const waves = last.filter(Boolean).length;
	const [first] = found;
	if (first === undefined) {
		const text =
			`Each line is one neuron: how much it listens to 0, to 1, to 2 and so on. At the last step none of the ${last.length} is ` +
			"a wave of one frequency. This network, if it knows anything, knows it some other way.";
		return [part("Noise", text, "waves", LAST)];
	}
	const told = [
		part(
			"Waves",
			`Each line is one neuron: how much it listens to 0, to 1, to 2 and so on. At the last step ${waves} of ${last.length} are ` +
				`waves of one frequency: ${listed(found)}. A wave of frequency ${first} goes up and down ${times(first)} ` +
				"from the first number to the last.",
			"waves",
			LAST,
		),
		part(
			"The circle",
			`Neurons of one frequency differ in where their waves begin. Together they give each number a place, and for frequency ${first} ` +
				"the places are a circle. On a circle one adds by turning, as the hand of a clock does, and never comes to an end.",
			"circle",
			LAST,
		),
	];
	told[1]!.pages = [["hand", "add by hand"]];
	return [...told, ...apart(kept, found)];
}

function bits(task: Run["moments"]["task"]): Part {
	const which =
		task.kind === "parity"
			? `Inputs 0 to ${task.k - 1} are the bits that matter; all others distract. How strongly do the neurons listen to either?`
			: "These are the weights from every input to every neuron.";
	return part("What it listens to", which, "weights", LAST);
}

/** The proof, if the page can ask the network. */
function apart(kept: Kept, found: number[]): Part[] {
	if (isMissing(kept.forward) || !canAnswer(kept.forward)) return [];
	const [first] = found as [number];
	const text =
		`Is that how it adds, or does it only look so? Take frequency ${first} out of all its weights, leave everything else ` +
		"as it is, and ask it all questions again.";
	const parts = [part("Take it apart", text, "left", LAST, { frequencies: [first] })];
	const only =
		`Now the other way round: only ${found.length === 1 ? "that frequency stays" : `the frequencies ${listed(found)} stay`}, and whatever ` +
		"else there is in its input weights goes. What it still knows, it knows by these waves.";
	parts.push(part("Nothing but waves", only, "left", LAST, { mode: "only", frequencies: found }));
	parts[0]!.pages = [["run", "take out something else"]];
	return parts;
}

function farewell({ kept }: Run): Part {
	const text = isMissing(kept)
		? "Keep the weights of your next run while it trains, and the story has an inside."
		: "That is one network. Take this one apart yourself, add with a clock and a pizza, or train another one here.";
	const pages: [PageName, string][] = [
		["run", "this run"],
		["hand", "by hand"],
		["train", "train here"],
	];
	return { ...part("Your turn", text, isMissing(kept) ? "curves" : "waves", LAST), pages };
}

function listed(numbers: number[]): string {
	if (numbers.length < 2) return numbers.join();
	return `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;
}

/** An accuracy in words, by the last record not after a step. */
function accuracyAt(bundle: Bundle, at: number, side: "train" | "test", step: number): string {
	const curve = bundle.curves[`${side}_accuracy`];
	if (!curve) return "an unknown part";
	let found: number | undefined;
	const values = row(curve, at);
	for (let i = 0; i < values.length && bundle.steps.data[i]! <= step; i++) {
		if (!Number.isNaN(values[i])) found = values[i];
	}
	return found === undefined ? "an unknown part" : percent(found);
}
