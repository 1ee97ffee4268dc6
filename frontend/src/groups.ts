// Neurons by the frequency that they have in the end.

import { type Kept, row } from "./bundle.ts";
import type { Look } from "./picture.tsx";

export interface Group {
	frequency: number; // 0: none
	neurons: number[];
}

const GROUPS = new WeakMap<Kept, Group[]>();

/** The groups in the order in which neurons are shown; all in one without frequencies. */
export function groups(kept: Kept): Group[] {
	const found = GROUPS.get(kept) ?? grouped(kept);
	GROUPS.set(kept, found);
	return found;
}

function grouped(kept: Kept): Group[] {
	if (!kept.frequency) return [{ frequency: 0, neurons: [...kept.order.data] }];
	const last = row(kept.frequency, (kept.steps.shape[0] ?? 1) - 1);
	const found: Group[] = [];
	for (const neuron of kept.order.data) {
		const frequency = last[neuron] ?? 0;
		if (found.at(-1)?.frequency !== frequency) found.push({ frequency, neurons: [] });
		found.at(-1)!.neurons.push(neuron);
	}
	return found;
}

/** The frequency that a neuron has in the end. */
export function frequencyOf(neuron: number, kept: Kept): number {
	return groups(kept).find((group) => group.neurons.includes(neuron))?.frequency ?? 0;
}

/** The frequencies that some neuron has in the end. */
export function keys(kept: Kept): number[] {
	return groups(kept)
		.map((group) => group.frequency)
		.filter((frequency) => frequency > 0);
}

/** The colour of a frequency; those of the end take the house's in turn, others have none. */
export function colorOf(frequency: number, kept: Kept, look: Look): string {
	const at = keys(kept).indexOf(frequency);
	return at < 0 ? look.quiet : look.frequencies[at % look.frequencies.length]!;
}
