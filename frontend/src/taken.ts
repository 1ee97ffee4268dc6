// The network at a step, what is left of it, and how well both answer.

import { useEffect, useMemo, useState } from "preact/hooks";
import { activationOf } from "./activations.ts";
import { type Forward, isMissing, type Kept } from "./bundle.ts";
import { canAnswer, evaluate, evaluating, isSmall, type Result } from "./evaluate.ts";
import { cut, type Network, networkAt } from "./network.ts";
import type { State } from "./state.ts";

const SLICE = 12; // milliseconds of computing between two looks at what the reader does

export interface Scored {
	network: Network;
	forward: Forward;
	result: Result | null; // not there yet
	milliseconds: number;
}

export interface Taken {
	whole: Scored;
	left: Scored;
	isWhole: boolean; // whether nothing was taken out or changed
	ideal: boolean; // whether what is left is of the ideal construction
}

/** Why a network cannot be computed here, or what was computed. */
export function useTaken(kept: Kept, index: number, state: State): Taken | string {
	const why = refusal(kept);
	const forward = why ? null : (kept.forward as Forward);
	const network = useMemo(
		() => forward && networkAt(forward.network, forward.reading, index),
		[forward, index],
	);
	const ideal = state.rounded !== "" && forward !== null && canRound(kept, index);
	const { mode, frequencies, neurons, heads } = state;
	const chosen = `${mode} ${frequencies} ${neurons} ${heads} ${ideal}`;
	const isCut = ideal || frequencies.length + neurons.length + heads.length > 0;
	const [left, spent] = useMemo(() => {
		if (!network || !forward || !isCut) return [network, 0];
		const began = performance.now();
		const from = ideal && !isMissing(forward.ideal) ? networkAt(forward.ideal, null, 0) : network;
		const left = cut(from, { mode, frequencies, neurons, heads });
		return [left, performance.now() - began];
	}, [network, chosen]);
	const swapped = useMemo(
		() =>
			forward && activationOf(state.activation)
				? { ...forward, activation: state.activation }
				: forward,
		[forward, state.activation],
	);
	const before = useScored(network, forward);
	const same = left === network && swapped?.activation === forward?.activation;
	const after = useScored(same ? null : left, swapped);
	return useMemo(() => {
		if (why) return why;
		const left = same ? before! : { ...after!, milliseconds: after!.milliseconds + spent };
		return { whole: before!, left, isWhole: same, ideal };
	}, [why, before, after, same, ideal]);
}

function refusal({ forward }: Kept): string {
	if (isMissing(forward)) return forward.why;
	if (canAnswer(forward)) return "";
	return `This page does not know how to compute neurons of the kind “${forward.activation}”.`;
}

/** Whether there is an ideal construction of what is shown. */
export function canRound({ forward, steps }: Kept, index: number): boolean {
	return !isMissing(forward) && !isMissing(forward.ideal) && index === steps.data.length - 1;
}

/** How a network answers: at once if it is small, and otherwise as soon as it is computed. */
function useScored(network: Network | null, forward: Forward | null): Scored | null {
	const now = useMemo(() => {
		if (!network || !forward) return null;
		const began = performance.now();
		const result = isSmall(network, forward) ? evaluate(network, forward) : null;
		return { network, forward, result, milliseconds: performance.now() - began };
	}, [network, forward]);
	const [later, setLater] = useState<Scored | null>(null);
	useEffect(() => {
		if (!now || now.result) return;
		const parts = evaluating(now.network, now.forward);
		let milliseconds = 0;
		let timer: ReturnType<typeof setTimeout>;
		const go = () => {
			const began = performance.now();
			let next = parts.next();
			while (!next.done && performance.now() - began < SLICE) next = parts.next();
			milliseconds += performance.now() - began;
			if (next.done) setLater({ ...now, result: next.value, milliseconds });
			else timer = setTimeout(go);
		};
		timer = setTimeout(go);
		return () => clearTimeout(timer);
	}, [now]);
	if (!now || now.result) return now;
	return later?.network === now.network && later.forward === now.forward ? later : now;
}
