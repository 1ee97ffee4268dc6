import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { isMissing, latest, row, type Run } from "../bundle.ts";
import { inPlane, type Place } from "../circle.ts";
import { Controls } from "../controls.tsx";
import { colorOf, keys } from "../groups.ts";
import { answering, canAnswer, firstMaximum } from "../evaluate.ts";
import { networkAt } from "../network.ts";
import { asked, pairsOf } from "../pairs.ts";
import { type Look, Note } from "../picture.tsx";
import type { State } from "../state.ts";
import { type Answer, Answers } from "../views/answers.tsx";
import { FewNeurons, type Sum } from "../views/few.tsx";
import { Clock, Pizza } from "../views/hands.tsx";
import { Plane } from "../views/plane.tsx";
import { short, times } from "../words.ts";
import type { Shown } from "./shown.ts";

const LARGEST = 1000; // modulus that can be added by hand
const FALLBACK = 67; // where the run has none of its own

/** Addition modulo p with a clock, with a pizza, by the run's network, and by a few neurons. */
export function ByHand({ bundle, state, look, change }: Shown): JSX.Element {
	const at = Math.max(
		0,
		bundle.runs.findIndex((one) => one.run === state.run),
	);
	const run = bundle.runs[at]!;
	const sum = sumOf(state, run);
	const steps = isMissing(run.kept) ? [0] : run.kept.steps.data;
	const index = latest(steps, state.step);
	return (
		<>
			<Controls {...{ bundle, run: at, steps, index, state, change }} />
			<Numbers {...{ sum, change }} />
			<div class="views">
				<section>
					<h2>Clock</h2>
					<Clock {...sum} look={look} />
					<p class="key">
						Every number has its place on a circle, which it goes round {times(sum.frequency)} from
						0 to {sum.p}. Turn the hand of <span class="train">{sum.a}</span> on by the angle of{" "}
						<span class="test">{sum.b}</span>: it points to their sum. To add angles is to multiply
						what lies on a circle.
					</p>
				</section>
				<section class="beside">
					<h2>Pizza</h2>
					<Pizza {...sum} look={look} />
					<p class="key">
						Nothing is multiplied here: the middle between <span class="train">{sum.a}</span> and{" "}
						<span class="test">{sum.b}</span> lies in the slice of their sum, on one side of the
						centre or the other. The nearer it is to the centre, the less is left to tell slices
						apart: here{" "}
						{short(Math.abs(Math.cos((Math.PI * sum.frequency * (sum.a - sum.b)) / sum.p)))} of the
						radius.
					</p>
				</section>
				<OfNetwork {...{ run, index, sum, look }} />
				<FewNeurons {...{ sum, state, look, change }} />
			</div>
		</>
	);
}

/** The pair, the modulus and the frequency of a link, made to fit one another. */
function sumOf(state: State, { kept, moments }: Run): Sum {
	const own = moments.task.kind === "addition" ? moments.task.p : FALLBACK;
	const p = state.p ? Math.max(3, Math.min(LARGEST, state.p)) : own;
	const first = !isMissing(kept) && p === own ? keys(kept)[0] : undefined;
	const frequency = Math.min(state.frequency || first || 1, Math.floor((p - 1) / 2));
	const [a, b] = [state.a % p, state.b % p];
	return { a, b, p, frequency };
}

function Numbers({ sum, change }: { sum: Sum; change: Shown["change"] }): JSX.Element {
	const { a, b, p, frequency } = sum;
	const fields: [string, number, number, number, (value: number) => Partial<State>][] = [
		["a", a, 0, p - 1, (value) => ({ a: value })],
		["b", b, 0, p - 1, (value) => ({ b: value })],
		["modulus p", p, 3, LARGEST, (value) => ({ p: value })],
		["frequency", frequency, 1, Math.floor((p - 1) / 2), (value) => ({ frequency: value })],
	];
	return (
		<div class="choices">
			<div role="group" aria-label="What is added" class="fields">
				{fields.map(([name, value, low, high, part]) => (
					<label key={name}>
						{name}
						<input
							type="number"
							min={low}
							max={high}
							value={value}
							onInput={(event) => {
								const given = event.currentTarget.valueAsNumber;
								if (given >= low && given <= high) change(part(Math.round(given)));
							}}
						/>
					</label>
				))}
				<output data-sum={(a + b) % p}>
					{a} + {b} = {(a + b) % p} modulo {p}
				</output>
			</div>
		</div>
	);
}

interface NetworkProps {
	run: Run;
	index: number;
	sum: Sum;
	look: Look;
}

/** The same pair as the run's network has it. */
function OfNetwork(props: NetworkProps): JSX.Element {
	const why = lacking(props);
	return (
		<>
			<section class="tall">
				<h2>Answers</h2>
				<Compared {...props} known={!why} />
				{why && <Note>{why}</Note>}
			</section>
			<section>
				<h2>The network’s own circle</h2>
				{why ? (
					<Note>Without a network for this pair there is no circle.</Note>
				) : (
					<Own {...props} />
				)}
			</section>
		</>
	);
}

/** Why there is no network that adds this pair, if there is none. */
function lacking({ run: { label, kept, moments }, sum }: NetworkProps): string {
	const { task } = moments;
	if (isMissing(kept)) return `${label} shows no network. ${kept.why}`;
	if (task.kind !== "addition") return `${label} learned something else than addition modulo p.`;
	if (task.p !== sum.p)
		return `The network of ${label} adds modulo ${task.p}. Set p to that to see what it does.`;
	if (isMissing(kept.forward)) return `This network cannot be asked here. ${kept.forward.why}`;
	if (!canAnswer(kept.forward)) return "This page does not know how to compute its neurons.";
	if (!pairsOf(kept.forward)) return "What this network is asked are no pairs.";
	return "";
}

function Compared({ run: { kept }, index, sum, look, known }: NetworkProps & { known: boolean }) {
	const { a, b, p, frequency } = sum;
	const right = (a + b) % p;
	const answers = useMemo(() => {
		const found: Answer[] = [
			{ name: `clock, frequency ${frequency}`, logits: clock([frequency], sum), color: look.quiet },
			{
				name: `pizza, frequency ${frequency}`,
				logits: pizza([frequency], sum),
				color: look.frequencies[2]!,
			},
		];
		if (!known || isMissing(kept) || isMissing(kept.forward)) return found;
		const all = keys(kept);
		if (all.length > 1) {
			const name = `pizzas of frequencies ${all.join(", ")} together`;
			found.push({ name, logits: pizza(all, sum), color: look.frequencies[2]! });
		}
		const forward = kept.forward;
		const { question } = asked(pairsOf(forward)!, a, b);
		const network = networkAt(forward.network, forward.reading, index);
		const logits = answering(network, forward)(question);
		found.push({ name: "the network", logits, color: look.frequencies[0]! });
		return found;
	}, [a, b, p, frequency, kept, index, known, look]);
	const own = known ? answers.at(-1)! : undefined;
	const answer = own && firstMaximum(Float64Array.from(own.logits));
	return (
		<>
			<Answers {...{ answers, right, look }} />
			<p
				class="key"
				data-answer={answer}
				data-logits={own && [...Array.from(own.logits)].join(" ")}
			>
				Every row has a scale of its own; the right class, {right}, is marked.{" "}
				{answer !== undefined &&
					`At this step the network answers ${answer}, which is ${answer === right ? "right" : "wrong"}. `}
				A clock is equally sure of all pairs; a pizza is the less sure the more nearly its two
				points are opposite, and asks other frequencies.
			</p>
		</>
	);
}

/** Σ cos ω(a + b − c), and the same as strong as the middle between a and b is far out. */
function clock(frequencies: number[], { a, b, p }: Sum, strength = (_: number) => 1): Float64Array {
	return Float64Array.from({ length: p }, (_, c) =>
		frequencies.reduce(
			(sum, k) => sum + strength(k) * Math.cos((2 * Math.PI * k * (a + b - c)) / p),
			0,
		),
	);
}

function pizza(frequencies: number[], sum: Sum): Float64Array {
	const { a, b, p } = sum;
	return clock(frequencies, sum, (k) => Math.abs(Math.cos((Math.PI * k * (a - b)) / p)));
}

function Own({ run: { kept }, index, sum, look }: NetworkProps): JSX.Element {
	const { a, b, p, frequency } = sum;
	const places = useMemo((): Place[] => {
		if (isMissing(kept)) return [];
		const [, , tokens = 0, neurons = 0] = kept.w_in.shape;
		return inPlane(row(kept.w_in, index), tokens, neurons, frequency);
	}, [kept, index, frequency]);
	const label =
		`All ${p} tokens where the network's input weights put them, in the plane of frequency ${frequency}. ` +
		`${a} and ${b} are marked.`;
	const color = isMissing(kept) ? look.quiet : colorOf(frequency, kept, look);
	return (
		<>
			<Plane name="own-circle" marked={[a, b]} {...{ label, places, frequency, color, look }} />
			<p class="key">
				The tokens as the neurons’ input weights have them, seen in the plane of frequency{" "}
				{frequency}. Move the step to see the circle form; choose a frequency that the network does
				not use to see none.
			</p>
		</>
	);
}
